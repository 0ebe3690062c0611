"""Ranks whose replicas of a model are not the same any more."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from typing import NamedTuple

from pydantic import Field

from runwire_alerting.book import Book, Resolve, Verdict
from runwire_alerting.health import Rank
from runwire_alerting.replicas import Step
from runwire_alerting.rules.crash import RESUMED
from runwire_alerting.rules.rule import SECOND, Rule, Settable, checkpoint, ended, numbers, outlived

#: So long after the first word of a step those who are to tell of it have.
_SETTLED = 3 * SECOND


class _Seen(NamedTuple):
    """One step as several ranks told of it: the values, the usual one, and the ranks that differ from it."""

    step: int
    values: dict[int, float]
    usual: float
    odd: frozenset[int]


class ReplicasDisagree(Rule):
    """Detects that a value which is to be the same on all ranks is not: a GPU computes wrongly, or ranks drift apart.

    Formula: of metrics that the run calls replicated, ``define_metric("grad_norm", role="replicated")``, ranks tell the
    values of some steps, the same ones. A rank differs from the value that most ranks have by more than ``tolerance``
    of it, NaN from any number, in the last ``steps`` steps in which it was compared. The rank that differs first is
    named with the others. As many steps of agreement, a resume, or its end resolve it.

    Source: arXiv 2604.00726, of silent errors that show as values which drift; Megatron-LM computes a suspect step
    anew. The tolerance and the number of steps are ours.

    False alarms: a metric that is not the same by design: a loss before it is averaged, a norm of one shard's weights.
    Ranks that log different batches' values under one step. Of two ranks it is not to be told which one is wrong.

    Example::

        rules:
          - name: replicas_disagree
            params: {tolerance: 0}
            actions: [stop]
    """

    name = "replicas_disagree"
    follows = frozenset({"nonfinite"})

    class Params(Settable):
        """What can be set."""

        tolerance: float = Field(default=1e-6, ge=0, lt=1, description="values may differ by this share; 0: by no bit")
        steps: int = Field(default=3, ge=1, le=10, description="in so many steps in a row")

    def __init__(self, params: Params) -> None:
        self._params = params

    def run(self, ranks: Sequence[Rank], book: Book, now: int, seen: int) -> Iterator[Verdict]:  # noqa: ARG002
        """Compare what the ranks told."""
        metrics = ranks[0].replicas.metrics
        firing = book.firing(ranks[0].run, self.name)
        for alert in firing:
            for rank in ranks:
                if rank.rank == alert.rank and outlived(alert, rank.attempt):
                    yield Resolve(alert, rank.attempt, RESUMED)
                elif rank.rank == alert.rank:
                    differs = _differs(rank.rank, self._compared(metrics.get(alert.metric, {}), now))
                    well = len(differs) >= self._params.steps and not any(differs[-self._params.steps :])
                    yield from ended(alert, rank, well=well, words=f"{alert.metric} is the same on all ranks again.")
        if firing or len(ranks) == 1:
            return
        for metric, steps in metrics.items():
            if all(step.same for step in steps.values()) or not self._judges(metric):
                continue
            verdict = self._judge(metric, self._compared(steps, now), ranks, book)
            if verdict is not None:
                yield verdict
                return

    def _judges(self, metric: str) -> bool:
        return not self.metrics or any(fnmatchcase(metric, glob) for glob in self.metrics)

    def _judge(self, metric: str, compared: Sequence[_Seen], ranks: Sequence[Rank], book: Book) -> Verdict | None:
        odd: list[tuple[int, Rank]] = []
        for rank in ranks:
            differs = _differs(rank.rank, compared)
            row = differs[len(differs) - differs[::-1].index(False) :] if False in differs else differs
            if len(row) >= self._params.steps and rank.ended is None:
                told = [one.step for one in compared if rank.rank in one.values]
                odd.append((told[-len(row)], rank))
        if not odd:
            return None
        step, first = min(odd, key=lambda item: (item[0], item[1].rank))
        own = book.own(first.run, self.name, first.rank, metric)
        if own is not None and (first.attempt, step) <= (own.attempt or 0, own.step or 0):
            return None
        seen = next(one for one in compared if one.step == step)
        others = len(seen.values) - len(seen.odd)
        value = seen.values[first.rank]
        doubt = "" if others > len(seen.odd) else " Which of them is wrong is not to be told from here."
        return self.fire(
            first,
            metric=metric,
            title=f"{first.label}: {metric} of {numbers(rank for _, rank in odd)} is not that of the others",
            text=f"{first.who}: {metric} is {value!r} at step {step}, and {seen.usual!r} on {others} other "
            f"{'ranks' if others > 1 else 'rank'}. Since then {numbers(rank for _, rank in odd)} of {len(ranks)} "
            f"differ.{doubt}" + checkpoint(first, first.sent),
            severity="critical",
            step=step,
            value=value,
            caused_at=first.sent,
        )

    def _compared(self, steps: dict[int, Step], now: int) -> list[_Seen]:
        """Return the steps of which several ranks have told, in their order."""
        settled = [step for step, one in steps.items() if len(one.values) > 1 and one.since <= now - _SETTLED]
        return [self._see(step, steps[step].values) for step in sorted(settled)]

    def _see(self, step: int, values: dict[int, float]) -> _Seen:
        in_order = [(rank, math.nan if math.isnan(values[rank]) else values[rank]) for rank in sorted(values)]
        usual = Counter(value for _, value in in_order).most_common(1)[0][0]
        odd = frozenset(rank for rank, value in in_order if not self._equal(value, usual))
        return _Seen(step, values, usual, odd)

    def _equal(self, value: float, usual: float) -> bool:
        if value == usual or (math.isnan(value) and math.isnan(usual)):
            return True
        return abs(value - usual) <= self._params.tolerance * max(abs(value), abs(usual)) < math.inf


def _differs(rank: int, compared: Sequence[_Seen]) -> list[bool]:
    """Return whether a rank differed, step by step of those of which it told."""
    return [rank in one.odd for one in compared if rank in one.values]
