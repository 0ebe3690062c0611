"""A process of which nothing is heard any more."""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import Field

from runwire_alerting.book import Book, Fire, Verdict
from runwire_alerting.health import Rank
from runwire_alerting.rules.rule import SECOND, Rule, Settable, ended, news

#: So many pulses must be missing, however short the time that is set.
_PULSES_MISSING = 3


class Heartbeat(Rule):
    """Fires when no pulse of a living process has arrived for some time; a later pulse, or its end, resolves it.

    Time counts by arrival, and only while the reader sees everything there is (``seen``): its own lag, absence or
    start is no silence of the run's.
    """

    name = "heartbeat"
    hostwide = True
    follows = frozenset({"crash"})

    class Params(Settable):
        """How long a run may be silent."""

        after: float = Field(
            default=60.0, gt=0, description="seconds without a pulse after which a host is called lost"
        )

    def __init__(self, params: Params) -> None:
        self._params = params

    def tick(self, rank: Rank, book: Book, now: int, seen: int) -> Iterator[Verdict]:
        """Judge a rank's silence."""
        alert = book.own(rank.run, self.name, rank.rank)
        if alert is not None and alert.state == "firing":
            yield from ended(alert, rank, well=news(alert, rank, rank.heard), words="it is heard again.")
            return
        silence = (now - max(rank.arrived, seen)) / SECOND
        if silence <= max(self._params.after, _PULSES_MISSING * rank.interval):
            return
        if rank.ended is not None or not news(alert, rank, rank.heard):
            return
        step = "" if rank.step is None else f" Its last known step is {rank.step}."
        yield Fire(
            rule=self.name,
            run=rank.run,
            rank=rank.rank,
            attempt=rank.attempt,
            title=f"{rank.label} is not heard of any more",
            text=f"{rank.who}: no sign of life for {silence:.0f} s: its host is lost, or cannot reach Kafka.{step}",
            severity="critical",
            caused_at=rank.heard,
            project=rank.project,
            name=rank.name,
            host=rank.host,
            step=rank.step,
        )
