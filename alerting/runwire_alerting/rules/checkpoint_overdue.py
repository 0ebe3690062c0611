"""Work that a crash would lose."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pydantic import Field

from runwire_alerting.book import Book, Resolve, Verdict
from runwire_alerting.health import Rank
from runwire_alerting.rules.rule import SECOND, Rule, Settable, at_risk, company, gpus_in_use


class CheckpointOverdue(Rule):
    """Detects that a run that saves checkpoints has made far more steps than usual since the last one.

    Formula: steps since the last checkpoint > ``factor`` x the most steps so far between two. Steps count and not time,
    so evaluation between is none of it. What is at risk is told in GPU hours, the time since the checkpoint x the GPUs
    of which the living ranks tell, or in hours of processes where they tell of none. A newer checkpoint, or the end,
    resolves it.

    Source: no tracker has it; the factor 2 is ours.

    False alarms: a schedule that grows, as each power of two: set ``factor`` to 3. Only for runs that say
    ``run.checkpoint_saved(step)``, which integrations do, from the second checkpoint on.

    Example::

        rules:
          - name: checkpoint_overdue
            params: {factor: 3}
    """

    name = "checkpoint_overdue"

    class Params(Settable):
        """What can be set."""

        factor: float = Field(default=2.0, ge=1, description="so many times the usual steps between two checkpoints")

    def __init__(self, params: Params) -> None:
        self._params = params

    def run(self, ranks: Sequence[Rank], book: Book, now: int, seen: int) -> Iterator[Verdict]:  # noqa: ARG002
        """Judge the steps of a run since its last checkpoint."""
        saved = [rank for rank in ranks if rank.checkpoint_step is not None]
        for alert in book.firing(ranks[0].run, self.name):
            newer = any((rank.checkpoint_step or 0) > (alert.value or 0) for rank in saved)
            if newer or all(rank.ended is not None and rank.attempt >= (alert.attempt or 0) for rank in ranks):
                why = "a newer checkpoint is saved." if newer else "the run ended."
                yield Resolve(alert, max(rank.attempt for rank in ranks), why)
        if not saved:
            return
        last = max(saved, key=lambda rank: rank.checkpoint_step or 0)
        step, at, gap = last.checkpoint_step or 0, last.checkpoint_at or last.sent, last.checkpoint_gap
        if gap is None or last.ended is not None or (last.step or 0) - step <= self._params.factor * gap:
            return
        own = book.own(last.run, self.name, last.rank)
        if own is not None and (own.value or 0) >= step and (own.attempt or 0) >= last.attempt:
            return
        steps, gpus = (last.step or 0) - step, gpus_in_use(last)
        count, what = (gpus, "GPU") if gpus else (len(company(last)), "process")
        yield self.fire(
            last,
            title=f"{last.label} has saved no checkpoint since step {step}",
            text=f"{last.who}: at step {last.step}, {steps} steps after its last checkpoint; at most {gap} "
            f"were between two so far. At risk: {at_risk(count, what, max(last.sent - at, 0) / SECOND)}.",
            severity="warning",
            value=float(step),
            caused_at=at,
        )
