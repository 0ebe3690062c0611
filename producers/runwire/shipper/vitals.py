"""What a pulse tells of a run: its last step, its pace, and a summary of each metric.

This is the one place of the shipper that looks at values one by one, so it does that with the interpreter's own loops
(``sum``, ``min``, ``max`` over a column), and looks closer only where a sum is not finite. A column is dear where it is
short, so a few rows wait for more of the same keys, once their sum says that all of them are finite.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from runwire.shipper.recent import Recent
from runwire.spool import Rows
from runwire.spool.format import HEADER
from runwire.wire import MetricPulse
from runwire.wire.messages import BEFORE_MAX
from runwire.wire.names import are_samples

_HEADER_WORDS = HEADER.size // 8
_SEQ, _STEP, _TS, _VALUES = range(_HEADER_WORDS, _HEADER_WORDS + 4)
#: The longest step is looked for among so many.
_RECENT_STEPS = 32
#: So many rows of the same keys are worth a look at each column.
_ROWS = 16
#: So many names are remembered at most (they may be made of a counter).
_NAMES_MAX = 20_000
_MICROSECONDS = 1e6


@dataclass
class _Metric:
    """One metric since the last pulse; ``seq`` is that of its last value."""

    seq: int
    last: float
    count: int = 0
    min: float = math.inf
    max: float = -math.inf
    sum: float = 0.0
    nonfinite: int = 0
    first: dict[str, Any] | None = None

    def told(self) -> MetricPulse:
        """Return what a pulse tells of it."""
        if self.count == self.nonfinite:
            return MetricPulse(self.count, self.last, nonfinite=self.nonfinite, first_nonfinite=self.first)
        return MetricPulse(self.count, self.last, self.min, self.max, self.sum, self.nonfinite, self.first)


class Progress(NamedTuple):
    """How far a run is.

    Attributes:
        step: the last step logged, None before the first.
        steps: how many times it changed.
        progressed: when it last did, microseconds since the epoch.
    """

    step: int | None
    steps: int
    progressed: int


class Vitals:
    """Gathers what the next pulse tells."""

    def __init__(self, progress: Progress) -> None:
        self.progress = progress
        self._gaps: deque[int] = deque(maxlen=_RECENT_STEPS)
        self._logged: dict[str, _Metric] = {}
        self._waiting: dict[tuple[str, ...], bytearray] = {}
        self._recent = Recent()
        #: The metrics that were not finite when a pulse last told of them.
        self._nonfinite: set[str] = set()

    @property
    def step_seconds_max(self) -> float | None:
        """The longest of the recent steps, seconds; None before the second step."""
        return max(self._gaps) / _MICROSECONDS if self._gaps else None

    def add(self, rows: Rows) -> bool:
        """Take in rows. Return whether a metric became non-finite that was not so in the last pulse nor since."""
        words = _VALUES + len(rows.keys)
        integers = rows.data.cast("q")
        if not are_samples(rows.keys):  # a machine that goes on says nothing of the training
            self._advance(integers[_STEP::words].tolist(), integers[_TS::words].tolist())
        waiting = self._waiting.get(rows.keys)
        # Seq, step and the like are summed up as if they were floats, too: should they not be finite ones, no harm is
        # done, and to leave them out would take longer.
        if rows.count < _ROWS and math.isfinite(sum(rows.data.cast("d"))):
            if waiting is None:
                waiting = self._waiting[rows.keys] = bytearray()
            waiting += rows.data
            if len(waiting) >= _ROWS * 8 * words:
                self._look(rows.keys, memoryview(self._waiting.pop(rows.keys)))
            return False
        self._look_at_waiting()
        return self._look(rows.keys, rows.data)

    def drain(self) -> Mapping[str, MetricPulse | float]:
        """Return what was logged of each metric since the last pulse, and begin anew. A number is one finite value."""
        if not self._logged and len(self._waiting) == 1:  # a slow run, as most are: straight from its few rows
            return self._few(*self._waiting.popitem())
        self._look_at_waiting()
        logged, self._logged = self._logged, {}
        for key, metric in logged.items():
            if metric.nonfinite:
                self._nonfinite.add(key)
            elif self._nonfinite:
                self._nonfinite.discard(key)
        if len(self._nonfinite) > _NAMES_MAX:
            self._nonfinite.clear()
        return {key: metric.told() for key, metric in logged.items()}

    def _advance(self, steps: list[int], times: list[int]) -> None:
        last, changes, progressed = self.progress
        for step, ts in zip(steps, times, strict=True):
            if step != last:
                if last is not None:
                    self._gaps.append(ts - progressed)
                last, progressed = step, ts
                changes += 1
        self.progress = Progress(last, changes, progressed)

    def _few(self, keys: tuple[str, ...], rows: bytearray) -> Mapping[str, MetricPulse | float]:
        """Return what rows tell whose values are all finite."""
        words, view = _VALUES + len(keys), memoryview(rows)
        self._recent.add(keys, view)
        if self._nonfinite:
            self._nonfinite.difference_update(keys)
        floats = _floats(view)
        if len(floats) == words:
            return dict(zip(keys, floats[_VALUES:].tolist(), strict=True))
        columns = (floats[index::words].tolist() for index in range(_VALUES, words))
        return {
            key: MetricPulse(len(values), values[-1], min(values), max(values), sum(values))
            for key, values in zip(keys, columns, strict=True)
        }

    def _look_at_waiting(self) -> None:
        while self._waiting:
            self._look(*self._waiting.popitem())

    def _look(self, keys: tuple[str, ...], data: memoryview | bytearray) -> bool:
        """Take in the values of rows, column by column. Return as `add`."""
        words = _VALUES + len(keys)
        view = memoryview(data)
        floats, integers = _floats(view), view.cast("q")
        seq = view.cast("Q")[len(floats) - words + _SEQ]
        urgent = False
        for index, key in enumerate(keys, _VALUES):
            values = floats[index::words].tolist()
            metric = self._logged.get(key)
            if metric is None:
                metric = self._logged[key] = _Metric(seq, values[-1])
            elif seq > metric.seq:  # rows of other keys may have waited for less long
                metric.seq, metric.last = seq, values[-1]
            total = sum(values)
            finite = values
            if not math.isfinite(total):
                finite = [value for value in values if math.isfinite(value)]
                total = sum(finite)
                odd = len(values) - len(finite)
                if odd and metric.first is None:
                    steps, times = integers[_STEP::words].tolist(), integers[_TS::words].tolist()
                    metric.first = _first(self._recent.values(key), steps, times, values)
                    urgent |= key not in self._nonfinite
                metric.nonfinite += odd
            metric.count += len(values)
            if finite:
                metric.min = min(metric.min, min(finite))  # noqa: PLW3301 -- one pass over the list by the interpreter
                metric.max = max(metric.max, max(finite))  # noqa: PLW3301
                metric.sum += total
        self._recent.add(keys, view)
        return urgent


def _floats(rows: memoryview) -> memoryview[float]:
    return rows.cast("d")


def _first(
    before: list[tuple[int, float]], steps: Sequence[int], times: Sequence[int], values: Sequence[float]
) -> dict[str, Any]:
    """Tell of the first value that is not finite, with those before it."""
    at = next(index for index, value in enumerate(values) if not math.isfinite(value))
    start = max(at - BEFORE_MAX, 0)
    before = [*before, *zip(steps[start:at], values[start:at], strict=True)][-BEFORE_MAX:]
    return {"step": steps[at], "ts": times[at], "value": values[at], "before": [list(pair) for pair in before]}
