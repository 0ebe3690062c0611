"""Series in as many columns as one has pixels, exact at every zoom (M4: first, last, min, max of each column)."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from clickhouse_connect.driver.client import Client
from numpy.typing import NDArray

from runwire_storage.queries import fetch
from runwire_storage.queries.cover import Part, cover, level
from runwire_storage.rows import COUNTS, EXTREMES, Rows, Series

COLUMNS_MAX = 4096
#: Rows that are held at once, each of up to 150 bytes.
_ROWS_MAX = 200_000

#: What is known of a column, in the order in which it travels.
PLANES = ("column", *COUNTS, *(f"{name}{part}" for name in EXTREMES for part in ("", "_step")), "sum")

Kind = Literal["nan", "+inf", "-inf"]


@dataclass(frozen=True)
class NonFinite:
    """The first value of a view that is not finite."""

    step: int
    kind: Kind


@dataclass(frozen=True)
class Columns:
    """A series' steps ``lo <= step < hi`` in N columns of 2^level steps; columns without a point are left out.

    Column c holds the steps ``c << level <= step < (c + 1) << level``, as far as they lie in the view. All of it
    equals, to the bit, what one would compute from the points alone. So does ``sum``, whose order of adding is part of
    the definition: points by rising step make the sums of buckets of 2^6 steps, these by rising step those of 2^10,
    and so on up to the column's width.

    Attributes:
        level: log2 of a column's width.
        planes: by the names of `PLANES`, N float64 each: ``column`` is c; ``count`` counts all points, ``nan``,
            ``pos_inf`` and ``neg_inf`` those; of the finite ones are first, last, min, max with their steps (the
            earliest of equals) and the sum, all NaN where there are none. Columns and steps beyond ±2^53 are rounded.
        last_step: the series' last step, wherever the view is; None if it has no point.
        first_nonfinite: None if all values in the view are finite.
    """

    run: str
    metric: str
    rank: int
    level: int
    planes: Mapping[str, NDArray[np.float64]]
    last_step: int | None
    first_nonfinite: NonFinite | None

    def __len__(self) -> int:
        """Return N."""
        return len(self.planes["column"])

    @property
    def points(self) -> int:
        """How many points the columns stand for."""
        return int(self.planes["count"].sum())


@dataclass(frozen=True)
class _View:
    """Where to look for one series: steps ``lo <= step < hi`` in columns of 2^k; ``lo`` == ``hi`` where nothing is."""

    place: int
    newest: int
    lo: int
    hi: int
    k: int

    @property
    def parts(self) -> list[Part]:
        return list(cover(self.lo, self.hi, self.k, self.newest))


def series(
    client: Client, names: Sequence[Series], lo: int | None = None, hi: int | None = None, columns: int = 1000
) -> list[Columns]:
    """Return the steps ``lo <= step < hi`` of each series in at most ``columns`` columns, exactly.

    What is read grows with the number of columns, not with the length of the run.

    Args:
        client: of the store.
        names: run, metric and rank of each; a series that does not exist has no columns.
        lo: where the view begins; None for each series' own beginning.
        hi: where it ends; None for each series' own end, as it is now.
        columns: 1 to `COLUMNS_MAX`; a view across step 0 takes two at least.

    Raises:
        ClickHouseError: the driver's own, where the store refuses or is away.
    """
    unique = list(dict.fromkeys(names))
    found: dict[Series, Columns] = {}
    for start in range(0, len(unique), fetch.SERIES_MAX):
        batch = unique[start : start + fetch.SERIES_MAX]
        found.update(zip(batch, _batch(client, batch, lo, hi, columns), strict=True))
    return [found[name] for name in names]


def _batch(client: Client, names: Sequence[Series], lo: int | None, hi: int | None, columns: int) -> list[Columns]:
    newest = {int(row["series"]): int(row["last_step"]) for row in fetch.tails(client, names)}
    starts = dict.fromkeys(newest, lo) if lo is not None else _first_steps(client, names, newest)
    views: dict[int, list[_View]] = defaultdict(list)
    for place, start in starts.items():
        end = newest[place] + 1 if hi is None else hi
        if start is not None and start < end:
            k = level(start, end, columns)
            # Beyond the last step is nothing yet; what is about to be stored belongs to the next view.
            view = _View(place, newest[place], start, max(start, min(end, newest[place] + 1)), k)
            views[k].append(view)
    found = {
        view.place: _columns(client, names, view, rows)
        for k, same in views.items()
        for chunk in _chunks(same)
        for view, rows in _by_view(chunk, fetch.columns(client, names, {view.place: view.parts for view in chunk}, k))
    }
    empty = {name: np.zeros(0) for name in PLANES}
    return [
        found[place] if place in found else Columns(*name, 0, empty, newest.get(place), None)
        for place, name in enumerate(names)
    ]


def _first_steps(client: Client, names: Sequence[Series], newest: Mapping[int, int]) -> dict[int, int | None]:
    firsts: dict[int, int | None] = dict.fromkeys(newest)
    for row in fetch.totals(client, names, newest):
        place, first = int(row["series"]), first_step(row)
        known = firsts[place]
        firsts[place] = first if known is None else min(first, known)
    return firsts


def first_step(row: Any) -> int:
    """Return the first step in a BUCKET, whatever its value."""
    steps = [int(row["first_step"])] if row["count"] > _odd(row) else []
    return min([*steps, int(row["first_nonfinite_step"])] if _odd(row) else steps)


def _odd(rows: Any) -> Any:
    return rows["nan"] + rows["pos_inf"] + rows["neg_inf"]


def _chunks(views: Sequence[_View]) -> Iterator[list[_View]]:
    """Yield the views in lists that are not too large to be held at once."""
    chunk: list[_View] = []
    size = 0
    for view in views:
        more = sum(part.end - part.start + 1 for part in view.parts)
        if chunk and size + more > _ROWS_MAX:
            yield chunk
            chunk, size = [], 0
        chunk.append(view)
        size += more
    if chunk:
        yield chunk


def _by_view(views: Sequence[_View], rows: Rows) -> Iterator[tuple[_View, Rows]]:
    places = [view.place for view in views]
    starts = np.searchsorted(rows["series"], places, "left")
    ends = np.searchsorted(rows["series"], places, "right")
    for view, start, end in zip(views, starts, ends, strict=True):
        yield view, rows[start:end]


def _columns(client: Client, names: Sequence[Series], view: _View, rows: Rows) -> Columns:
    empty = rows["count"] == _odd(rows)
    planes = {plane: rows["position" if plane == "column" else plane].astype(np.float64) for plane in PLANES}
    for plane in PLANES[1 + len(COUNTS) :]:
        planes[plane][empty] = np.nan
    odd = rows[_odd(rows) > 0]
    name = names[view.place]
    first = _nonfinite(client, name, odd[0]) if len(odd) else None
    return Columns(*name, view.k, planes, view.newest, first)


def _nonfinite(client: Client, name: Series, row: Any) -> NonFinite:
    """Tell the first non-finite value of a column; its point is read only where the column has several kinds."""
    step = int(row["first_nonfinite_step"])
    kinds: dict[str, Kind] = {"nan": "nan", "pos_inf": "+inf", "neg_inf": "-inf"}
    [*there] = [kind for field, kind in kinds.items() if row[field]]
    if len(there) == 1:
        return NonFinite(step, there[0])
    value = fetch.value(client, name, step)
    return NonFinite(step, "nan" if math.isnan(value) else "+inf" if value > 0 else "-inf")
