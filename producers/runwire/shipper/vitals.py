"""What a pulse tells of a run: its last step, its pace, and a summary of each metric.

This is the one place of the shipper that looks at values one by one, so it does that with the interpreter's own loops
(``sum``, ``min``, ``max`` over a column), and looks closer only where a sum is not finite.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from operator import sub
from typing import Any, cast

from runwire.spool import Rows
from runwire.spool.format import HEADER
from runwire.wire import MetricPulse
from runwire.wire.messages import BEFORE_MAX

_HEADER_WORDS = HEADER.size // 8
_SEQ, _STEP, _TS, _VALUES = range(_HEADER_WORDS, _HEADER_WORDS + 4)
#: The longest step is looked for among so many.
_RECENT_STEPS = 32
#: Metrics that were not logged for so many others are forgotten (names made of a counter, say).
_METRICS_MAX = 20_000
_MICROSECONDS = 1e6


@dataclass
class _Metric:
    """One metric since the last pulse, and what is remembered of it beyond."""

    before: list[tuple[int, float]] = field(default_factory=list)
    before_nonfinite: bool = False
    count: int = 0
    last: float = math.nan
    min: float = math.inf
    max: float = -math.inf
    sum: float = 0.0
    nonfinite: int = 0
    first: dict[str, Any] | None = None


@dataclass(frozen=True)
class Progress:
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
        self._metrics: dict[str, _Metric] = {}
        self._logged: dict[str, _Metric] = {}

    @property
    def pending(self) -> bool:
        """Whether something was logged that no pulse has told."""
        return bool(self._logged)

    @property
    def step_seconds_max(self) -> float | None:
        """The longest of the recent steps, seconds; None before the second step."""
        return max(self._gaps) / _MICROSECONDS if self._gaps else None

    def add(self, rows: Rows) -> bool:
        """Take in rows. Return whether a metric became non-finite that was not so in the last pulse nor since."""
        words = _HEADER_WORDS + 3 + len(rows.keys)
        integers, floats = rows.data.cast("q"), rows.data.cast("d")
        steps: list[int] = integers[_STEP::words].tolist()
        times: list[int] = integers[_TS::words].tolist()
        self._advance(steps, times)
        urgent = False
        for index, key in enumerate(rows.keys):
            metric = self._logged.get(key)
            if metric is None:
                metric = self._logged[key] = self._metric(key)
            urgent |= _take(metric, steps, times, cast("list[float]", floats[_VALUES + index :: words].tolist()))
        return urgent

    def drain(self) -> Iterator[tuple[str, MetricPulse]]:
        """Yield what was logged of each metric since the last pulse, and begin anew."""
        logged, self._logged = self._logged, {}
        for key, metric in logged.items():
            some = metric.count > metric.nonfinite
            yield (
                key,
                MetricPulse(
                    count=metric.count,
                    last=metric.last,
                    min=metric.min if some else None,
                    max=metric.max if some else None,
                    sum=metric.sum if some else None,
                    nonfinite=metric.nonfinite,
                    first_nonfinite=metric.first,
                ),
            )
            self._metrics[key] = _Metric(before=metric.before, before_nonfinite=metric.nonfinite > 0)
        for key in list(islice(self._metrics, max(len(self._metrics) - _METRICS_MAX, 0))):
            del self._metrics[key]

    def _metric(self, key: str) -> _Metric:
        return self._metrics.pop(key, None) or _Metric()

    def _advance(self, steps: list[int], times: list[int]) -> None:
        last = self.progress.step
        changes = [ts for step, before, ts in zip(steps, [last, *steps[:-1]], times, strict=True) if step != before]
        if not changes:
            return
        recent = (changes if last is None else [self.progress.progressed, *changes])[-_RECENT_STEPS - 1 :]
        self._gaps.extend(map(sub, recent[1:], recent))
        self.progress = Progress(steps[-1], self.progress.steps + len(changes), changes[-1])


def _take(metric: _Metric, steps: Sequence[int], times: Sequence[int], values: list[float]) -> bool:
    total = sum(values)
    urgent = False
    finite = values
    if not math.isfinite(total):
        finite = [value for value in values if math.isfinite(value)]
        odd = len(values) - len(finite)
        if odd:
            if metric.first is None:
                metric.first = _first(metric, steps, times, values)
                urgent = not metric.before_nonfinite
            metric.nonfinite += odd
        total = sum(finite)
    metric.count += len(values)
    metric.last = values[-1]
    if finite:
        metric.min = min(metric.min, min(finite))  # noqa: PLW3301 -- one pass over the list by the interpreter
        metric.max = max(metric.max, max(finite))  # noqa: PLW3301
        metric.sum += total
    metric.before = [*metric.before, *zip(steps[-BEFORE_MAX:], values[-BEFORE_MAX:], strict=True)][-BEFORE_MAX:]
    return urgent


def _first(metric: _Metric, steps: Sequence[int], times: Sequence[int], values: list[float]) -> dict[str, Any]:
    at = next(index for index, value in enumerate(values) if not math.isfinite(value))
    start = max(at - BEFORE_MAX, 0)
    before = [*metric.before, *zip(steps[start:at], values[start:at], strict=True)][-BEFORE_MAX:]
    return {"step": steps[at], "ts": times[at], "value": values[at], "before": [list(pair) for pair in before]}
