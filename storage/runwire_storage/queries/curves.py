"""Series in as many columns as one has pixels, exact at every zoom (M4: first, last, min, max of each column)."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import numpy as np
from clickhouse_connect.driver.client import Client
from numpy.typing import NDArray

from runwire_storage.client import ask
from runwire_storage.cover import Part, cover, level
from runwire_storage.reader import Reader
from runwire_storage.rows import COUNTS, EXTREMES, Rows, Series, odd

COLUMNS_MAX = 4096

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
    """Where to look for one series: steps ``lo <= step < hi`` in columns of 2^k, of which all lie in the series."""

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
    reader = Reader(partial(ask, client))
    totals = {int(row["series"]): row for row in reader.totals(unique)}
    views: dict[int, list[_View]] = defaultdict(list)
    for view in _views(totals, lo, hi, columns):
        views[view.k].append(view)
    found: dict[int, Columns] = {}
    for k, same in views.items():
        rows = reader.columns(unique, {view.place: view.parts for view in same}, k)
        places = [view.place for view in same]
        starts = np.searchsorted(rows["series"], places, "left").tolist()
        ends = np.searchsorted(rows["series"], places, "right").tolist()
        for view, start, end in zip(same, starts, ends, strict=True):
            found[view.place] = _columns(reader, unique, view, rows[start:end])
    empty = {name: np.zeros(0) for name in PLANES}
    for place, name in enumerate(unique):
        if place not in found:
            last_step = int(totals[place]["last_step"]) if place in totals else None
            found[place] = Columns(*name, 0, empty, last_step, None)
    by_name = {name: found[place] for place, name in enumerate(unique)}
    return [by_name[name] for name in names]


def _views(totals: Mapping[int, Any], lo: int | None, hi: int | None, columns: int) -> Iterator[_View]:
    for place, total in totals.items():
        first, newest = int(total["first_step"]), int(total["last_step"])
        start, end = first if lo is None else lo, newest + 1 if hi is None else hi
        if start >= end:
            continue
        k = level(start, end, columns)
        # Nothing is before the first step, so its column is read whole. Beyond the last step is nothing yet; what is
        # about to be stored belongs to the next view.
        start, end = max(start, first >> k << k), min(end, newest + 1)
        if start < end:
            yield _View(place, newest, start, end, k)


def _columns(reader: Reader, names: Sequence[Series], view: _View, rows: Rows) -> Columns:
    bad = odd(rows)
    planes = {plane: rows["position" if plane == "column" else plane].astype(np.float64) for plane in PLANES}
    empty = rows["count"] == bad
    if empty.any():
        for plane in PLANES[1 + len(COUNTS) :]:
            planes[plane][empty] = np.nan
    first = _nonfinite(reader, names, view.place, rows[int(np.argmax(bad > 0))]) if bad.any() else None
    return Columns(*names[view.place], view.k, planes, view.newest, first)


def _nonfinite(reader: Reader, names: Sequence[Series], place: int, row: Any) -> NonFinite:
    """Tell the first non-finite value of a column; its point is read only where the column has several kinds."""
    step = int(row["first_nonfinite_step"])
    kinds: dict[str, Kind] = {"nan": "nan", "pos_inf": "+inf", "neg_inf": "-inf"}
    [*there] = [kind for field, kind in kinds.items() if row[field]]
    if len(there) == 1:
        return NonFinite(step, there[0])
    [point] = reader.points(names, {place: [Part(0, step, step)]})
    value = float(point["value"])
    return NonFinite(step, "nan" if math.isnan(value) else "+inf" if value > 0 else "-inf")
