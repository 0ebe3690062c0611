"""Steps that take longer than they did."""

from __future__ import annotations

from statistics import median
from typing import ClassVar

from pydantic import Field

from runwire.wire.messages import Severity
from runwire_alerting.detectors.detector import Detector, DetectorParams, Point, Sighting, Verdict, Well
from runwire_alerting.detectors.window import Window

#: The course is kept as so many values at most; when there are more, every other one goes.
_KEPT = 256
#: So few tokens a second are none.
_LEAST = 1e-9


class Slowdown(Detector):
    """Detects that a whole run has become slower.

    The metric is the seconds of a step. Where ``where.beside`` names tokens a second, the time of a token is judged in
    their place: with packed sequences steps differ in length.

    Formula: the median of the last `window` pulses exceeds `factor` × the median of the run before.

    Source: Greyhound (fail-slow by 10% and more), ResiHP (25%, below which false alarms abound). That median is of at
    most 256 values, spread evenly over the run.

    False alarms: evaluation inside of a step, a checkpoint in the background and a busy neighbour, unless they take
    less than half of the window: give the rule a `for` of some minutes. The first `warm_up` pulses after each start are
    passed over, for they compile and fill caches. Our own trainings, of steps of a millisecond on a busy machine, are
    slower by more than a quarter at times, so it is off unless it is asked for.

    Example::

        rules:
          - name: slowdown
            where: {metric: perf/step_seconds, beside: perf/tokens_per_second}
            for: 10m
    """

    class Params(DetectorParams):
        """What can be chosen."""

        window: int = Field(default=50, ge=4, le=4096, description="points that tell how fast it is now")
        factor: float = Field(default=1.25, gt=1, description="how many times the run's median is too slow")
        warm_up: int = Field(default=5, ge=0, description="first points after each start, which are passed over")

    name: ClassVar[str] = "slowdown"
    severity: ClassVar[Severity] = "warning"
    on: ClassVar[bool] = False
    params: Params

    def __init__(self, params: Params) -> None:
        super().__init__(params)
        self._recent = Window(params.window)
        self._kept: list[float] = []
        self._stride, self._skipped = 1, 0
        self._usual = 0.0
        self._unseen = params.warm_up
        self._token_seconds: float | None = None
        self._tokens = False

    def resumed(self) -> None:
        """Pass over the first points, and forget how fast the attempt before was at its end."""
        self._unseen = self.params.warm_up
        self._recent.clear()

    def _beside(self, point: Point) -> None:
        """Take note of the tokens a second."""
        self._token_seconds = 1 / point.mean if point.mean > _LEAST else None

    def _judge(self, point: Point) -> Verdict | None:
        value, tokens = point.mean, self._token_seconds is not None
        if self._token_seconds is not None:
            value = self._token_seconds
        if tokens != self._tokens:
            self._tokens = tokens
            self._recent.clear()
            self._kept, self._stride, self._skipped = [], 1, 0
        if self._unseen:
            self._unseen -= 1
            return None
        self._recent.push(point.step, value)
        if len(self._recent) < self.params.window or len(self._kept) < self.params.window:
            self._keep(value)
            return None
        now = self._recent.median
        bound = self.params.factor * self._usual
        if now <= bound:
            self._keep(value)
            return Well(now, self._usual)
        unit = "s a token" if tokens else "s a step"
        return Sighting(
            now,
            self._usual,
            f"median {now:.4g} {unit} of the last {len(self._recent)} pulses > {self.params.factor:g} ×"
            f" {self._usual:.4g}, the run's",
        )

    def _keep(self, value: float) -> None:
        self._skipped += 1
        if self._skipped < self._stride:
            return
        self._skipped = 0
        self._kept.append(value)
        if len(self._kept) > _KEPT:
            self._kept = self._kept[::2]
            self._stride *= 2
        self._usual = median(self._kept)
