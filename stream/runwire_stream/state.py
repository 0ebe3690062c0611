"""What a worker knows of the series that pass through it: where each stands, and its open buckets.

The store holds all of it too, so it may be forgotten at any time (when partitions come and go it must be): what is
not known is read back when the series is next seen.

**Why the rollups are right, whatever is killed when.** A batch is acknowledged when all of it is stored, so what is not
wholly stored comes again. Each point that comes enters its bucket: through the table if the bucket is open or newer,
else by computing the bucket anew from the store's points and this batch's; buckets above follow from their children in
the same way. Nothing is skipped for having been seen, for seq tells of no gap: two attempts of a run may be delivered
side by side, in no order between them. A row that is written again is the same row or a more complete one, and then
replaces it, for its version is higher (`runwire_storage.version`). A worker that was frozen while another took over,
and wakes to write what it had, writes what is less complete, and replaces nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from runwire_storage.cover import Part, Parts
from runwire_storage.names import Names
from runwire_storage.rollup import latest, reduce
from runwire_storage.rows import BUCKET, POINT, Rows, Series, joined
from runwire_storage.schema import LEVELS
from runwire_stream.metrics import RECOMPUTED, SERIES
from runwire_stream.table import Table
from runwire_stream.totals import Totals

#: A series' open buckets take some 4 kB, so this is 200 MB.
SERIES_MAX = 50_000
#: From each level to the next, beginning with points.
_STEPS = tuple(zip((0, *LEVELS), LEVELS, strict=False))


class Archive(Protocol):
    """What was stored, as `runwire_storage.reader.Reader` reads it back; series are places in ``names``."""

    def totals(self, names: Sequence[Series]) -> Rows:
        """Return the TOTAL of each series that has one."""

    def by_level(self, names: Sequence[Series], parts: Parts) -> dict[int, Rows]:
        """Return parts by level: BUCKETs, and for level 0 POINTs."""

    def between(self, names: Sequence[Series], ends: Mapping[int, tuple[int, int]]) -> Rows:
        """Return stretches of series, from a step on and before another, as one or two BUCKETs each."""


class State:
    """The known series, by number, and the tables of rows whose buckets are open."""

    def __init__(self, archive: Archive, series_max: int = SERIES_MAX) -> None:
        self._archive = archive
        self._series_max = series_max
        self.forget()

    def forget(self) -> None:
        """Forget every series: what is needed again is read back."""
        SERIES.set(0)
        self.names = Names()
        self._numbers: dict[Series, int] = {}
        # Whose numbers were asked for last, and what they were, -1 for those that are not known.
        self._asked: Sequence[Series] = ()
        self._answers: NDArray[np.int64] = np.zeros(0, np.int64)
        self._batch = 0
        self._used: NDArray[np.int64] = np.zeros(0, np.int64)  # by series, the last batch that it was in
        self._attempt: NDArray[np.int64] = np.zeros(0, np.int64)  # by series, the newest of its run that it has of
        self._totals = Totals()
        # What the first level is made of are points, what each further level is made of are the buckets below.
        self._tables = [Table(POINT), *(Table(BUCKET) for _ in LEVELS[1:])]

    def resolve(self, names: Sequence[Series], attempts: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the numbers of the series of the next batch, by place; those not known are read back from the store.

        So are those of which a new attempt of their run logs: before it began the run may have been deleted, and then
        what is known of it is true no more.

        Args:
            names: series, each once; the same list as before, grown at its end, is answered at little cost.
            attempts: by place, the newest attempt of each in the batch; negative for those that are not in it.
        """
        self._batch += 1
        if names is not self._asked:
            self._asked, self._answers = names, np.zeros(0, np.int64)
        if len(names) > len(self._answers):
            more = [self._numbers.get(name, -1) for name in names[len(self._answers) :]]
            self._answers = np.append(self._answers, more).astype(np.int64)
        (places,) = np.nonzero(attempts >= 0)
        numbers = self._answers.take(places)
        known = numbers >= 0
        known[known] = self._attempt.take(numbers[known]) >= attempts.take(places[known])
        self._used[numbers[known]] = self._batch
        unknown = places[~known]
        if len(unknown):
            if len(self.names) + len(unknown) > self._series_max:
                self._evict(max(self._series_max // 2, int(known.sum())))
            # The rows under an old number are in nobody's way until they are evicted.
            self._attempt = np.append(self._attempt, attempts[unknown])
            self._add([names[place] for place in unknown.tolist()])
            self._answers = np.array([self._numbers.get(name, -1) for name in names], np.int64)
            SERIES.set(len(self.names))
        return self._answers

    def advance(self, rows: Rows) -> list[Rows]:
        """Take in a batch's POINTs, as `latest` returns them, whose series are numbers from `resolve`.

        Returns:
            For each of LEVELS, the BUCKETs that closed or changed.
        """
        before = self._totals.newest.copy()
        self._totals.update(rows)
        newest = self._totals.newest
        stored = self._read_late(rows, before)
        buckets = []
        for (below, level), table in zip(_STEPS, self._tables, strict=True):
            parent = rows["position"] >> (level - below)
            late = parent < before.take(rows["series"]) >> level
            among = rows.compress(late)
            moved = newest >> level != before >> level
            made = table.close(rows.compress(~late) if len(among) else rows, newest >> level, moved, level - below)
            if len(among):
                anew = reduce(latest(joined(stored[below], among)), level - below)
                RECOMPUTED.inc(len(anew))
                made = joined(made, anew)
            buckets.append(made)
            rows = made
        return buckets

    def totals(self) -> Rows:
        """Return the TOTALs of the batch's series. What `advance` was given and returned is stored by now."""
        if len(self._totals.dirty):
            self._totals.mend(self._archive.between(self.names, self._totals.ends(self._totals.dirty)))
        return self._totals.take(np.flatnonzero(self._used == self._batch))

    def _add(self, names: Sequence[Series]) -> None:
        start = len(self.names)
        self.names.extend(names)
        self._numbers.update((name, start + place) for place, name in enumerate(names))
        totals = self._archive.totals(names)
        totals["series"] += start
        self._totals.add(len(names), totals)
        self._used = np.concatenate((self._used, np.full(len(names), self._batch)))
        # Of a child that is open, too, there is no row yet: what it is made of is read one level below.
        parts = {
            number: [
                Part(below, newest >> level << (level - below), (newest >> below) - 1 if below else newest | 63)
                for below, level in _STEPS
            ]
            for number, newest in zip(totals["series"].tolist(), totals["last_step"].tolist(), strict=True)
        }
        if parts:
            found = self._archive.by_level(self.names, _real(parts))
            for (below, _), table in zip(_STEPS, self._tables, strict=True):
                table.append(found[below])
            self._totals.recall(found[0])

    def _read_late(self, rows: Rows, before: NDArray[np.int64]) -> dict[int, Rows]:
        """Read back what the closed buckets are made of into which points fall, on every level."""
        parts: dict[int, list[Part]] = {}
        for below, level in _STEPS:
            rows = rows.compress(rows["position"] >> level < before.take(rows["series"]) >> level)
            if not len(rows):
                break  # what is late for a level is so for those below
            parents = np.stack((rows["series"], rows["position"] >> level), axis=1)
            for number, position in np.unique(parents, axis=0).tolist():
                first = position << (level - below)
                parts.setdefault(number, []).append(Part(below, first, first + (1 << (level - below)) - 1))
        return self._archive.by_level(self.names, parts) if parts else {}

    def _evict(self, keep: int) -> None:
        """Forget all but the ``keep`` series used last."""
        kept = np.sort(np.argsort(-self._used, kind="stable")[:keep])
        numbers: NDArray[Any] = np.full(len(self.names), -1, np.int64)
        numbers[kept] = np.arange(len(kept))
        for table in self._tables:
            table.renumber(numbers)
        self.names = Names(self.names[number] for number in kept.tolist())
        self._numbers = {name: number for number, name in enumerate(self.names)}
        self._totals.keep(kept)
        self._used, self._attempt = self._used[kept], self._attempt[kept]


def _real(parts: Mapping[int, Sequence[Part]]) -> Parts:
    return {place: [part for part in some if part.start <= part.end] for place, some in parts.items()}
