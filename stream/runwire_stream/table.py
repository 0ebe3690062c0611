"""A level's rows that wait until their bucket closes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from runwire_storage.rollup import latest
from runwire_storage.rows import Rows

_ROWS_MIN = 1024


class Table:
    """A log of rows: a newer version of a row is put behind the older one, and `take` gives the latest of each.

    So adding costs what is added, whatever waits. Versions that newer ones replace are dropped whenever the log has
    doubled, so that a series which repeats a step for ever takes no more memory.
    """

    def __init__(self, dtype: np.dtype[np.void]) -> None:
        self._rows = np.zeros(_ROWS_MIN, dtype)
        self._size = 0
        self._size_max = 64 * _ROWS_MIN

    def __len__(self) -> int:
        """Return how many rows wait, replaced versions included."""
        return self._size

    def append(self, rows: Rows) -> None:
        """Add rows behind those that wait."""
        if self._size + len(rows) > self._size_max:
            self._set(latest(np.concatenate((self._rows[: self._size], rows))))
            self._size_max = max(self._size_max, 2 * self._size)
            return
        if self._size + len(rows) > len(self._rows):
            grown = np.zeros(2 * (self._size + len(rows)), self._rows.dtype)
            grown[: self._size] = self._rows[: self._size]
            self._rows = grown
        self._rows[self._size : self._size + len(rows)] = rows
        self._size += len(rows)

    def take(self, newest: NDArray[np.int64], shift: int) -> Rows:
        """Remove and return, as `latest` does, the rows of closed buckets.

        Args:
            newest: by series, the number of its open bucket.
            shift: log2 of how many positions make a bucket.
        """
        rows = self._rows[: self._size]
        closed = rows["position"] >> shift < newest[rows["series"]]
        taken = rows[closed]
        if len(taken):
            self._set(rows[~closed])
        return latest(taken)

    def renumber(self, numbers: NDArray[np.int64]) -> None:
        """Give each series the number ``numbers[series]``, and drop the rows of those for which it is negative."""
        rows = self._rows[: self._size].copy()
        rows["series"] = numbers[rows["series"]]
        self._set(rows[rows["series"] >= 0])

    def _set(self, rows: Rows) -> None:
        self._size = len(rows)
        if len(rows) > len(self._rows) or len(self._rows) > 4 * max(len(rows), _ROWS_MIN):
            self._rows = np.zeros(max(2 * len(rows), _ROWS_MIN), rows.dtype)
        self._rows[: len(rows)] = rows
