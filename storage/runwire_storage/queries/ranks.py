"""The ranks of a run beside each other: as one curve, or as a matrix of rank and step that shows who differs."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from clickhouse_connect.driver.client import Client
from numpy.typing import NDArray

from runwire_storage.cover import level
from runwire_storage.queries.asking import ENDS, reader
from runwire_storage.queries.outliers import Outlier, outliers
from runwire_storage.queries.views import view
from runwire_storage.rows import BUCKET, COUNTS, Ints, Rows, odd
from runwire_storage.schema import DATABASE

#: So many cells are held at once: with more ranks, columns are wider, which the answer says.
CELLS_MAX = 200_000

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Pool:
    """A metric over ranks, in N columns of 2^level steps; columns in which no rank has a point are left out.

    Attributes:
        ranks: which ranks have points in the view, rising.
        column: N int64; column c holds the steps ``c << level <= step < (c + 1) << level``.
        present: N int64, how many ranks have points there.
        count, nonfinite: N int64, over all ranks: points, and those of them that are NaN or infinite.
        min, max: N float64 over all finite values of all ranks, with the rank that has it; NaN and -1 where none is.
        mean: N float64, the mean over ranks of each rank's mean, so that none weighs more for logging more often.
    """

    run: str
    metric: str
    level: int
    ranks: Ints
    column: Ints
    present: Ints
    count: Ints
    nonfinite: Ints
    min: Floats
    min_rank: Ints
    max: Floats
    max_rank: Ints
    mean: Floats

    def __len__(self) -> int:
        """Return N."""
        return len(self.column)


@dataclass(frozen=True)
class Matrix:
    """A metric by rank and step: R ranks, C columns of 2^level steps, of which the first is ``start``.

    Attributes:
        ranks: R, rising.
        mean: (R, C) float64, the mean of the finite values; NaN where there are none.
        nonfinite: (R, C) int64, how many values are NaN or infinite.
        last_step: R int64.
        outliers: the ranks that differ, the most striking first.
    """

    run: str
    metric: str
    level: int
    start: int
    ranks: Ints
    mean: Floats
    nonfinite: Ints
    last_step: Ints
    outliers: Sequence[Outlier]


def pool(
    client: Client, run: str, metric: str, *, lo: int | None = None, hi: int | None = None, columns: int = 1000
) -> Pool:
    """Return the steps ``lo <= step < hi`` of a metric over all ranks of its run, in at most ``columns`` columns.

    Args:
        client: of the store.
        run: the run's id.
        metric: the metric's name.
        lo: where the view begins; None for the first step of any rank.
        hi: where it ends; None for the last step of any rank.
        columns: at most so many, and fewer where there are many ranks (`CELLS_MAX`).

    Raises:
        ClickHouseError: the driver's own, where the store refuses or is away.
    """
    ranks, _, k, rows = _cells(client, (run, metric), (lo, hi, columns), {*COUNTS, "sum", "min", "max"})
    rows = rows[np.lexsort((rows["series"], rows["position"]))]
    column, starts, present = np.unique(rows["position"], return_index=True, return_counts=True)
    mean, nonfinite = _means(rows)
    finite = ~np.isnan(mean)
    told = _added(finite.astype(np.int64), starts)
    least, most = np.where(finite, rows["min"], np.inf), np.where(finite, rows["max"], -np.inf)
    with np.errstate(invalid="ignore", over="ignore"):
        means = _added(np.where(finite, mean, 0.0), starts) / np.maximum(told, 1)
    min_at, max_at = _first(least, starts, present, np.minimum), _first(most, starts, present, np.maximum)
    rank = ranks[rows["series"]]
    none = told == 0
    return Pool(
        run,
        metric,
        k,
        ranks[np.unique(rows["series"])],
        column,
        present,
        _added(rows["count"].astype(np.int64), starts),
        _added(nonfinite, starts),
        np.where(none, np.nan, least[min_at]),
        np.where(none, -1, rank[min_at]),
        np.where(none, np.nan, most[max_at]),
        np.where(none, -1, rank[max_at]),
        np.where(none, np.nan, means),
    )


def matrix(
    client: Client, run: str, metric: str, *, lo: int | None = None, hi: int | None = None, columns: int = 128
) -> Matrix:
    """Return the steps ``lo <= step < hi`` of a metric by rank, in at most ``columns`` columns, and who differs.

    Args:
        client: of the store.
        run: the run's id.
        metric: the metric's name.
        lo: where the view begins; None for the first step of any rank.
        hi: where it ends; None for the last step of any rank.
        columns: at most so many, and fewer where there are many ranks (`CELLS_MAX`).

    Raises:
        ClickHouseError: the driver's own, where the store refuses or is away.
    """
    ranks, last_step, k, rows = _cells(client, (run, metric), (lo, hi, columns), {*COUNTS, "sum"})
    start = int(rows["position"].min()) if len(rows) else 0
    width = int(rows["position"].max()) - start + 1 if len(rows) else 0
    mean, nonfinite = np.full((len(ranks), width), np.nan), np.zeros((len(ranks), width), np.int64)
    mean[rows["series"], rows["position"] - start], nonfinite[rows["series"], rows["position"] - start] = _means(rows)
    found = outliers(ranks, mean, nonfinite, last_step, (start << k, 1 << k))
    return Matrix(run, metric, k, start << k, ranks, mean, nonfinite, last_step, found)


def _cells(
    client: Client, of: tuple[str, str], where: tuple[int | None, int | None, int], fields: Collection[str]
) -> tuple[Ints, Ints, int, Rows]:
    """Return the ranks, their last steps, the columns' level, and a BUCKET a cell, whose series is the rank's place.

    Args:
        client: of the store.
        of: run and metric.
        where: lo, hi, and how many columns.
        fields: those of the BUCKETs that are wanted; the others mean nothing.
    """
    lo, hi, columns = where
    sql = f"SELECT rank FROM {DATABASE}.series WHERE run = {{run:String}} AND metric = {{metric:String}} ORDER BY rank"  # noqa: S608
    run, metric = of
    ranks = [rank for (rank,) in client.query(sql, {"run": run, "metric": metric}).result_rows]
    names = [(run, metric, rank) for rank in ranks]
    totals = reader(client, ENDS).totals(names)
    if not len(totals):
        return np.zeros(0, np.int64), np.zeros(0, np.int64), 0, np.zeros(0, BUCKET)
    start = int(totals["first_step"].min()) if lo is None else lo
    end = int(totals["last_step"].max()) + 1 if hi is None else hi
    k = level(start, max(end, start + 1), max(1, min(columns, CELLS_MAX // len(ranks))))
    views = [its for place, total in enumerate(totals) for its in view(place, total, start, end, k)]
    rows = reader(client, fields).columns(names, {its.place: its.parts for its in views}, k)
    return np.array(ranks, np.int64), totals["last_step"], k, rows


def _means(rows: Rows) -> tuple[Floats, Ints]:
    """Return the mean of each row's finite values, NaN where there are none, and how many others there are."""
    bad = odd(rows)
    finite = rows["count"] - bad
    with np.errstate(invalid="ignore", over="ignore"):
        mean: Floats = np.where(finite > 0, rows["sum"] / np.maximum(finite, 1), np.nan)
    return mean, bad.astype(np.int64)


def _added(values: Any, starts: Ints) -> Any:
    return np.add.reduceat(values, starts) if len(values) else values


def _first(values: Floats, starts: Ints, lengths: Ints, extreme: np.ufunc) -> Ints:
    """Return where in each group its extreme stands first."""
    if not len(values):
        return np.zeros(0, np.int64)
    hits = np.flatnonzero(values == np.repeat(extreme.reduceat(values, starts), lengths))
    group = np.searchsorted(starts, hits, "right")
    return hits[np.concatenate(([0], np.flatnonzero(group[1:] != group[:-1]) + 1))]
