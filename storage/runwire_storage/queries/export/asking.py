"""What points are asked for with, in whatever shape they leave."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa
from clickhouse_connect.driver.client import Client

from runwire_storage.cover import STEP_MAX, STEP_MIN
from runwire_storage.schema import DATABASE

#: Points of one question to the store, whose answer both sides hold: 30 bytes each.
POINTS_MAX = 1 << 20

WORD = pa.dictionary(pa.int32(), pa.string())
#: When a step was logged, as a column of what leaves.
TS = pa.field("ts", pa.timestamp("us", tz="UTC"))

WITHIN = "run = {run:String} AND step >= {lo:Int64} AND step <= {hi:Int64}"
# The time is kept once for each step of a rank.
STEPS = f"SELECT rank, step, ts FROM {DATABASE}.steps WHERE {WITHIN}"  # noqa: S608 - a constant

_SETTINGS = {"output_format_arrow_low_cardinality_as_dictionary": 1, "output_format_arrow_string_as_string": 1}


def within(lo: int | None, hi: int | None) -> tuple[int, int]:
    """Return the first and the last step of ``lo <= step < hi``, where None is no limit."""
    return STEP_MIN if lo is None else max(lo, STEP_MIN), STEP_MAX if hi is None else min(hi - 1, STEP_MAX)


def table(client: Client, sql: str, parameters: Mapping[str, Any]) -> pa.Table:
    """Return what a SELECT answers."""
    data = client.raw_query(sql, dict(parameters), _SETTINGS, fmt="ArrowStream")
    with pa.ipc.open_stream(data) as stream:
        return stream.read_all().unify_dictionaries().combine_chunks()


def repeated(word: str, count: int) -> pa.DictionaryArray:
    """Return a column of one word."""
    return pa.DictionaryArray.from_arrays(pa.repeat(pa.scalar(0, pa.int32()), count), pa.array([word]))


def beside(ranks: pa.Array, steps: pa.Array, times: pa.Table) -> pa.Array:
    """Return for each rank and step its time, or null; ``times`` are `STEPS` sorted by rank and step."""
    known_ranks, known_steps = (times[name].to_numpy() for name in ("rank", "step"))
    its_ranks, its_steps = ranks.to_numpy(), steps.to_numpy()
    places = np.zeros(len(its_steps), np.int64)
    there = np.zeros(len(its_steps), np.bool_)
    for rank in np.unique(its_ranks):
        start, end = (int(np.searchsorted(known_ranks, rank, side)) for side in ("left", "right"))
        (mine,) = np.nonzero(its_ranks == rank)
        if start < end:
            found = np.minimum(start + np.searchsorted(known_steps[start:end], its_steps[mine]), end - 1)
            places[mine], there[mine] = found, known_steps[found] == its_steps[mine]
    return times["ts"].combine_chunks().take(pa.array(places, mask=~there))
