"""What detectors have in common that compare a metric with its own recent past."""

from __future__ import annotations

from abc import abstractmethod
from statistics import median
from typing import ClassVar

from pydantic import Field

from runwire_alerting.detectors.detector import Detector, DetectorParams, Point, Sighting, Verdict, Well
from runwire_alerting.detectors.window import Window

#: A window with fewer values than this knows nothing.
_LEAST = 32
#: So many first points tell how large the metric is.
_FIRST = 10


class RelativeParams(DetectorParams):
    """What can be chosen where a metric is compared with its own recent past."""

    window: int = Field(default=128, ge=_LEAST, le=4096, description="points that tell what is usual")
    warm_up: int = Field(default=100, ge=_LEAST, description="first points, which are not judged")
    in_row: int = Field(default=1, ge=1, le=1000, description="bad points in a row, before which nothing is said")
    freeze: int = Field(
        default=20, ge=1, le=1000, description="points after a resume of which only the median is judged"
    )
    near_zero: float = Field(
        default=0.15, ge=0, description="what is below this share of what the metric was at first is none too high"
    )


class Relative(Detector):
    """Judges each point by a bound that follows from those before it, with the guards that this needs.

    The first points are not judged: a training that begins is not yet what it will be. After a resume the baseline
    stays as it is, and the median of the next points is compared with it: a little spike is usual there, another level
    is not. Where steps come again, what was known of them is forgotten first. A row of bad points is learnt when it
    breaks, and never once it was reported.
    """

    params: RelativeParams
    #: Whether a level that lasts for a whole window is the new usual, so that the baseline begins anew.
    settles: ClassVar[bool]

    def __init__(self, params: RelativeParams) -> None:
        super().__init__(params)
        self._window = Window(params.window)
        self._taken = self._bad = self._frozen = 0
        self._row = Window(params.in_row)
        self._after: list[float] = []
        self._first: list[float] = []
        #: The median of the first values, and that of their sizes.
        self._first_median = self._size = 0.0

    def resumed(self) -> None:
        """Freeze the baseline for the next points, and compare them with it."""
        self._frozen = self.params.freeze
        self._after = []

    @abstractmethod
    def _value(self, point: Point) -> float:
        """Return what of a point is judged and learnt."""

    @abstractmethod
    def _bound(self) -> float:
        """Return what a value must not exceed."""

    def _least(self, usual: float) -> float:
        """Return what no bound is below: near 0 any noise is many times what is usual."""
        return min(usual, 0.0) + self.params.near_zero * self._size

    @abstractmethod
    def _formula(self, value: float, bound: float) -> str:
        """Say why a value that exceeds the bound is reported."""

    def _judge(self, point: Point) -> Verdict | None:
        self._window.back_to(point.step)
        self._row.back_to(point.step)
        value = self._value(point)
        if self._taken < self.params.warm_up or len(self._window) < _LEAST:
            self._learn(point.step, value)
            return None
        rows = 1
        if self._frozen:
            self._after.append(value)
            self._frozen -= 1
            if self._frozen:
                return None
            value, rows = median(self._after), self.params.in_row  # it stands for a row
            self._after = []
        bound = self._bound()
        if value <= bound:
            usual = self._window.median
            if self._bad:
                self._bad = 0
                for step, bad in self._row:
                    self._learn(step, bad)
                self._row.clear()
            self._learn(point.step, value)
            return Well(value, usual)
        self._bad += rows
        if self._bad < self.params.in_row:
            self._row.push(point.step, value)
            return None
        self._row.clear()
        sighting = Sighting(value, self._window.median, self._formula(value, bound))
        if self.settles and self._bad >= self.params.in_row + self.params.window:
            self._window.clear()
            self._taken = self._bad = 0
        return sighting

    def _learn(self, step: int, value: float) -> None:
        if len(self._first) < _FIRST:
            self._first.append(value)
            self._first_median = median(self._first)
            self._size = median(map(abs, self._first))
        self._taken += self._taken < self.params.warm_up
        self._window.push(step, value)
