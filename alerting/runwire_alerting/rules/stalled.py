"""A process that lives and makes no progress."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pydantic import Field

from runwire_alerting.book import Book, Verdict
from runwire_alerting.declarations import Seconds
from runwire_alerting.health import Rank
from runwire_alerting.rules.phase_overrun import bounded
from runwire_alerting.rules.rule import Rule, Settable, checkpoint, ended, explained, news


class Stalled(Rule):
    """Detects a process that is alive and makes no progress.

    Formula: by the host's own clock, the time since the last step, after 5 steps, exceeds max(5 x the longest of the
    recent steps, 120 s), at most 300 s unless 2 x the longest step is more. Begin and end of a phase (``run.phase``)
    count as progress; a phase of which is known how long it may be is `phase_overrun`'s to judge, also for the ranks
    that wait meanwhile. Who waits for a rank that crashed, was lost, or stands still itself is not called stalled.
    A run whose pulses stop is not called stalled, nor is a stalled one called well: that is `host_lost`'s to tell. A
    further step, or the end, resolves it.

    Source: factor and warm-up are NVRx' (5, 5); the cap is ours, so that it fires before NCCL aborts at 600 s.

    False alarms: evaluation, checkpoint, compilation or a new data shard of more than two minutes among fast steps:
    say ``run.phase(...)``.

    Example::

        rules:
          - name: stalled
            params: {after: 10m}
    """

    name = "stalled"
    follows = frozenset({"nonfinite", "host_lost", "gpu_xid"})

    class Params(Settable):
        """How long a run may pause; times in seconds."""

        after: Seconds = Field(
            default=120.0, gt=0, description="a run is not called stalled before, however fast its steps were"
        )
        after_max: Seconds = Field(
            default=300.0,
            gt=0,
            description="... and is not later than this, unless its steps take that long (NCCL aborts at 600)",
        )
        factor: float = Field(default=5.0, ge=1, description="how many of its longest recent steps a run may pause")
        steps: int = Field(default=5, ge=0, description="steps after which a run's pace is known")

        def limit(self, step_seconds_max: float | None) -> float:
            """Return how long a run, whose longest recent step took ``step_seconds_max``, may go without progress."""
            longest = step_seconds_max or 0.0
            latest = max(self.after_max, self.after)
            usual = min(max(self.factor * longest, self.after), latest)
            return max(usual, 2 * longest)

    def __init__(self, params: Params) -> None:
        self._params = params

    def run(self, ranks: Sequence[Rank], book: Book, now: int, seen: int) -> Iterator[Verdict]:  # noqa: ARG002
        """Judge the progress of a run's ranks. While one is in a phase, as a checkpoint, the others may wait for it."""
        waits = any(bounded(rank) and rank.ended is None for rank in ranks)
        for rank in ranks:
            yield from self._judge(rank, book, waits=waits)

    def _judge(self, rank: Rank, book: Book, *, waits: bool) -> Iterator[Verdict]:
        alert = book.own(rank.run, self.name, rank.rank)
        if alert is not None and alert.state == "firing":
            yield from ended(alert, rank, well=news(alert, rank, rank.moved), words=f"it goes on, at step {rank.step}.")
            return
        limit = self._params.limit(rank.step_seconds_max)
        if rank.pause <= limit or rank.ended is not None or rank.sent == 0:
            return
        if rank.steps < self._params.steps or waits:
            return
        if not news(alert, rank, rank.moved) or explained(rank, book):
            return
        yield self.fire(
            rank,
            title=f"{rank.label} makes no progress since step {rank.step}",
            text=_text(rank, limit) + checkpoint(rank, rank.sent),
            severity="critical",
            caused_at=rank.moved,
        )


def _text(rank: Rank, limit: float) -> str:
    longest = rank.step_seconds_max
    pace = "" if longest is None else f", its longest recent step took {longest:.3g} s"
    allowed = f"allowed are {limit:.0f} s{pace}"
    return f"{rank.who}: alive, but no step for {rank.pause:.0f} s after step {rank.step} ({allowed})."
