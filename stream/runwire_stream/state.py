"""What a worker knows of the series that pass through it: where each stands, and its open buckets.

The store holds all of it too, so it may be forgotten at any time (when partitions come and go it must be): what is
not known is read back when the series is next seen.

**Why the rollups are right, whatever is killed when.** A batch is acknowledged when all of it is stored, so what is not
wholly stored comes again. Each point that comes enters its bucket: through the table if the bucket is open or newer,
else by computing the bucket anew from the store's points and this batch's; buckets above follow from their children in
the same way. Nothing is skipped for having been seen, for seq tells of no gap: two attempts of a run may be delivered
side by side, in no order between them. A row that is written again is the same row or a more complete one, and then
replaces it: its seq, the highest of its points, is not lower, and of rows with the same seq ClickHouse keeps the one
inserted last.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from runwire_storage.rollup import SHIFTS, latest, reduce
from runwire_storage.rows import BUCKET, POINT, TAIL, Ints, Points, Rows, Series
from runwire_storage.schema import LEVELS
from runwire_stream.table import Table

#: A series' open buckets take some 4 kB, so this is 200 MB.
SERIES_MAX = 50_000
_LOWEST = np.iinfo(np.int64).min


class Archive(Protocol):
    """What was stored, as `runwire_storage.recall.Recall` reads it back."""

    def tails(self, names: Sequence[Series]) -> Rows:
        """Return the TAIL of each series that has one; ``series`` is its place in ``names``."""

    def points(self, names: Sequence[Series], number: Ints, bucket: Ints) -> Rows:
        """Return the POINTs in buckets of the lowest level: bucket ``bucket[i]`` of series ``names[number[i]]``."""

    def buckets(self, level: int, names: Sequence[Series], number: Ints, bucket: Ints) -> Rows:
        """Return the BUCKETs of ``level`` that lie in buckets of the level above, given like those of `points`."""


@dataclass(frozen=True)
class Advance:
    """What a batch adds to the store besides its points.

    Attributes:
        buckets: for each of LEVELS, the buckets that closed or changed.
        tails: where the batch's series stand now.
    """

    buckets: Sequence[Rows]
    tails: Rows


class State:
    """The known series, by number, and the tables of rows whose buckets are open."""

    def __init__(self, archive: Archive, series_max: int = SERIES_MAX) -> None:
        self._archive = archive
        self._series_max = series_max
        self.forget()

    def forget(self) -> None:
        """Forget every series: what is needed again is read back."""
        self.names: list[Series] = []
        self._numbers: dict[Series, int] = {}
        self._batch = 0
        self._used: NDArray[np.int64] = np.zeros(0, np.int64)  # by series, the last batch that it was in
        self._tails = np.zeros(0, TAIL)
        self._last_seq: NDArray[np.uint64] = np.zeros(
            0, np.uint64
        )  # by series, the seq of the point with the highest step
        # What the first level is made of are points, what each further level is made of are the buckets below.
        self._tables = [Table(POINT), *(Table(BUCKET) for _ in LEVELS[1:])]

    def resolve(self, names: Sequence[Series]) -> NDArray[np.int64]:
        """Return the numbers of the series of the next batch; those not known are read back from the store."""
        self._batch += 1
        known = [number for name in names if (number := self._numbers.get(name)) is not None]
        self._used[known] = self._batch
        unknown = [name for name in names if name not in self._numbers]
        if unknown:
            if len(self.names) + len(unknown) > self._series_max:
                self._evict(max(self._series_max // 2, len(known)))
            self._add(unknown)
        return np.array([self._numbers[name] for name in names], np.int64)

    def advance(self, points: Points) -> Advance:
        """Take in a batch's points, whose series are numbers from `resolve`."""
        before = self._tails["last_step"].copy()
        self._note(points, before)
        newest = self._tails["last_step"]
        rows = np.empty(len(points), POINT)
        rows["series"], rows["position"], rows["seq"], rows["value"] = (
            points.series,
            points.step,
            points.seq,
            points.value,
        )
        buckets = []
        for place, (level, shift) in enumerate(zip(LEVELS, SHIFTS, strict=True)):
            parent = rows["position"] >> shift
            late = parent < before[rows["series"]] >> level
            table = self._tables[place]
            table.append(rows[~late])
            made = reduce(table.take(newest >> level, shift), shift)
            if late.any():
                stored = self._read(place, rows["series"][late], parent[late])
                made = np.concatenate((made, reduce(latest(np.concatenate((stored, rows[late]))), shift)))
            buckets.append(made)
            rows = made
        touched = np.flatnonzero(self._used == self._batch)
        tails = self._tails[touched]
        tails["series"] = touched
        return Advance(buckets, tails)

    def _note(self, points: Points, before: NDArray[np.int64]) -> None:
        """Move the tails to the highest step, of equal steps to the highest seq."""
        newest, seq = self._tails["last_step"].copy(), self._tails["seq"].copy()
        np.maximum.at(newest, points.series, points.step)
        np.maximum.at(seq, points.series, points.seq)
        hits = np.flatnonzero(points.step == newest[points.series])
        hits = hits[np.lexsort((points.seq[hits], points.series[hits]))]
        series = points.series[hits]
        last = np.append(series[1:] != series[:-1], np.ones(min(len(series), 1), np.bool_))
        hits, series = hits[last], series[last]
        wins = (newest[series] > before[series]) | (points.seq[hits] >= self._last_seq[series])
        hits, series = hits[wins], series[wins]
        self._tails["last_step"], self._tails["seq"] = newest, seq
        self._tails["last_ts"][series], self._tails["last"][series] = points.ts[hits], points.value[hits]
        self._last_seq[series] = points.seq[hits]

    def _add(self, names: Sequence[Series]) -> None:
        start = len(self.names)
        self.names.extend(names)
        self._numbers.update((name, start + place) for place, name in enumerate(names))
        fresh = np.zeros(len(names), TAIL)
        fresh["last_step"] = _LOWEST
        tails = self._archive.tails(names)
        found = tails["series"] + start
        fresh[tails["series"]] = tails
        self._tails = np.concatenate((self._tails, fresh))
        self._used = np.concatenate((self._used, np.full(len(names), self._batch)))
        self._last_seq = np.concatenate((self._last_seq, np.zeros(len(names), np.uint64)))
        if not len(found):
            return
        for place, (level, table) in enumerate(zip(LEVELS, self._tables, strict=True)):
            rows = self._read(place, found, tails["last_step"] >> level)
            table.append(rows)
            if place == 0:
                last = rows[rows["position"] == self._tails["last_step"][rows["series"]]]
                np.maximum.at(self._last_seq, last["series"], last["seq"])

    def _read(self, place: int, series: Ints, bucket: Ints) -> Rows:
        """Read back what the given buckets of LEVELS[place] are made of."""
        keys = np.unique(np.stack((series, bucket), axis=1), axis=0)
        if place == 0:
            return self._archive.points(self.names, keys[:, 0], keys[:, 1])
        return self._archive.buckets(LEVELS[place - 1], self.names, keys[:, 0], keys[:, 1])

    def _evict(self, keep: int) -> None:
        """Forget all but the ``keep`` series used last."""
        kept = np.sort(np.argsort(-self._used, kind="stable")[:keep])
        numbers: NDArray[Any] = np.full(len(self.names), -1, np.int64)
        numbers[kept] = np.arange(len(kept))
        for table in self._tables:
            table.renumber(numbers)
        self.names = [self.names[number] for number in kept]
        self._numbers = {name: number for number, name in enumerate(self.names)}
        self._tails, self._used, self._last_seq = self._tails[kept], self._used[kept], self._last_seq[kept]
