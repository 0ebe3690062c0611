"""A phase that does not end."""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import Field

from runwire_alerting.book import Book, Verdict
from runwire_alerting.declarations import Seconds
from runwire_alerting.health import Rank
from runwire_alerting.rules.rule import Rule, Settable, checkpoint, ended, explained, news

#: What is usual for a first one, seconds. Launchers of large trainings allow twenty minutes to set up and fifteen for a
#: checkpoint (NeMo, DLRover), of which a first one may take twice as long; the others are ours.
_FIRST = {"setup": 1200.0, "checkpoint": 1800.0, "eval": 3600.0, "shutdown": 600.0}


class PhaseOverrun(Rule):
    """Detects that a process, alive, has been silent in a phase for longer than the phase may be.

    Formula: by the host's own clock, the time since the last step or the phase's begin exceeds what the run promised
    (``run.phase("checkpoint", limit=900)``). Without a promise, that of the phases set-up, checkpoint, eval and
    shutdown: max(``factor`` x the run's own longest so far, ``least``); of a first one 20 min to set up, 30 min for a
    checkpoint, 1 h for an evaluation and 10 min to shut down. Other phases without a promise are `stalled`'s. The
    phase's end, a step, or the end of the process resolves it.

    Source: Megatron's fault tolerance has limits by section (set-up 600 s, step 180 s, checkpoint 420 s), DLRover 15
    min for a checkpoint; the factor 3 is ours.

    False alarms: a checkpoint that is far larger than those before, or a store that is slow for once: promise a limit.

    Example::

        rules:
          - name: phase_overrun
            params: {factor: 5}
    """

    name = "phase_overrun"

    class Params(Settable):
        """What can be set."""

        factor: float = Field(default=3.0, ge=1, description="so many times its longest so far a phase may take")
        least: Seconds = Field(default=300.0, gt=0, description="... and no less than so many seconds")

    def __init__(self, params: Params) -> None:
        self._params = params

    def tick(self, rank: Rank, book: Book, now: int, seen: int) -> Iterator[Verdict]:  # noqa: ARG002
        """Judge how long a rank has been silent in its phase."""
        alert = book.own(rank.run, self.name, rank.rank)
        if alert is not None and alert.state == "firing":
            yield from ended(alert, rank, well=news(alert, rank, rank.moved), words=f"it goes on, at step {rank.step}.")
            return
        if not bounded(rank) or rank.ended is not None or rank.sent == 0:
            return
        limit, why = self._limit(rank)
        if rank.pause <= limit or not news(alert, rank, rank.moved) or explained(rank, book):
            return
        at = "" if rank.step is None else f" after step {rank.step}"
        yield self.fire(
            rank,
            title=f"{rank.label} does not come out of its phase {rank.phase}",
            text=f"{rank.who}: alive, but {rank.pause:.0f} s of silence in its phase {rank.phase}{at} (allowed are "
            f"{limit:.0f} s, {why})." + checkpoint(rank, rank.sent),
            severity="critical",
            caused_at=rank.moved,
        )

    def _limit(self, rank: Rank) -> tuple[float, str]:
        """Return for how many seconds the rank may be silent in its phase, and why that is so."""
        if rank.phase_limit is not None:
            return rank.phase_limit, "as it promised"
        longest = rank.phases.get(rank.phase or "")
        if longest is None:
            return _FIRST[rank.phase or ""], "as is usual for a first one"
        return max(self._params.factor * longest, self._params.least), f"its longest so far took {longest:.0f} s"


def bounded(rank: Rank) -> bool:
    """Return whether a rank is in a phase of which is known how long it may be: then this rule judges its silence."""
    return rank.phase is not None and (rank.phase_limit is not None or rank.phase in _FIRST)
