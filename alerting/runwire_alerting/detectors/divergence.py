"""A loss that is thrown back and stays there."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from runwire.wire.messages import Severity
from runwire_alerting.detectors.detector import Point
from runwire_alerting.detectors.relative import Relative, RelativeParams

_SHARE = 0.9
#: A loss that did not fall by a third has learnt too little to tell that it gave half of that back.
_LEARNT = 1.5


class Divergence(Relative):
    """Detects a loss that rose far and stays there: the training has lost what it had learnt.

    Formula: the mean of a pulse exceeds `factor` × the median of the last `window` pulses' means, or has given back the
    share `given_back` of the way from the first points down to the best median; `in_row` pulses in a row. It must also
    exceed nine in ten of the window's means, and `near_zero` of what the loss was at first. Points after that are
    not learnt, so it is over only when the loss has come down again.

    Source: LLM Foundry's KillLossSpike (twice the running mean; half the window above the first window's largest);
    ours is the share given back, for a loss whose ceiling is near: at log(classes) it is not always twice as high.

    False alarms: a spike that takes longer than `in_row` pulses to heal is reported until it has. A new head or other
    data under the same run, unless its steps begin again before those that the window knows. The share given back is
    not judged where the loss is not positive, as in reinforcement learning, or fell by less than a third, as in fine
    tuning.

    Example::

        rules:
          - name: divergence
            where: {metric: train/loss}
            actions: [stop]
    """

    class Params(RelativeParams):
        """What can be chosen."""

        in_row: int = Field(default=20, ge=1, le=1000, description="bad points in a row, before which nothing is said")
        factor: float = Field(default=2.0, gt=1, description="how many times the median is too far")
        given_back: float = Field(
            default=0.5, gt=0, le=1, description="how much of what the loss has fallen by it may rise again"
        )

    name: ClassVar[str] = "divergence"
    severity: ClassVar[Severity] = "critical"
    settles: ClassVar[bool] = False
    params: Params

    def __init__(self, params: Params) -> None:
        super().__init__(params)
        self._best: float | None = None

    def _value(self, point: Point) -> float:
        return point.mean

    def _bound(self) -> float:
        usual = self._window.median
        if self._best is None or usual < self._best:
            self._best = usual
        bound = usual + (self.params.factor - 1) * abs(usual)
        first = self._first_median
        if self._best > 0 and first >= _LEARNT * self._best:
            bound = min(bound, self._best + self.params.given_back * (first - self._best))
        return max(bound, self._least(usual), self._window.quantile(_SHARE))

    def _formula(self, value: float, bound: float) -> str:
        return (
            f"{value:.4g} > {bound:.4g} for {self._bad} pulses; their median was {self._window.median:.4g} before,"
            f" at best {self._best:.4g}, and {self._first_median:.4g} at first"
        )
