"""A metric on the wrong side of a number."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from typing import ClassVar, Literal

from pydantic import Field

from runwire.wire.messages import Severity
from runwire_alerting.detectors.detector import Detector, DetectorParams, Point, Sighting, Verdict, Well

_COMPARE: dict[str, Callable[[float, float], bool]] = {
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
    "==": operator.eq,
    "!=": operator.ne,
}


class Threshold(Detector):
    """Detects a metric that is above or below a number that a person has set.

    Formula: `of` (the last value, or the least, largest or mean one) of the last `window` pulses `op` `value`. Until
    there are so many pulses nothing is said. That it must hold for a time is the rule's `for`.

    Source: what trackers and Prometheus call a threshold.

    False alarms: those of the number. A mean over a window, or a `for`, passes over single values.

    Example::

        rules:
          - name: threshold
            where: {metric: val/accuracy}
            params: {op: "<", value: 0.5, of: mean, window: 10}
            for: 5m
    """

    class Params(DetectorParams):
        """What can be chosen; `value` must be."""

        op: Literal[">", ">=", "<", "<=", "==", "!="] = Field(default=">", description="how it is compared")
        value: float = Field(allow_inf_nan=False, description="with what it is compared")
        of: Literal["last", "min", "max", "mean"] = Field(default="last", description="what is compared")
        window: int = Field(default=1, ge=1, le=1000, description="over how many points")
        well_after: int = Field(default=1, ge=1, description="good points in a row after which all is well again")

    name: ClassVar[str] = "threshold"
    severity: ClassVar[Severity] = "warning"
    on: ClassVar[bool] = False
    params: Params

    def __init__(self, params: Params) -> None:
        super().__init__(params)
        self._values: list[float] = []
        self._counts: list[int] = []

    def _judge(self, point: Point) -> Verdict | None:
        of, window = self.params.of, self.params.window
        value: float = point.sum if of == "mean" else getattr(point, of)
        if not math.isfinite(value):
            return None
        self._values.append(value)
        if of == "mean":
            self._counts.append(point.count)
        del self._values[:-window], self._counts[:-window]
        if len(self._values) < window:
            return None
        value = self._reduced()
        if not _COMPARE[self.params.op](value, self.params.value):
            return Well(value, self.params.value)
        over = f" of the last {window} pulses" if window > 1 else ""
        return Sighting(
            value, self.params.value, f"{of}{over} is {value:.6g}, which is {self.params.op} {self.params.value:g}"
        )

    def _reduced(self) -> float:
        match self.params.of:
            case "mean":
                return sum(self._values) / sum(self._counts)
            case "min":
                return min(self._values)
            case "max":
                return max(self._values)
            case _:
                return self._values[-1]
