"""Series by number, and what the columns run, metric and rank say of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import overload

import numpy as np

from runwire_storage.native import Column, coded, fixed, string
from runwire_storage.rows import Ints, Series


class Names(Sequence[Series]):
    """A list of series that grows, and of each its part of the three columns, ready for any rows that name it."""

    def __init__(self, series: Iterable[Series] = ()) -> None:
        self._series: list[Series] = []
        self._runs, self._metrics = _Words(), _Words()
        self._ranks = np.zeros(0, np.uint32)
        self.extend(list(series))

    def __len__(self) -> int:
        """Return how many series there are."""
        return len(self._series)

    def __iter__(self) -> Iterator[Series]:
        """Yield the series by rising number."""
        return iter(self._series)

    @overload
    def __getitem__(self, number: int) -> Series: ...
    @overload
    def __getitem__(self, number: slice) -> list[Series]: ...
    def __getitem__(self, number: int | slice) -> Series | list[Series]:
        """Return the series of a number."""
        return self._series[number]

    def extend(self, series: Sequence[Series]) -> None:
        """Add series, which get the next numbers."""
        self._series.extend(series)
        self._runs.extend([run for run, _, _ in series])
        self._metrics.extend([metric for _, metric, _ in series])
        self._ranks = np.append(self._ranks, np.array([rank for _, _, rank in series], np.uint32))

    def columns(self, series: Ints, lengths: Ints) -> dict[str, Column]:
        """Return the columns run, metric and rank of rows.

        Args:
            series: of each stretch of rows of one series, its number.
            lengths: of each stretch, how many rows.
        """
        return {
            "run": self._runs.column(series, lengths),
            "metric": self._metrics.column(series, lengths),
            "rank": fixed("UInt32", np.repeat(self._ranks[series], lengths)),
        }


class _Words:
    """A word for each series, of which there are few: each is written once, and numbered."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}
        self._written: list[bytes] = []
        self._codes = np.zeros(0, np.int64)

    def extend(self, words: Sequence[str]) -> None:
        codes = [self._numbers.setdefault(word, len(self._numbers)) for word in words]
        self._codes = np.append(self._codes, np.array(codes, np.int64))
        self._written += map(string, list(self._numbers)[len(self._written) :])

    def column(self, series: Ints, lengths: Ints) -> Column:
        codes = self._codes[series]
        # Only words that are used are sent.
        used = np.zeros(len(self._written), np.bool_)
        used[codes] = True
        entries = np.cumsum(used)
        words = [self._written[code] for code in np.flatnonzero(used).tolist()]
        return coded(words, entries[codes], lengths)
