"""A run's points as a table of its steps: a row a rank and step, a column a metric."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow as pa
from clickhouse_connect.driver.client import Client

from runwire_storage.queries.errors import QueryError
from runwire_storage.queries.export.asking import POINTS_MAX, STEPS, TS, WITHIN, WORD, beside, repeated, table, within
from runwire_storage.queries.export.chosen import Chosen
from runwire_storage.schema import DATABASE

_KEYS = (
    pa.field("run", WORD, nullable=False),
    pa.field("rank", pa.uint32(), nullable=False),
    pa.field("step", pa.int64(), nullable=False),
)

_POINTS = f"""
    SELECT metric, step, value FROM {DATABASE}.points
    WHERE {WITHIN} AND metric IN {{metrics:Array(String)}} AND rank = {{rank:UInt32}} ORDER BY metric, step
"""  # noqa: S608 - a constant
# Every step has a time, so these are the steps of all metrics. What is behind the limit is not read.
_END = f"""
    SELECT max(step), count() FROM (
        SELECT step FROM ({STEPS} AND rank = {{rank:UInt32}}) ORDER BY step LIMIT {{limit:UInt64}}
    )
"""  # noqa: S608 - a constant
_TIMES = f"{STEPS} AND rank = {{rank:UInt32}} ORDER BY step"


def wide_schema(series: Sequence[Chosen], *, times: bool = False) -> pa.Schema:
    """Return what a batch is: run, as a dictionary, rank, step, perhaps ts (µs, UTC), and each metric by its name.

    A metric that was not logged at a step is null there.

    Raises:
        QueryError: a metric is called as one of the other columns.
    """
    keys = [*_KEYS, TS] if times else list(_KEYS)
    metrics = _names(series)
    if taken := sorted({key.name for key in keys} & set(metrics)):
        raise QueryError(
            f"metric {taken[0]} is called as a column of the table is",
            "name the others by `metric`, or export a row a point",
        )
    return pa.schema([*keys, *(pa.field(name, pa.float64()) for name in metrics)])


def wide(
    client: Client,
    run: str,
    series: Sequence[Chosen],
    lo: int | None = None,
    hi: int | None = None,
    *,
    times: bool = False,
    points_max: int = POINTS_MAX,
) -> Iterator[pa.RecordBatch]:
    """Yield the steps of a run with ``lo <= step < hi`` at which one of the series was logged, by rank and step.

    Values are those that `points` yields. At most about ``points_max`` of them, nulls included, are held at once. Of a
    run that goes on, what is logged meanwhile may come or not.

    Args:
        client: of the store.
        run: its id.
        series: as `chosen` tells them.
        lo: the first step; None for the first that there is.
        hi: behind the last step; None for the last that there is.
        times: tell when each step was logged.
        points_max: so many are asked for at once.

    Raises:
        QueryError: a metric is called as another column.
        ClickHouseError: the driver's own, where the store refuses or is away.
    """
    kind = wide_schema(series, times=times)
    names = _names(series)
    for rank in sorted({one.rank for one in series}):
        mine = [one.metric for one in series if one.rank == rank]
        for start, end in _stretches(client, run, rank, within(lo, hi), max(1, points_max // len(names))):
            asked = {"run": run, "rank": rank, "lo": start, "hi": end}
            found = table(client, _POINTS, {**asked, "metrics": mine})
            if not found.num_rows:
                continue
            steps, columns = _columns(found, names)
            ranks = pa.repeat(pa.scalar(rank, pa.uint32()), len(steps))
            if times:
                columns.insert(0, beside(ranks, steps, table(client, _TIMES, asked)))
            yield pa.RecordBatch.from_arrays([repeated(run, len(steps)), ranks, steps, *columns], schema=kind)


def _names(series: Sequence[Chosen]) -> list[str]:
    return sorted({one.metric for one in series})


def _stretches(client: Client, run: str, rank: int, view: tuple[int, int], steps_max: int) -> Iterator[tuple[int, int]]:
    """Cut a view, a first and a last step, into such with at most so many steps that a rank has logged."""
    start, end = view
    while start <= end:
        asked = {"run": run, "rank": rank, "lo": start, "hi": end, "limit": steps_max}
        [(last, count)] = client.query(_END, asked).result_rows
        if count < steps_max:
            yield start, end
            return
        yield start, last
        start = last + 1


def _columns(found: pa.Table, names: Sequence[str]) -> tuple[pa.Array, list[pa.Array]]:
    """Return the steps of points, which are sorted by metric, and of each metric the values at them."""
    [batch] = found.to_batches()
    metric = batch.column("metric")
    steps, places = np.unique(batch.column("step").to_numpy(), return_inverse=True)
    values = batch.column("value").to_numpy()
    codes = metric.indices.to_numpy()
    starts = np.flatnonzero(np.diff(codes, prepend=-1))
    words = metric.dictionary.to_pylist()
    where = {
        words[codes[start]]: slice(start, end)
        for start, end in zip(starts.tolist(), [*starts[1:].tolist(), len(codes)], strict=True)
    }
    columns = []
    for name in names:
        column = np.zeros(len(steps))
        missing = np.ones(len(steps), np.bool_)
        if name in where:
            column[places[where[name]]] = values[where[name]]
            missing[places[where[name]]] = False
        columns.append(pa.array(column, mask=missing))
    return pa.array(steps), columns
