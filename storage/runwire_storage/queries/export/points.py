"""A run's points as Arrow record batches, straight from ClickHouse's own Arrow output."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from clickhouse_connect.driver.client import Client

from runwire_storage.queries.cover import STEP_MAX, STEP_MIN
from runwire_storage.queries.export.chosen import Chosen
from runwire_storage.schema import DATABASE

#: Points of one question to the store, whose answer both sides hold: 30 bytes each.
POINTS_MAX = 1 << 20
#: Series of one question.
SERIES_MAX = 1000

_WORD = pa.dictionary(pa.int32(), pa.string())
_SETTINGS = {"output_format_arrow_low_cardinality_as_dictionary": 1, "output_format_arrow_string_as_string": 1}

_SELECT = f"""
    SELECT metric, rank, step, ts, value FROM {DATABASE}.points
    WHERE run = {{run:String}} AND step >= {{lo:Int64}} AND step <= {{hi:Int64}}
"""  # noqa: S608 - constants
_GROUP = "AND (metric, rank) IN {series:Array(Tuple(String, UInt32))} ORDER BY metric, rank, step"
# The table lies in this order: what is behind the limit is not read.
_PART = "AND metric = {metric:String} AND rank = {rank:UInt32} ORDER BY step LIMIT {limit:UInt64}"


def schema() -> pa.Schema:
    """Return what a batch is: run and metric as dictionaries, rank, step, ts (µs, UTC), value."""
    kinds = {
        "run": _WORD,
        "metric": _WORD,
        "rank": pa.uint32(),
        "step": pa.int64(),
        "ts": pa.timestamp("us", tz="UTC"),
        "value": pa.float64(),
    }
    return pa.schema([pa.field(name, kind, nullable=False) for name, kind in kinds.items()])


def points(
    client: Client,
    run: str,
    series: Sequence[Chosen],
    lo: int | None = None,
    hi: int | None = None,
    *,
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
        points_max: so many are asked for at once.

    Raises:
        ClickHouseError: the driver's own, where the store refuses or is away.
    """
    start = STEP_MIN if lo is None else max(lo, STEP_MIN)
    end = STEP_MAX if hi is None else min(hi - 1, STEP_MAX)
    names = pa.array(sorted({one.metric for one in series}), pa.string())
    reader = _Reader(client, run, names)
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

    def read(self, which: str, parameters: dict[str, Any]) -> Iterator[pa.RecordBatch]:
        data = self.client.raw_query(_SELECT + which, {"run": self.run, **parameters}, _SETTINGS, fmt="ArrowStream")
        with pa.ipc.open_stream(data) as stream:
            table = stream.read_all().unify_dictionaries().combine_chunks()
        if table.num_rows:
            yield self._shared(table.to_batches()[0])

    def _shared(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        rows = batch.num_rows
        run = pa.DictionaryArray.from_arrays(pa.repeat(pa.scalar(0, pa.int32()), rows), pa.array([self.run]))
        theirs = batch.column("metric")
        places = pc.index_in(theirs.dictionary, value_set=self.names)
        metric = pa.DictionaryArray.from_arrays(places.take(theirs.indices), self.names)
        columns = [run, metric, *(batch.column(name) for name in ("rank", "step", "ts", "value"))]
        return pa.RecordBatch.from_arrays(columns, schema=schema())
