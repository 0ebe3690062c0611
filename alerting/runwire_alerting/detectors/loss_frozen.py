"""A loss that does not change at all."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from runwire.wire.messages import Severity
from runwire_alerting.detectors.detector import Detector, DetectorParams, Point, Sighting, Verdict, Well


class LossFrozen(Detector):
    """Detects a loss that is the very same number again and again while steps go on.

    It is what is left of a NaN that a framework filters out of what it logs, of input that is always the same, or of
    updates that are all skipped.

    Formula: min = max = the same value over `points` logged values, while the step advances with each pulse. A value
    within `near_zero` of 0 counts only where the one before it was ten times as far: a loss that has become small
    repeats itself once it is rounded.

    Source: ours. The trainer of transformers replaces NaN by an average by default, of which 0 is left at the next
    logging.

    False alarms: a loss that is logged more often than it is computed; a frozen model that is evaluated again and
    again; full batches that have converged to the last bit.

    Example::

        rules:
          - name: loss_frozen
            where: {metric: train/loss}
            params: {points: 20}
    """

    class Params(DetectorParams):
        """What can be chosen."""

        points: int = Field(default=50, ge=2, description="logged values that must all be the same")
        near_zero: float = Field(
            default=1e-3, ge=0, description="values this near to 0 count only where the loss jumped there"
        )
        well_after: int = Field(default=1, ge=1, description="other values after which all is called well again")

    name: ClassVar[str] = "loss_frozen"
    severity: ClassVar[Severity] = "warning"
    params: Params

    def __init__(self, params: Params) -> None:
        super().__init__(params)
        self._value: float | None = None
        self._mean: float | None = None
        self._before: float | None = None
        self._since = -1
        self._count = 0

    def resumed(self) -> None:
        """Begin to count anew."""
        self._value, self._step = None, -1

    def _judge(self, point: Point) -> Verdict | None:
        if point.step <= self._step:  # the same step again
            return None
        if point.min != point.max or point.max != self._value:
            self._before, self._since, self._count = self._mean, point.step, 0
            self._value = point.max if point.min == point.max else None
        self._mean = mean = point.mean
        self._count += point.count
        if self._since == point.step or not self._jumped():
            return Well(mean, None)
        if self._count < self.params.points:
            return None
        return Sighting(
            mean,
            self._before,
            f"{self._count} values in a row are {self._value!r}, from step {self._since} to {point.step}",
        )

    def _jumped(self) -> bool:
        """Return whether the value is none that a healthy loss comes to rest at."""
        near = self.params.near_zero
        return abs(self._value or 0.0) >= near or (self._before is not None and abs(self._before) > 10 * near)
