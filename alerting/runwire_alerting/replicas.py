"""What a run's ranks said of values that are to be the same on all of them: the last steps of which they told.

Each rank tells of few steps, the same ones mostly (`runwire.shipper.replicated`), at different moments. So a step is to
be judged some seconds after the first word of it, when whoever was to tell of it has.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

_METRICS_MAX = 16
_STEPS_MAX = 16


@dataclass(slots=True)
class Step:
    """One step of one metric.

    Attributes:
        since: when it was first told of, by our clock.
        values: by rank.
        same: whether all are the same, to the bit but for the sign of zero and what kind of NaN it is.
    """

    since: int
    values: dict[int, float] = field(default_factory=dict)
    same: bool = True

    def add(self, rank: int, value: float) -> None:
        """Take in a rank's value."""
        first = next(iter(self.values.values()), value)
        self.same = self.same and (value == first or (value != value and first != first))  # noqa: PLR0124 -- NaN
        self.values[rank] = value


@dataclass(slots=True)
class Replicas:
    """The last steps of one run.

    Attributes:
        metrics: by name, then by step in the order in which they were first told of.
    """

    metrics: dict[str, dict[int, Step]] = field(default_factory=dict)
    _attempts: dict[int, int] = field(default_factory=dict)
    _last: dict[tuple[str, int], int] = field(default_factory=dict)

    def take(self, rank: int, attempt: int, told: Mapping[str, tuple[int, float]], now: int) -> None:
        """Take in what a rank's pulse told: by metric, a step and its value.

        Where a rank begins anew or goes back, steps come again, with values that need not be those of before.
        """
        if attempt != self._attempts.get(rank, attempt):
            self._forget()
        self._attempts[rank] = attempt
        for metric, (step, value) in told.items():
            if metric not in self.metrics and len(self.metrics) == _METRICS_MAX:
                continue
            if step < self._last.get((metric, rank), step):
                self._forget()
            self._last[metric, rank] = step
            steps = self.metrics.setdefault(metric, {})
            if step not in steps:
                steps[step] = Step(now)
                if len(steps) > _STEPS_MAX:
                    del steps[next(iter(steps))]
            steps[step].add(rank, value)

    def _forget(self) -> None:
        self.metrics.clear()
        self._last.clear()
