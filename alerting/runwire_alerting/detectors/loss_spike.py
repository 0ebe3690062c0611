"""A loss that jumps."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from runwire.wire.messages import Severity
from runwire_alerting.detectors.detector import Point
from runwire_alerting.detectors.relative import Relative, RelativeParams

_SHARE = 0.9


class LossSpike(Relative):
    """Detects a loss that jumps above what it was, for more than a moment.

    Formula: the mean of a pulse exceeds median + `spread` × (q90 − median) of the last `window` pulses' means, the
    median by a tenth (`ratio`), and `near_zero` of what the loss was at first; `in_row` pulses in a row. What lasts
    for a whole window is no spike any more: the baseline begins anew there, and `divergence` tells of it.

    Source: ours, after the rolling statistics of OLMo-core (mean + 6σ of 128 steps). Its parameters were chosen on
    curves of real trainings, where rules of a single point report each bad batch (decision 0029).

    False alarms: other data that are harder, at once; a warm restart of the learning rate that throws the loss far
    back. Batches that are bad one by one, several data sets in one metric, noise, resumes from a checkpoint and losses
    about 0 are not reported. A spike of fewer than `in_row` pulses is not found, nor one in the first `warm_up`.

    Example::

        rules:
          - name: loss_spike
            where: {metric: train/loss}
            params: {spread: 3, in_row: 3}
    """

    class Params(RelativeParams):
        """What can be chosen."""

        in_row: int = Field(default=5, ge=1, le=1000, description="bad points in a row, before which nothing is said")
        spread: float = Field(
            default=2.0, gt=0, description="how many times as far from the median as the 90% quantile is too far"
        )
        ratio: float = Field(default=1.1, gt=1, description="what is below so many times the median is no spike")

    name: ClassVar[str] = "loss_spike"
    severity: ClassVar[Severity] = "warning"
    settles: ClassVar[bool] = True
    params: Params

    def _value(self, point: Point) -> float:
        return point.mean

    def _bound(self) -> float:
        usual = self._window.median
        spread = self.params.spread * (self._window.quantile(_SHARE) - usual)
        return max(usual + spread, usual + (self.params.ratio - 1) * abs(usual), self._least(usual))

    def _formula(self, value: float, bound: float) -> str:
        usual, high = self._window.median, self._window.quantile(_SHARE)
        return (
            f"{value:.4g} > {bound:.4g}, the {_nth(self._bad)} pulse in a row; the bound is of the last"
            f" {len(self._window)} pulses: median {usual:.4g}, 90% of them below {high:.4g}"
        )


def _nth(number: int) -> str:
    """Return an ordinal in digits."""
    ending = "th" if number % 100 in {11, 12, 13} else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"
