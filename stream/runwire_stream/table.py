"""A level's rows that wait until their bucket closes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from runwire_storage.rollup import close, latest
from runwire_storage.rows import Rows, joined, whole

_ROWS_MIN = 1024
_GONE = -1


class Table:
    """A log of rows: a newer version of a row is put behind the older one, and `close` sees the latest of each.

    So adding costs what is added, whatever waits. Versions that newer ones replace are dropped whenever the log has
    doubled, so that a series which repeats a step for ever takes no more memory. What is taken out leaves a gap, and
    gaps are closed when half of the log is such: so that what stays is not copied whenever one series moves on.
    """

    def __init__(self, dtype: np.dtype[np.void]) -> None:
        self._rows = np.zeros(_ROWS_MIN, dtype)
        self._size = 0
        self._gaps = 0
        self._size_max = 64 * _ROWS_MIN

    def __len__(self) -> int:
        """Return how many rows wait, replaced versions included."""
        return self._size - self._gaps

    def append(self, rows: Rows) -> None:
        """Add rows behind those that wait."""
        if self._size + len(rows) > self._size_max:
            self._set(latest(joined(self._waiting(), rows)))
            self._size_max = max(self._size_max, 2 * self._size)
            return
        if self._size + len(rows) > len(self._rows):
            grown = np.zeros(2 * (self._size + len(rows)), self._rows.dtype)
            whole(grown)[: self._size] = whole(self._rows)[: self._size]
            self._rows = grown
        whole(self._rows)[self._size : self._size + len(rows)] = whole(rows)
        self._size += len(rows)

    def close(self, rows: Rows, newest: NDArray[np.int64], moved: NDArray[np.bool_], shift: int) -> Rows:
        """Add rows, and return the BUCKETs of the closed buckets, whose rows wait no more.

        Args:
            rows: sorted as by `latest`, of open buckets or newer ones.
            newest: by series, the number of its open bucket.
            moved: by series, whether that is another one than before.
            shift: log2 of how many positions make a bucket.
        """
        moving = moved.take(rows["series"])
        if not moving.all():
            self.append(rows.compress(~moving))
            rows = rows.compress(moving)
        # Of most batches no series moves on in the higher levels; of large ones all do in the lower.
        made, waiting = close(latest(joined(self._take(moved), rows)), shift, newest)
        self.append(waiting)
        return made

    def renumber(self, numbers: NDArray[np.int64]) -> None:
        """Give each series the number ``numbers[series]``, and drop the rows of those for which it is negative."""
        rows = self._waiting()
        rows["series"] = numbers[rows["series"]]
        self._set(rows.compress(rows["series"] >= 0))

    def _take(self, series: NDArray[np.bool_]) -> Rows:
        """Remove and return the rows of some series."""
        rows = self._rows[: self._size]
        if not self._size or not series.any():
            return rows[:0]
        # The last number, -1, is nobody's.
        (places,) = np.nonzero(np.append(series, False).take(rows["series"], mode="wrap"))
        taken = rows.take(places)
        rows["series"][places] = _GONE
        self._gaps += len(places)
        if 2 * self._gaps > self._size:
            self._set(self._waiting())
        return taken

    def _waiting(self) -> Rows:
        rows = self._rows[: self._size]
        return rows.compress(rows["series"] != _GONE)

    def _set(self, rows: Rows) -> None:
        self._size = len(rows)
        self._gaps = 0
        if len(rows) > len(self._rows) or len(self._rows) > 4 * max(len(rows), _ROWS_MIN):
            self._rows = np.zeros(max(2 * len(rows), _ROWS_MIN), rows.dtype)
        whole(self._rows)[: len(rows)] = whole(rows)
