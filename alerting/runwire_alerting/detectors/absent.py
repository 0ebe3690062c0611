"""A metric that comes no more."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from runwire.wire.messages import Severity
from runwire_alerting.detectors.detector import Detector, DetectorParams, Point, Sighting, Verdict, Well


class Absent(Detector):
    """Detects a metric that is logged no more while steps go on.

    Formula: steps since it was last logged > `factor` × the longest gap before, and > `steps`; after `points` points.
    Steps, and not seconds: a run that pauses logs nothing, and nothing is wrong with that.

    Source: ours; Prometheus has `absent()`, and no tracker has it for metrics.

    False alarms: a metric of one part of a training that is over. So it is off unless it is asked for.

    Example::

        rules:
          - name: absent
            where: {metric: val/loss}
    """

    class Params(DetectorParams):
        """What can be chosen."""

        factor: float = Field(default=3.0, ge=1, description="how many times the longest gap is too long")
        steps: int = Field(default=100, ge=1, description="steps that must at least be without it")
        points: int = Field(default=5, ge=2, description="points after which its gaps are known")
        well_after: int = Field(default=1, ge=1, description="points after which all is called well again")

    name: ClassVar[str] = "absent"
    severity: ClassVar[Severity] = "warning"
    on: ClassVar[bool] = False
    params: Params

    def __init__(self, params: Params) -> None:
        super().__init__(params)
        self._gap = self._points = 0

    def without(self, step: int) -> Verdict | None:
        """Judge a pulse of ``step`` in which the metric was not logged at all."""
        if self._points < self.params.points:
            return None
        self._step = min(self._step, step)  # steps that come again lack it only now
        gap = step - self._step
        if gap <= self._bound():
            return None
        words = f"not logged for {gap} steps since step {self._step}; before it came at least every {self._gap} steps"
        return self._tallied(Sighting(gap, self._gap, words))

    def _judge(self, point: Point) -> Verdict | None:
        gap = point.step - self._step
        if self._points and (self._points < self.params.points or gap <= self._bound()):
            self._gap = max(self._gap, gap)
        self._points += self._points < self.params.points
        return Well(gap, self._gap)

    def _bound(self) -> float:
        return max(self.params.factor * self._gap, self.params.steps)
