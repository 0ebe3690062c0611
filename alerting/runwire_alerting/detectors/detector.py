"""What a detector is: it is given one metric's course, point by point, and says where that is wrong.

A detector knows of no run, no alert and no clock. It keeps what it needs of the past in a bounded state that can be
taken out and put back, so that a worker that is killed goes on with the very same verdicts.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar, NamedTuple

from pydantic import BaseModel, ConfigDict, Field

from runwire.wire import MetricPulse
from runwire.wire.messages import Severity
from runwire_alerting.detectors.window import Window
from runwire_alerting.errors import AlertingError

#: Sums and products of what is below are finite, so that no state is without a number.
_LARGEST = 1e100


class StateError(AlertingError):
    """A state that was put back is none of this detector's, as one of an older version may be."""


class Point(NamedTuple):
    """What one pulse tells of one metric: at least one finite value.

    Attributes:
        step: the last step logged until then.
        ts: when the pulse was sent, microseconds since the epoch.
        count: how many finite values.
        last: the last value, which may be NaN or infinite.
        min, max, sum: over the finite values.
    """

    step: int
    ts: int
    count: int  # type: ignore[assignment]  # tuples have a method of that name, for which nobody looks here
    last: float
    min: float
    max: float
    sum: float

    @property
    def mean(self) -> float:
        """Return the mean of the finite values."""
        return self.sum / self.count

    @classmethod
    def of(cls, step: int, ts: int, seen: MetricPulse) -> Point | None:
        """Return what a pulse of ``step``, sent at ``ts``, tells; None if no value was finite."""
        if seen.min is None or seen.max is None or seen.sum is None:
            return None
        return cls(step, ts, seen.count - seen.nonfinite, seen.last, seen.min, seen.max, seen.sum)


class Sighting(NamedTuple):
    """A verdict: this is wrong, at the point that was just added.

    Attributes:
        value: what was judged.
        baseline: what is usual; None where nothing is.
        formula: why, with its numbers, in words that a notice shows.
    """

    value: float
    baseline: float | None
    formula: str


class Well(NamedTuple):
    """A verdict: this has been as it should for some points."""

    value: float
    baseline: float | None


Verdict = Sighting | Well


class DetectorParams(BaseModel):
    """What can be chosen of a detector; points are those of pulses that told of the metric."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    well_after: int = Field(default=10, ge=1, description="good points in a row after which all is called well again")


class Detector(ABC):
    """The base of all detectors.

    Values that are NaN or infinite, or so large that sums of them would be, are passed over: they are another rule's
    matter.
    """

    #: The name of the rule that it makes.
    name: ClassVar[str]
    severity: ClassVar[Severity]
    #: Whether it is of use without being asked for.
    on: ClassVar[bool] = True
    Params: ClassVar[type[DetectorParams]]

    def __init__(self, params: DetectorParams) -> None:
        self.params = params
        self._step = -1
        self._good = 0

    def add(self, point: Point) -> Verdict | None:
        """Judge the next point.

        Returns:
            A `Sighting` at each point at which something is wrong; `Well` at each that ends a row of good ones which
            is long enough; else None, also where it cannot be told yet.
        """
        if not _usable(point):
            return None
        if point.step < self._step:
            self.resumed()
        verdict = self._judge(point)
        self._step = point.step
        return self._tallied(verdict)

    def beside(self, point: Point) -> None:
        """Take note of a point of the other metric that the rule names."""
        if _usable(point):
            self._beside(point)

    def without(self, step: int) -> Verdict | None:  # noqa: ARG002
        """Judge a pulse of ``step`` in which the metric was not logged at all, not even as NaN."""
        return None

    def resumed(self) -> None:  # noqa: B027 -- most detectors do not mind
        """Take note that the next points are of another attempt. A step that is passed again tells so by itself."""

    def dump(self) -> dict[str, Any]:
        """Return the state, as JSON can hold it."""
        return {
            name: value.dump() if isinstance(value, Window) else list(value) if isinstance(value, list) else value
            for name, value in self._state().items()
        }

    def load(self, state: Mapping[str, Any]) -> None:
        """Put back a state that `dump` returned.

        Raises:
            StateError: it is another detector's, or another version's; go on with a new detector.
        """
        mine = self._state()
        if state.keys() != mine.keys():
            raise StateError(
                f"{self.name} cannot go on from a state with {', '.join(sorted(state))}: begin with a new one"
            )
        for name, value in state.items():
            if isinstance(mine[name], Window):
                mine[name].load(value)
            else:
                setattr(self, f"_{name}", list(value) if isinstance(value, list) else value)

    def _beside(self, point: Point) -> None:  # noqa: B027 -- most detectors judge one metric alone
        """Take note of such a point, whose values are usable."""

    @abstractmethod
    def _judge(self, point: Point) -> Verdict | None:
        """Judge a point whose values are usable; `Well` means that this one is good."""

    def _tallied(self, verdict: Verdict | None) -> Verdict | None:
        if verdict is None:
            return None
        if isinstance(verdict, Sighting):
            self._good = 0
            return verdict
        self._good += 1
        return verdict if self._good >= self.params.well_after else None

    def _state(self) -> dict[str, Any]:
        return {name[1:]: value for name, value in vars(self).items() if name.startswith("_")}


def _usable(point: Point) -> bool:
    # Of NaN nothing is true.
    return -_LARGEST < point.min <= point.max < _LARGEST and -_LARGEST < point.sum < _LARGEST
