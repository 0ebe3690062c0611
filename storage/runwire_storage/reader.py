"""Reading many series at once: how long they are, their points, their buckets, and any level made of both.

A question names series and ranges of positions, thousands of them. Nothing is read with FINAL: all versions of a row
come, and the latest is taken here, which costs less.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from typing import Any

import numpy as np

from runwire_storage import native, version
from runwire_storage.cover import Part, Parts, cover, gaps, inside, merged, portions
from runwire_storage.lookup import Ask, Lookup, lookups, named
from runwire_storage.rollup import latest, roll_up
from runwire_storage.rows import BUCKET, POINT, TOTAL, VERSION, Ints, Rows, Series, by_series
from runwire_storage.schema import DATABASE, LEVELS

#: About so many buckets are read at once; where they are too thin to be stored, up to POINTS_MIN points each.
_ROWS_MAX = 200_000
#: log2 of a bucket that holds every step of one sign.
WHOLE = 63
_NOTHING = {level: np.zeros(0, BUCKET) for level in LEVELS}


#: Whoever has no total is looked for no further, so it is asked here alone.
_SHOWN = f"run NOT IN (SELECT run FROM {DATABASE}.deleted)"  # noqa: S608 - a constant


class Reader:
    """Reads series by name; what is returned names them by their place in the list of names.

    Args:
        ask: how the store is asked.
        pool: threads that may ask for points while buckets are on their way, if ``ask`` may be called by several.
        fields: those of a BUCKET or TOTAL that are wanted, if not all: the others of what is read mean nothing.
    """

    def __init__(self, ask: Ask, pool: Executor | None = None, fields: Collection[str] | None = None) -> None:
        self._ask = ask
        self._pool = pool
        self._sql = {
            POINT: _select("stored_points", ["step AS position", "seq", "value"]),
            BUCKET: _select("stored_rollups", ["level", "bucket AS position", *_wanted(BUCKET, fields)]),
            TOTAL: _select("stored_series", _wanted(TOTAL, fields)),
        }

    def totals(self, names: Sequence[Series], *, deleted: bool = False) -> Rows:
        """Return the TOTAL of each series that has one, by rising place.

        Args:
            names: the series.
            deleted: whether those of deleted runs are returned, too.
        """
        asked = named(names)
        if not deleted:
            asked = (Lookup(f"{lookup.condition} AND {_SHOWN}", lookup.keys) for lookup in asked)
        found = [rows for rows, _ in self._read(TOTAL, asked, names)]
        rows = np.concatenate([np.zeros(0, TOTAL), *found])
        rows = rows[np.lexsort((rows["version_low"], rows["version_high"], rows["series"]))]
        newest: Rows = rows[np.append(rows["series"][1:] != rows["series"][:-1], np.ones(min(len(rows), 1), np.bool_))]
        return newest

    def points(self, names: Sequence[Series], parts: Parts) -> Rows:
        """Return the POINTs of parts of level 0, as `latest` does."""
        found = [rows for rows, _ in self._read(POINT, lookups("step", names, parts), names)]
        rows = latest(np.concatenate([np.zeros(0, POINT), *found]))
        return rows[inside(rows, parts)]

    def buckets(self, names: Sequence[Series], parts: Parts) -> dict[int, Rows]:
        """Return by level the stored BUCKETs of parts of higher levels than 0, as `latest` does."""
        found = {level: [rows] for level, rows in _NOTHING.items()}
        for rows, block in self._read(BUCKET, lookups("bucket", names, parts), names):
            for level in np.unique(block["level"]).tolist():
                found[level].append(rows[block["level"] == level])
        asked = _by_level(parts)
        out = {}
        for level, blocks in found.items():
            rows = latest(np.concatenate(blocks))
            out[level] = rows[inside(rows, asked.get(level, {}))]
        return out

    def columns(self, names: Sequence[Series], parts: Parts, k: int) -> Rows:
        """Return what parts hold as BUCKETs of level ``k``, sorted by series and position.

        Args:
            names: the series.
            parts: by place in ``names``: what covers a view, see `runwire_storage.cover`.
            k: log2 of a column's width.
        """
        found = [roll_up(self.by_level(names, some), k) for some in portions(parts, _ROWS_MAX)]
        return np.concatenate([np.zeros(0, BUCKET), *found])

    def by_level(self, names: Sequence[Series], parts: Parts) -> dict[int, Rows]:
        """Return parts as what they are: by level BUCKETs, stored or too thin to be, and for level 0 POINTs."""
        asked = _by_level(parts)
        edges = {place: merged(some) for place, some in asked.pop(0, {}).items()}
        points = self._points_beside(names, edges)
        stored = self.buckets(names, {place: [part for part in some if part.level] for place, some in parts.items()})
        thin = {
            level: {
                place: [gap for part in some[place] for gap in gaps(part, rows["position"])]
                for place, rows in by_series(stored[level], list(some))
            }
            for level, some in asked.items()
        }
        holes: dict[int, list[Part]] = defaultdict(list)
        for its in thin.values():
            for place, some in its.items():
                holes[place] += some
        read = self.points(names, {place: merged(some) for place, some in holes.items() if some})
        found = {0: points(), **stored}
        for level, its in thin.items():
            rows = roll_up({0: read[inside(read, its)], **_NOTHING}, level)
            found[level] = latest(np.concatenate((stored[level], rows)))
        return found

    def _points_beside(self, names: Sequence[Series], parts: Parts) -> Callable[[], Rows]:
        """Begin to read points, if something else can be done meanwhile; return what returns them."""
        if self._pool is None:
            return lambda: self.points(names, parts)
        return self._pool.submit(self.points, names, parts).result

    def between(self, names: Sequence[Series], ends: Mapping[int, tuple[int, int]]) -> Rows:
        """Return stretches of series as at most two BUCKETs each: all of their steps below zero, and all others.

        Args:
            names: the series.
            ends: by place in ``names``: from which step on, and before which, up to the series' last.
        """
        parts = {place: list(cover(first, last, WHOLE, last)) for place, (first, last) in ends.items()}
        return self.columns(names, parts, WHOLE)

    def _read(
        self, dtype: np.dtype[np.void], asked: Iterator[Lookup], names: Sequence[Series]
    ) -> Iterator[tuple[Rows, dict[str, Any]]]:
        places = {name: place for place, name in enumerate(names)}
        for lookup in asked:
            for block in native.blocks(self._ask(self._sql[dtype].format(lookup.condition), lookup.keys)):
                yield _records(block, places, dtype), block


def _select(table: str, columns: Sequence[str]) -> str:
    return f"SELECT run, metric, rank, {', '.join(columns)} FROM {DATABASE}.{table} WHERE {{}}"  # noqa: S608 - ours


def _wanted(dtype: np.dtype[np.void], fields: Collection[str] | None) -> list[str]:
    names = [name for name in dtype.names or () if name not in {"series", "position", *VERSION}]
    # Quoted: a bare nan is the number.
    return ["version", *(f"`{name}`" for name in names if fields is None or name in fields)]


def _records(block: Mapping[str, Any], places: Mapping[Series, int], dtype: np.dtype[np.void]) -> Rows:
    """Return a block's rows as records."""
    out = np.zeros(len(block["rank"]), dtype)
    out["series"] = _numbers(block["run"], block["metric"], block["rank"], places)
    if "version" in block:
        out["version_high"], out["version_low"] = version.from_column(block["version"])
    for name in (dtype.names or ())[1:]:
        if name in block:
            out[name] = block[name]
    return out


def _numbers(run: native.Words, metric: native.Words, rank: Ints, places: Mapping[Series, int]) -> Ints:
    """Return each row's series by its place. Rows of a series lie together, but for where one part of a table ends."""
    if not len(rank):
        return np.zeros(0, np.int64)
    changed = (run.codes[1:] != run.codes[:-1]) | (metric.codes[1:] != metric.codes[:-1]) | (rank[1:] != rank[:-1])
    starts = np.concatenate(([0], np.flatnonzero(changed) + 1))
    keys = zip(run.codes[starts].tolist(), metric.codes[starts].tolist(), rank[starts].tolist(), strict=True)
    numbers = [places[run.dictionary[r], metric.dictionary[m], its] for r, m, its in keys]
    return np.repeat(np.array(numbers, np.int64), np.diff(starts, append=len(rank)))


def _by_level(parts: Parts) -> dict[int, dict[int, list[Part]]]:
    out: dict[int, dict[int, list[Part]]] = {}
    for place, some in parts.items():
        for part in some:
            out.setdefault(part.level, {}).setdefault(place, []).append(part)
    return out
