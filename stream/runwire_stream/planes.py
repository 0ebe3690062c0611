"""From frames' planes to points."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from runwire.wire import ATTEMPT_SHIFT
from runwire_storage.rows import POINT, Ints, Rows

PLANES_FIXED = 3  # seq, step, ts
_MICROSECONDS = 1e6
#: A frame of fewer points costs less by the point, with others like it, than by itself.
_SMALL = 256


class Frame(NamedTuple):
    """Rows of a record that have the same keys.

    Attributes:
        value: the record's.
        start: where in it the planes begin.
        series: the places of its K series, and behind them of the series of its times unless it holds them itself.
        keys: K.
        rows: N.
    """

    value: bytes
    start: int
    series: Ints
    keys: int
    rows: int

    @property
    def size(self) -> int:
        """How many bytes the planes have."""
        return 8 * (PLANES_FIXED + self.keys) * self.rows


def points(frames: Sequence[Frame], series: int) -> tuple[Rows, Ints]:
    """Return the POINTs of frames, those of a series in order, and by series the newest attempt that has some, else -1.

    Args:
        frames: whose series are places.
        series: how many places there are.
    """
    out = np.empty(sum(len(frame.series) * frame.rows for frame in frames), POINT)
    attempts = np.full(series, -1, np.int64)
    start = 0
    for alike, group in itertools.groupby(frames, _alike):
        some = list(group)
        if not alike:
            rows = _fill_together(out[start:], some)
            np.maximum.at(attempts, rows["series"], _attempts(rows["seq"]))
            start += len(rows)
            continue
        # Side by side, so that all of a series lies together: what is in order needs not to be sorted.
        its, count = some[0].series, sum(frame.rows for frame in some)
        table = out[start : start + len(its) * count].reshape(len(its), count)
        start += table.size
        done = 0
        for frame in some:
            _fill(table[:, done : done + frame.rows], frame)
            done += frame.rows
        attempts[its] = np.maximum(attempts[its], _attempts(table["seq"][0]).max())
    return out, attempts


def _alike(frame: Frame) -> int:
    """Return the same for large frames of the same series, and 0 for all small ones."""
    return id(frame.series) if len(frame.series) * frame.rows >= _SMALL else 0


def _attempts(seq: NDArray[np.uint64]) -> Ints:
    attempts: Ints = (seq >> ATTEMPT_SHIFT).astype(np.int64)
    return attempts


def _fill(table: Rows, frame: Frame) -> None:
    """Put a frame's points into a table of series and rows."""
    planes = PLANES_FIXED + frame.keys
    words = np.frombuffer(frame.value, "<i8", planes * frame.rows, frame.start).reshape(planes, frame.rows)
    table["series"] = frame.series[:, None]
    table["position"] = words[1]
    table["seq"] = words[0].view(np.uint64)
    table["value"][: frame.keys] = words[PLANES_FIXED:].view(np.float64)
    if frame.keys < len(frame.series):
        table["value"][-1] = words[2] / _MICROSECONDS


def _fill_together(out: Rows, frames: Sequence[Frame]) -> Rows:
    """Put the points of frames at the beginning of ``out``, without a loop over frames; return them."""
    # Of each frame: where its planes begin in all planes together, its rows, and its points without and with times.
    words = np.frombuffer(b"".join(frame.value[frame.start : frame.start + frame.size] for frame in frames), "<i8")
    count = np.array([frame.rows for frame in frames], np.int64)
    keys = np.array([frame.keys for frame in frames], np.int64)
    series = np.array([len(frame.series) for frame in frames], np.int64)
    planes = _before((PLANES_FIXED + keys) * count)
    sizes = series * count
    rows = out[: sizes.sum()]
    frame = np.repeat(np.arange(len(frames)), sizes)
    # Of each point: its number in its frame, plane by plane, and its row.
    number = np.arange(len(rows)) - _before(sizes)[frame]
    row = number % count[frame]
    seq = planes[frame] + row
    rows["series"] = np.repeat(np.concatenate([frame.series for frame in frames]), np.repeat(count, series))
    rows["seq"] = words[seq].view(np.uint64)
    rows["position"] = words[seq + count[frame]]
    time = number >= (keys * count)[frame]
    values = words[np.where(time, seq + 2 * count[frame], planes[frame] + PLANES_FIXED * count[frame] + number)]
    rows["value"] = np.where(time, values / _MICROSECONDS, values.view(np.float64))
    return rows


def _before(sizes: Ints) -> Ints:
    """Return the sum of all sizes before each."""
    return np.cumsum(sizes) - sizes
