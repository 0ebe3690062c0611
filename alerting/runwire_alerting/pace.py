"""How long a rank's steps take by itself, before it waits for others: means over the last spans of five minutes."""

from __future__ import annotations

from dataclasses import dataclass, field

from runwire.wire import MetricPulse

#: What the SDK's `StepTimer` tells of it.
LOCAL = "perf/local_seconds"
SPAN = 300_000_000
#: So many whole spans are remembered.
SPANS = 3


@dataclass(slots=True)
class Pace:
    """One rank's pace.

    Attributes:
        means: of the last whole spans, seconds, oldest first; a span without a value ends the row.
    """

    means: list[float] = field(default_factory=list)
    _span: int = 0
    _sum: float = 0.0
    _count: int = 0

    def take(self, sent: int, seen: MetricPulse) -> None:
        """Take in what a pulse, sent at ``sent`` by the host's clock, tells of `LOCAL`."""
        span = sent // SPAN
        if span != self._span:
            kept = self.means if span == self._span + 1 else []
            self.means = [*kept, self._sum / self._count][-SPANS:] if self._count and span == self._span + 1 else []
            self._span, self._sum, self._count = span, 0.0, 0
        self._sum += seen.sum or 0.0
        self._count += seen.count - seen.nonfinite
