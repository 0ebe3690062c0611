"""A run's points as Arrow record batches, straight from ClickHouse's own Arrow output."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from clickhouse_connect.driver.client import Client

from runwire.wire.names import is_system
from runwire_storage.queries.export.asking import POINTS_MAX, STEPS, TS, WITHIN, WORD, beside, repeated, table, within
from runwire_storage.queries.export.chosen import Chosen
from runwire_storage.schema import DATABASE

#: Series of one question.
SERIES_MAX = 1000

_POINTS = f"FROM {DATABASE}.points WHERE {WITHIN}"
_GROUP = "AND (metric, rank) IN {series:Array(Tuple(String, UInt32))} ORDER BY metric, rank, step"
# The table lies in this order: what is behind the limit is not read.
_PART = "AND metric = {metric:String} AND rank = {rank:UInt32} ORDER BY step LIMIT {limit:UInt64}"


def schema(*, times: bool = False) -> pa.Schema:
    """Return what a batch is: run and metric as dictionaries, rank, step, value, and perhaps ts (µs, UTC)."""
    kinds = {
        "run": WORD,
        "metric": WORD,
        "rank": pa.uint32(),
        "step": pa.int64(),
        "value": pa.float64(),
    }
    fields = [pa.field(name, kind, nullable=False) for name, kind in kinds.items()]
    return pa.schema([*fields, TS] if times else fields)


def points(
    client: Client,
    run: str,
    series: Sequence[Chosen],
    lo: int | None = None,
    hi: int | None = None,
    *,
    times: bool = False,
    points_max: int = POINTS_MAX,
) -> Iterator[pa.RecordBatch]:
    """Yield the points of series of a run with ``lo <= step < hi``, by metric, rank and step.

    Of what was logged twice there is one row, as in the view `points`. At most about ``points_max`` points are held at
    once, however many there are. Of a run that goes on, what is logged meanwhile may come or not.

    Args:
        client: of the store.
        run: its id.
        series: as `chosen` tells them.
        lo: the first step; None for the first that there is.
        hi: behind the last step; None for the last that there is.
        times: tell of each point when its step was logged, which takes another question for each part.
        points_max: so many are asked for at once.

    Raises:
        ClickHouseError: the driver's own, where the store refuses or is away.
    """
    start, end = within(lo, hi)
    names = pa.array(sorted({one.metric for one in series}), pa.string())
    reader = _Reader(client, run, names, times)
    for group in _groups(series, points_max):
        if start > end:
            return
        if len(group) > 1 or group[0].count <= points_max:
            keys = [(one.metric, one.rank) for one in group]
            yield from reader.read(_GROUP, {"lo": start, "hi": end, "series": keys})
        else:
            yield from _parts(reader, group[0], start, end, points_max)


def _groups(series: Sequence[Chosen], points_max: int) -> Iterator[list[Chosen]]:
    """Yield series in lists that have few points together, or are a single one."""
    group: list[Chosen] = []
    size = 0
    for one in series:
        if group and (size + one.count > points_max or len(group) == SERIES_MAX):
            yield group
            group, size = [], 0
        group.append(one)
        size += one.count
    if group:
        yield group


def _parts(reader: _Reader, one: Chosen, start: int, end: int, limit: int) -> Iterator[pa.RecordBatch]:
    """Yield a long series in parts, each of which begins behind the last step of the one before."""
    while start <= end:
        count, last = 0, end
        told = {"metric": one.metric, "rank": one.rank, "limit": limit}
        for batch in reader.read(_PART, {"lo": start, "hi": end, **told}):
            count += batch.num_rows
            last = batch.column("step")[-1].as_py()
            yield batch
        if count < limit:
            return
        start = last + 1


@dataclass(frozen=True)
class _Reader:
    """Reads points of one run. ``names`` are the metrics of all batches: so they share one dictionary."""

    client: Client
    run: str
    names: pa.Array
    times: bool

    def read(self, which: str, parameters: dict[str, Any]) -> Iterator[pa.RecordBatch]:
        asked = {"run": self.run, **parameters}
        sql = f"SELECT metric, rank, step, value {_POINTS} {which}"
        found = table(self.client, sql, asked)
        if not found.num_rows:
            return
        [batch] = found.to_batches()
        ranks, steps, values = (batch.column(name) for name in ("rank", "step", "value"))
        columns = [repeated(self.run, batch.num_rows), self._names(batch), ranks, steps, values]
        if self.times:
            points = f"(rank, step) IN (SELECT rank, step {_POINTS} {which})"
            times = table(self.client, f"{STEPS} AND {points} ORDER BY rank, step", asked)
            columns.append(_timed(batch.column("metric"), steps, beside(ranks, steps, times)))
        yield pa.RecordBatch.from_arrays(columns, schema=schema(times=self.times))

    def _names(self, batch: pa.RecordBatch) -> pa.Array:
        """Return the column metric."""
        theirs = batch.column("metric")
        places = pc.index_in(theirs.dictionary, value_set=self.names)
        return pa.DictionaryArray.from_arrays(places.take(theirs.indices), self.names)


def _timed(metrics: pa.DictionaryArray, steps: pa.Array, times: pa.Array) -> pa.Array:
    """Return the times of points: those of their steps, but of the machine's figures the step itself."""
    of_machine = pa.array([is_system(name) for name in metrics.dictionary.to_pylist()], pa.bool_())
    measured = of_machine.take(metrics.indices)
    milliseconds = pc.if_else(measured, steps, pa.scalar(None, steps.type))  # another step may be no time at all
    own = milliseconds.cast(pa.timestamp("ms", tz="UTC")).cast(TS.type)
    return pc.if_else(measured, own, times)
