"""A rank that stands still while its peers go on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pydantic import Field

from runwire_alerting.book import Book, Verdict
from runwire_alerting.declarations import Seconds
from runwire_alerting.health import Rank
from runwire_alerting.rules.phase_overrun import bounded
from runwire_alerting.rules.rule import Rule, Settable, checkpoint, ended, explained, news, numbers

#: A rank's pace is known after so many steps.
_STEPS_KNOWN = 5
#: A pause of so many of its own longest recent steps is not its pace: a rank may log every tenth step only.
_PACES = 2.0


class RanksDisagree(Rule):
    """Detects that ranks of a run stay behind on the step while others go on: they are stuck, or train apart.

    Formula: a rank is behind if a peer is more than ``steps`` steps ahead of it and made steps for at least ``after``
    seconds since this one's last; and if it paused for more than 2 x its longest recent step. While a rank is in a
    phase of which is known how long it may be, as when the first one evaluates, nothing is compared. Both pauses are
    measured by each host's own clock, so clocks need not agree. The first rank behind is named with the others. Its
    next step, or its end, resolves the alert.

    Source: NVRx' analysis of flight records suspects the ranks that are missing from a collective; numbers are ours.

    False alarms: trainings whose ranks are not in step by design (asynchronous, a rank that only evaluates): switch the
    rule off for them.

    Example::

        rules:
          - name: ranks_disagree
            params: {after: 3m, steps: 10}
    """

    name = "ranks_disagree"

    class Params(Settable):
        """What can be set."""

        steps: int = Field(default=2, ge=1, description="peers may be ahead by so many steps")
        after: Seconds = Field(default=60.0, gt=0, description="... or have gone on for so many seconds")

    def __init__(self, params: Params) -> None:
        self._params = params

    def run(self, ranks: Sequence[Rank], book: Book, now: int, seen: int) -> Iterator[Verdict]:  # noqa: ARG002
        """Compare a run's ranks."""
        if len(ranks) == 1:
            return
        firing = book.firing(ranks[0].run, self.name)
        if firing:
            for alert in firing:
                for rank in ranks:
                    if rank.rank == alert.rank:
                        well = news(alert, rank, rank.moved)
                        yield from ended(alert, rank, well=well, words=f"it goes on, at step {rank.step}.")
            return
        behind = [rank for rank in ranks if rank.pause > self._params.after and rank.steps >= _STEPS_KNOWN]
        behind = [rank for rank in behind if self._stays(rank, ranks)]
        if not behind or any(bounded(rank) and rank.ended is None for rank in ranks):
            return
        first = min(behind, key=lambda rank: (rank.step or 0, rank.rank))
        if not news(book.own(first.run, self.name, first.rank), first, first.moved) or explained(first, book):
            return
        top = max(rank.step or 0 for rank in ranks if rank.ended is None)
        yield self.fire(
            first,
            title=f"{first.label}: {numbers(behind)} stopped at step {first.step}, others are at {top}",
            text=f"{first.who}: alive, but no step for {first.pause:.0f} s after step {first.step}, while others went "
            f"on to step {top}. Behind: {numbers(behind)} of {len(ranks)}." + checkpoint(first, first.sent),
            severity="critical",
            caused_at=first.moved,
        )

    def _stays(self, rank: Rank, ranks: Sequence[Rank]) -> bool:
        """Return whether a rank that pauses is behind a peer that has gone on meanwhile."""
        if rank.ended is not None or rank.pause <= _PACES * (rank.step_seconds_max or 0):
            return False
        ahead, pause = (rank.step or 0) + self._params.steps, rank.pause - self._params.after
        return any(
            peer.step is not None and peer.step > ahead and peer.pause <= pause and peer.ended is None for peer in ranks
        )
