"""A run that does not get to its first step."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pydantic import Field

from runwire_alerting.book import Book, Verdict
from runwire_alerting.declarations import Seconds
from runwire_alerting.health import Rank
from runwire_alerting.rules.phase_overrun import bounded
from runwire_alerting.rules.rule import SECOND, Rule, Settable, ended


class SlowStart(Rule):
    """Detects that a run lives and no rank of it has logged a step since it began.

    Formula: by the first rank's own clock, no step ``after`` seconds from the begin of its attempt, while no rank of
    the run has made one. While it is in a phase that says how long it may be, `phase_overrun` judges instead. The first
    step of any rank, or the end, resolves it.

    Source: SageMaker's MaxInitializationTime, 20 min; NeMo waits 30 min for the first heartbeat.

    False alarms: huge data or checkpoints to load, long compilation; a program that logs nothing over steps. Set
    ``after``, or say ``run.phase("setup", limit=...)``.

    Example::

        rules:
          - name: slow_start
            params: {after: 1h}
    """

    name = "slow_start"

    class Params(Settable):
        """What can be set."""

        after: Seconds = Field(default=1200.0, gt=0, description="within so many seconds a run makes its first step")

    def __init__(self, params: Params) -> None:
        self._params = params

    def run(self, ranks: Sequence[Rank], book: Book, now: int, seen: int) -> Iterator[Verdict]:  # noqa: ARG002
        """Judge a run that has made no step."""
        stepped = any(rank.steps for rank in ranks)
        for alert in book.firing(ranks[0].run, self.name):
            for rank in ranks:
                if rank.rank == alert.rank:
                    yield from ended(alert, rank, well=stepped, words="it made its first step.")
        if stepped:
            return
        first = min(ranks, key=lambda rank: rank.rank)
        waited = (first.sent - max(first.attempt * SECOND, first.watched)) / SECOND
        if waited <= self._params.after or first.ended is not None or bounded(first):
            return
        own = book.own(first.run, self.name, first.rank)
        if own is None or (own.attempt or 0) < first.attempt:
            yield self.fire(
                first,
                title=f"{first.label} has not made a step since it began",
                text=f"{first.who}: alive, but no step in the {waited:.0f} s since it began (allowed are "
                f"{self._params.after:.0f} s).",
                severity="warning",
                caused_at=first.attempt * SECOND,
            )
