"""Gradients, or updates, of next to nothing or of far too much."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from runwire.wire.messages import Severity
from runwire_alerting.detectors.detector import Detector, DetectorParams, Point, Sighting, Verdict, Well


class Vanishing(Detector):
    """Detects a gradient, or an update in proportion to its weight, that is too small to learn from, or too large.

    Formula: the mean of a pulse is below `below`, or above `above` where that is given, in `in_row` pulses in a row.

    Source: SageMaker Debugger's VanishingGradient (mean of the gradient's absolute values below 1e-7) and
    WeightUpdateRatio (above 10 or below 1e-8).

    False alarms: a learning rate that begins at 0, so the first `warm_up` pulses are not judged; a frozen layer, so
    what was exactly 0 from the beginning is not either. The scale is the loss's: one that is divided by 1,000 has
    gradients that are.

    Example::

        rules:
          - name: vanishing
            where: {metric: "update_ratio/*"}
            params: {below: 1.0e-8, above: 10}
    """

    class Params(DetectorParams):
        """What can be chosen."""

        below: float = Field(default=1e-7, ge=0, description="a mean below this is too small")
        above: float | None = Field(default=None, gt=0, description="a mean above this is too large; null: none is")
        in_row: int = Field(default=10, ge=1, description="bad points in a row, before which nothing is said")
        warm_up: int = Field(default=20, ge=0, description="first points, which are not judged")

    name: ClassVar[str] = "vanishing"
    severity: ClassVar[Severity] = "warning"
    params: Params

    def __init__(self, params: Params) -> None:
        super().__init__(params)
        self._seen = self._bad = 0
        self._alive = False

    def _judge(self, point: Point) -> Verdict | None:
        self._alive = self._alive or point.min != 0 or point.max != 0
        if self._seen < self.params.warm_up:
            self._seen += 1
            return None
        if not self._alive:
            return None
        mean, above = point.mean, self.params.above
        small, large = mean < self.params.below, above is not None and mean > above
        if not (small or large):
            self._bad = 0
            return Well(mean, None)
        self._bad += 1
        if self._bad < self.params.in_row:
            return None
        bound = f"< {self.params.below:g}" if small else f"> {above:g}"
        return Sighting(mean, None, f"mean {mean:.4g} {bound} for {self._bad} pulses")
