"""A validation loss that rises while the training loss does not."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from runwire.wire.messages import Severity
from runwire_alerting.detectors.detector import Detector, DetectorParams, Point, Sighting, Verdict, Well


class Overfit(Detector):
    """Detects that a model learns its examples by heart: validation gets worse, and training does not.

    The metric is the validation loss; ``where.beside`` names the training loss.

    Formula: the validation loss exceeds the mean training loss since the evaluation before by more than `gap` of it,
    and its own best by more than `rise`, in `in_row` evaluations in a row.

    Source: SageMaker Debugger's Overfit (ratio 0.1) and Overtraining (patience 5).

    False alarms: dropout, augmentation and other data make a gap from the beginning, so there must be a rise as well. A
    double descent rises, and falls again.

    Example::

        rules:
          - name: overfit
            where: {metric: val/loss, beside: train/loss}
    """

    class Params(DetectorParams):
        """What can be chosen."""

        gap: float = Field(default=0.1, ge=0, description="share of the training loss by which validation is higher")
        rise: float = Field(default=0.02, ge=0, description="share of its best by which the validation loss is higher")
        in_row: int = Field(default=5, ge=1, description="evaluations in a row, before which nothing is said")
        well_after: int = Field(default=1, ge=1, description="good evaluations after which all is called well again")

    name: ClassVar[str] = "overfit"
    severity: ClassVar[Severity] = "info"
    params: Params

    def __init__(self, params: Params) -> None:
        super().__init__(params)
        self._sum = 0.0
        self._count = self._bad = 0
        self._training: float | None = None
        self._best: float | None = None

    def _beside(self, point: Point) -> None:
        """Take note of the training loss."""
        self._sum += point.sum
        self._count += point.count

    def _judge(self, point: Point) -> Verdict | None:
        if self._count:
            self._training, self._sum, self._count = self._sum / self._count, 0.0, 0
        value, best, training = point.mean, self._best, self._training
        if best is None or value < best:
            self._best = best = value
        if training is None:
            return None
        if value - training <= self.params.gap * abs(training) or value - best <= self.params.rise * abs(best):
            self._bad = 0
            return Well(value, best)
        self._bad += 1
        if self._bad < self.params.in_row:
            return None
        return Sighting(
            value,
            best,
            f"{value:.4g} in validation against {training:.4g} in training, and {best:.4g} at best, for {self._bad}"
            " evaluations",
        )
