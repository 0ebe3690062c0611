"""A run's points as Arrow record batches, straight from ClickHouse's own Arrow output."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from clickhouse_connect.driver.client import Client

from runwire_storage.cover import STEP_MAX, STEP_MIN
from runwire_storage.queries.export.chosen import Chosen
from runwire_storage.schema import DATABASE

#: Points of one question to the store, whose answer both sides hold: 30 bytes each.
POINTS_MAX = 1 << 20
#: Series of one question.
SERIES_MAX = 1000

_WORD = pa.dictionary(pa.int32(), pa.string())
_SETTINGS = {"output_format_arrow_low_cardinality_as_dictionary": 1, "output_format_arrow_string_as_string": 1}

_POINTS = f"""
    FROM {DATABASE}.points WHERE run = {{run:String}} AND step >= {{lo:Int64}} AND step <= {{hi:Int64}}
"""
_GROUP = "AND (metric, rank) IN {series:Array(Tuple(String, UInt32))} ORDER BY metric, rank, step"
# The table lies in this order: what is behind the limit is not read.
_PART = "AND metric = {metric:String} AND rank = {rank:UInt32} ORDER BY step LIMIT {limit:UInt64}"


# The time is kept once for each step of a rank.
_STEPS = f"""
    SELECT rank, step, ts FROM {DATABASE}.steps
    WHERE run = {{run:String}} AND step >= {{lo:Int64}} AND step <= {{hi:Int64}}
"""  # noqa: S608 - a constant


def schema(*, times: bool = False) -> pa.Schema:
    """Return what a batch is: run and metric as dictionaries, rank, step, value, and perhaps ts (µs, UTC)."""
    kinds = {
        "run": _WORD,
        "metric": _WORD,
        "rank": pa.uint32(),
        "step": pa.int64(),
        "value": pa.float64(),
    }
    fields = [pa.field(name, kind, nullable=False) for name, kind in kinds.items()]
    return pa.schema([*fields, pa.field("ts", pa.timestamp("us", tz="UTC"))] if times else fields)


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
    start = STEP_MIN if lo is None else max(lo, STEP_MIN)
    end = STEP_MAX if hi is None else min(hi - 1, STEP_MAX)
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
        table = self._table(sql, asked).unify_dictionaries().combine_chunks()
        if not table.num_rows:
            return
        batch = table.to_batches()[0]
        columns = [*self._names(batch), *(batch.column(name) for name in ("rank", "step", "value"))]
        if self.times:
            points = f"(rank, step) IN (SELECT rank, step {_POINTS} {which})"
            columns.append(_beside(batch, self._table(f"{_STEPS} AND {points} ORDER BY rank, step", asked)))
        yield pa.RecordBatch.from_arrays(columns, schema=schema(times=self.times))

    def _table(self, sql: str, parameters: dict[str, Any]) -> pa.Table:
        data = self.client.raw_query(sql, parameters, _SETTINGS, fmt="ArrowStream")
        with pa.ipc.open_stream(data) as stream:
            return stream.read_all()

    def _names(self, batch: pa.RecordBatch) -> tuple[pa.Array, pa.Array]:
        """Return the columns run and metric."""
        run = pa.DictionaryArray.from_arrays(pa.repeat(pa.scalar(0, pa.int32()), batch.num_rows), pa.array([self.run]))
        theirs = batch.column("metric")
        places = pc.index_in(theirs.dictionary, value_set=self.names)
        return run, pa.DictionaryArray.from_arrays(places.take(theirs.indices), self.names)


def _beside(batch: pa.RecordBatch, times: pa.Table) -> pa.Array:
    """Return for each point the time of its rank's step, or null; ``times`` are sorted by rank and step."""
    ranks, steps = (batch.column(name).to_numpy() for name in ("rank", "step"))
    known_ranks, known_steps = (times[name].to_numpy() for name in ("rank", "step"))
    places = np.zeros(len(steps), np.int64)
    there = np.zeros(len(steps), np.bool_)
    for rank in np.unique(ranks):
        start, end = (int(np.searchsorted(known_ranks, rank, side)) for side in ("left", "right"))
        (mine,) = np.nonzero(ranks == rank)
        if start < end:
            found = np.minimum(start + np.searchsorted(known_steps[start:end], steps[mine]), end - 1)
            places[mine], there[mine] = found, known_steps[found] == steps[mine]
    return times["ts"].combine_chunks().take(pa.array(places, mask=~there))
