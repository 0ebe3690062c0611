"""A curve as an answer: what is known of each of its columns."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from runwire_storage.cover import Part
from runwire_storage.queries.views import View
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
    """A series in N columns of 2^level steps, or of 2^level microseconds; columns without a point are left out.

    Column c holds what lies from ``c << level`` to before ``(c + 1) << level``, as far as it lies in the view. All of
    it equals, to the bit, what one would compute from the points alone. So does ``sum``, whose order of adding is part
    of the definition: points by rising step make the sums of buckets of 2^6 steps, these by rising step those of 2^8,
    and so on, up to the column's width; and for columns of time, which hold any steps, up to the widest bucket.

    Attributes:
        level: log2 of a column's width.
        planes: by the names of `PLANES`, N float64 each: ``column`` is c; ``count`` counts all points, ``nan``,
            ``pos_inf`` and ``neg_inf`` those; of the finite ones are first, last, min, max with their steps (the
            earliest of equals) and the sum, all NaN where there are none. Columns and steps beyond ±2^53 are rounded.
        last_step: the series' last step, wherever the view is; None if it has no point.
        first_nonfinite: None if all values in the view are finite.
        exact: False where the run's points have expired and the view cuts buckets of 2^6 steps: then the columns at the
            edges, or all of them where columns are of time, hold whole buckets.
    """

    run: str
    metric: str
    rank: int
    level: int
    planes: Mapping[str, NDArray[np.float64]]
    last_step: int | None
    first_nonfinite: NonFinite | None
    exact: bool = True

    def __len__(self) -> int:
        """Return N."""
        return len(self.planes["column"])

    @property
    def points(self) -> int:
        """How many points the columns stand for."""
        return int(self.planes["count"].sum())


def empty(name: Series, last_step: int | None) -> Columns:
    """Return a series of which nothing lies in the view."""
    return Columns(*name, 0, {plane: np.zeros(0) for plane in PLANES}, last_step, None)


def columns(reader: Reader, names: Sequence[Series], its: View, rows: Rows) -> Columns:
    """Return BUCKETs, whose position is the column, as columns.

    Args:
        reader: of the points that tell which of several kinds of non-finite values was the first.
        names: the series.
        its: whose columns they are, and how wide.
        rows: one a column, by rising position.
    """
    bad = odd(rows)
    planes = {plane: rows["position" if plane == "column" else plane].astype(np.float64) for plane in PLANES}
    without = rows["count"] == bad
    if without.any():
        for plane in PLANES[1 + len(COUNTS) :]:
            planes[plane][without] = np.nan
    first = None
    if bad.any():
        offenders = rows[bad > 0]
        first = _nonfinite(reader, names, its.place, offenders[int(np.argmin(offenders["first_nonfinite_step"]))])
    return Columns(*names[its.place], its.k, planes, its.newest, first, its.exact)


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
