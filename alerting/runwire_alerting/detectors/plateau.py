"""A loss that gets no better."""

from __future__ import annotations

from statistics import fmean
from typing import ClassVar

from pydantic import Field

from runwire.wire.messages import Severity
from runwire_alerting.detectors.detector import Detector, DetectorParams, Point, Sighting, Verdict, Well

#: The course is kept as so many blocks at most; when there are more, two become one each.
_BLOCKS = 64


class Plateau(Detector):
    """Detects a loss that gets no better any more.

    Formula: over the last `share` of the run, and at least `points` pulses, the mean is not below that of as long a
    time before by `improvement` of it.

    Source: SageMaker Debugger's LossNotDecreasing and Composer's EarlyStopper, with windows that grow with the run in
    place of ten points, in which noise hides any progress.

    False alarms: most trainings end in a plateau, above all when the learning rate has decayed; in reinforcement
    learning and GANs the loss tells nothing. So it is off unless it is asked for.

    Example::

        rules:
          - name: plateau
            where: {metric: val/loss}
            params: {points: 50}
    """

    class Params(DetectorParams):
        """What can be chosen."""

        share: float = Field(default=0.2, gt=0, le=0.5, description="share of the run that is compared")
        points: int = Field(default=200, ge=8, description="points that are compared at least")
        improvement: float = Field(default=0.001, ge=0, description="share by which the loss must get better")

    name: ClassVar[str] = "plateau"
    severity: ClassVar[Severity] = "info"
    on: ClassVar[bool] = False
    params: Params

    def __init__(self, params: Params) -> None:
        super().__init__(params)
        self._blocks: list[float] = []
        self._width = max(params.points // 8, 1)
        self._sum = 0.0
        self._count = 0

    def _judge(self, point: Point) -> Verdict | None:
        self._sum += point.mean
        self._count += 1
        if self._count < self._width:
            return None
        self._blocks.append(self._sum / self._count)
        self._sum, self._count = 0.0, 0
        if len(self._blocks) == _BLOCKS:
            self._blocks = [(a + b) / 2 for a, b in zip(self._blocks[::2], self._blocks[1::2], strict=True)]
            self._width *= 2
        size = max(round(self.params.share * len(self._blocks)), -(-self.params.points // self._width))
        if len(self._blocks) < 2 * size:
            return None
        now, before = fmean(self._blocks[-size:]), fmean(self._blocks[-2 * size : -size])
        if before - now >= self.params.improvement * abs(before):
            return Well(now, before)
        points = size * self._width
        return Sighting(
            now, before, f"mean {now:.5g} of the last {points} pulses, after {before:.5g} of the {points} before"
        )
