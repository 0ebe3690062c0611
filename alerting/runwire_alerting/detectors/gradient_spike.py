"""A gradient that is suddenly far larger."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from runwire.wire.messages import Severity
from runwire_alerting.detectors.detector import Point
from runwire_alerting.detectors.relative import Relative, RelativeParams


class GradientSpike(Relative):
    """Detects a gradient norm far above what it was, which often comes before the loss suffers.

    Formula: the largest value of a pulse exceeds `factor` × the largest of the last `window` pulses', and `near_zero`
    of what it was at first.

    Source: Megatron-LM (10 × the largest of the first 100) and OLMo 2 (spikes of the gradient precede those of the
    loss). Multiples of the median report batches with wrong labels, and trainings whose loss is nearly 0 (decision
    0029).

    False alarms: what heals at once, as BLOOM's did, is reported all the same: as a warning. Infinite norms, which are
    usual with float16 and its loss scale, are passed over. A norm that is logged after clipping shows nothing, so log
    the one before.

    Example::

        rules:
          - name: gradient_spike
            where: {metric: grad_norm}
            severity: critical
            params: {factor: 10}
    """

    class Params(RelativeParams):
        """What can be chosen."""

        factor: float = Field(default=5.0, gt=1, description="how many times the largest recent value is too far")

    name: ClassVar[str] = "gradient_spike"
    severity: ClassVar[Severity] = "warning"
    settles: ClassVar[bool] = True
    params: Params

    def _value(self, point: Point) -> float:
        return point.max

    def _bound(self) -> float:
        return max(self.params.factor * self._window.max, self._least(self._window.median))

    def _formula(self, value: float, bound: float) -> str:
        return (
            f"{value:.4g} > {bound:.4g}; of the last {len(self._window)} pulses the median is"
            f" {self._window.median:.4g} and the largest {self._window.max:.4g}"
        )
