"""Histograms: small enough to travel as they are."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterable
from typing import Any, ClassVar

from runwire._values import number
from runwire.errors import UsageError
from runwire.media.base import Media, array
from runwire.wire.media import MediaKind

_BINS_MAX = 512
_FLOAT_MAX = sys.float_info.max
_EMPTY = (0.0, 1.0, 1.0)


class Histogram(Media):
    """How many values lie where.

    ::

        runwire.log({"weights": runwire.Histogram(layer.weight)})
        runwire.log({"weights": runwire.Histogram(np_histogram=np.histogram(weights, bins=32))})

    Args:
        sequence: the values: numbers, or an array of any shape. NaN and infinities are in no bin, and counted.
        np_histogram: counts and edges, as ``numpy.histogram`` returns them, instead of values.
        num_bins: into how many bins of the same width values are sorted, at most 512.
        caption: what to call it.

    Attributes:
        counts: how many values are in each bin.
        bins: the edges of the bins, rising, one more than there are counts.
        nonfinite: how many values were NaN or infinite.

    Raises:
        UsageError: an argument is none of these.
    """

    kind: ClassVar[MediaKind] = "histogram"

    def __init__(
        self,
        sequence: Any = None,
        np_histogram: tuple[Any, Any] | None = None,
        num_bins: int = 64,
        caption: str | None = None,
    ) -> None:
        if (sequence is None) == (np_histogram is None):
            raise UsageError("a Histogram takes either values or np_histogram=(counts, edges)")
        self.nonfinite = 0
        if np_histogram is not None:
            self.counts, self.bins = _told(np_histogram)
        else:
            if not isinstance(num_bins, int) or not 0 < num_bins <= _BINS_MAX:
                raise UsageError(f"num_bins is {num_bins!r:.60}: expected 1 to {_BINS_MAX}")
            self.counts, self.bins, self.nonfinite = _counted(sequence, num_bins)
        super().__init__(None, "", caption, counts=self.counts, bins=self.bins, nonfinite=self.nonfinite)


def _told(np_histogram: tuple[Any, Any]) -> tuple[list[float], list[float]]:
    try:
        counts, bins = (_numbers(one) for one in np_histogram)
    except (TypeError, ValueError) as error:
        raise UsageError(f"np_histogram is {np_histogram!r:.80}: expected counts and edges ({error!s:.80})") from None
    if len(bins) != len(counts) + 1 or not 0 < len(counts) <= _BINS_MAX:
        raise UsageError(
            f"np_histogram has {len(counts)} counts and {len(bins)} edges: expected at most {_BINS_MAX} counts, and "
            "one edge more"
        )
    if not all(map(math.isfinite, counts)) or not all(map(math.isfinite, bins)) or sorted(bins) != bins:
        raise UsageError("np_histogram holds NaN or an infinity, or edges that do not rise")
    return counts, bins


def _numbers(values: Iterable[Any]) -> list[float]:
    return [number(value, lambda _: None) for value in values]


def _counted(sequence: Any, num_bins: int) -> tuple[list[float], list[float], int]:
    """Return counts, edges, and how many values are not finite."""
    if isinstance(sequence, (list, tuple)):
        try:
            values = _numbers(sequence)
        except Exception:  # noqa: BLE001 -- lists in it, say: then it is an array, or nothing
            values = None
        if values is not None:
            return _count(values, num_bins)
    found = array(sequence, "a histogram")
    import numpy as np  # noqa: PLC0415 -- as in `array`

    values = found.astype(np.float64).ravel()
    finite = values[np.isfinite(values)]
    low, high, scale = _bounds(float(finite.min()), float(finite.max())) if len(finite) else _EMPTY
    counts, bins = np.histogram(finite / scale, num_bins, (low, high))
    return counts.astype(np.float64).tolist(), (bins * scale).tolist(), len(values) - len(finite)


def _count(values: list[float], num_bins: int) -> tuple[list[float], list[float], int]:
    finite = [value for value in values if math.isfinite(value)]
    low, high, scale = _bounds(min(finite), max(finite)) if finite else _EMPTY
    counts = [0.0] * num_bins
    for value in finite:
        counts[min(int((value / scale - low) / (high - low) * num_bins), num_bins - 1)] += 1
    bins = [(low + (high - low) * (index / num_bins)) * scale for index in range(num_bins)] + [high * scale]
    return counts, bins, len(values) - len(finite)


def _bounds(low: float, high: float) -> tuple[float, float, float]:
    """Return bounds with room for bins between them, also of equal values, and by what values are divided."""
    if high - low <= 4 * _BINS_MAX * math.ulp(max(abs(low), abs(high))):
        room = max(0.5, abs(low) * 1e-3)
        low, high = max(low - room, -_FLOAT_MAX), min(high + room, _FLOAT_MAX)
    scale = 1.0 if math.isfinite(high - low) else 4.0  # their distance is to be a float, too
    return low / scale, high / scale, scale
