"""Reading the rows that cover a view, of many series at once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from clickhouse_connect.driver.client import Client

from runwire_storage.queries.cover import STEP_MIN, Part, cover
from runwire_storage.rollup import latest, reduce
from runwire_storage.rows import BUCKET, POINT, TAIL, Rows, Series
from runwire_storage.schema import DATABASE, LEVELS

#: So many series are named in one query: their names travel in the request's line, which ends at 64 KiB.
SERIES_MAX = 32

#: What the view calls the counts of what is not finite.
_NAMES = {name: f"{name}_count" for name in ("nan", "pos_inf", "neg_inf")}
# Where nothing is finite, 0 stands in fields that mean nothing then.
_STATE = ", ".join(
    f"ifNull({_NAMES.get(name, name)}, 0)" for name in BUCKET.names or () if name not in {"series", "position", "seq"}
)


def tails(client: Client, names: Sequence[Series]) -> Rows:
    """Return the TAIL of each of at most `SERIES_MAX` series that has one; ``series`` is its place in ``names``."""
    sql = f"""
        SELECT {{number}}, last_step, last_ts, last, toUInt64(0)
        FROM {DATABASE}.series WHERE {{where}}
    """  # noqa: S608 - a constant
    return _read(client, sql, names, dict.fromkeys(range(len(names)), "true"), TAIL)


def columns(client: Client, names: Sequence[Series], parts: Mapping[int, Sequence[Part]], k: int) -> Rows:
    """Return series as BUCKETs of level ``k``, sorted by series and position, of what the parts hold.

    The view is rolled up as the whole series is: points to buckets of the lowest level, beside those that are stored,
    these to the next, and so on. So it is all the same whether a bucket is already stored or still open.

    Args:
        client: of the store.
        names: at most `SERIES_MAX` series.
        parts: by place in ``names``, what covers its view.
        k: log2 of a column's width.
    """
    rows, level = latest(_points(client, names, parts)), 0
    stored = _rollups(client, names, parts)
    for higher in (higher for higher in LEVELS if higher <= k):
        rows = latest(np.concatenate((reduce(rows, higher - level), stored.get(higher, np.zeros(0, BUCKET)))))
        level = higher
    return reduce(rows, k - level)


def totals(client: Client, names: Sequence[Series], newest: Mapping[int, int]) -> Rows:
    """Return whole series as at most two BUCKETs each: all of their steps below zero, and all others.

    Args:
        client: of the store.
        names: at most `SERIES_MAX` series.
        newest: by place in ``names``, the last step of those to read.
    """
    parts = {place: list(cover(STEP_MIN, last + 1, 63, last)) for place, last in newest.items()}
    return columns(client, names, parts, 63)


def value(client: Client, name: Series, step: int) -> float:
    """Return the value of the point that a series has at a step."""
    [[found]] = _read(
        client,
        f"SELECT value FROM {DATABASE}.points WHERE {{where}}",  # noqa: S608 - a constant
        [name],
        {0: f"step = {step}"},
        np.dtype([("value", "<f8")]),
    )
    return float(found)


def _points(client: Client, names: Sequence[Series], parts: Mapping[int, Sequence[Part]]) -> Rows:
    ranges = {
        place: " OR ".join(f"step BETWEEN {part.start} AND {part.end}" for part in found if not part.level)
        for place, found in parts.items()
    }
    sql = f"SELECT {{number}}, step, toUInt64(0), value FROM {DATABASE}.points WHERE {{where}}"  # noqa: S608
    return _read(client, sql, names, ranges, POINT)


def _rollups(client: Client, names: Sequence[Series], parts: Mapping[int, Sequence[Part]]) -> dict[int, Rows]:
    """Return the stored buckets by level."""
    ranges = {
        place: " OR ".join(
            f"level = {part.level} AND bucket BETWEEN {part.start} AND {part.end}" for part in found if part.level
        )
        for place, found in parts.items()
    }
    # The level travels as seq, which no query needs.
    sql = f"""
        SELECT {{number}}, bucket, toUInt64(level), {_STATE} FROM {DATABASE}.rollups WHERE {{where}}
    """  # noqa: S608 - a constant
    rows = _read(client, sql, names, ranges, BUCKET)
    return {int(level): rows[rows["seq"] == level] for level in np.unique(rows["seq"])}


def _read(
    client: Client, sql: str, names: Sequence[Series], ranges: Mapping[int, str], dtype: np.dtype[np.void]
) -> Rows:
    """Run a query over series, each with its own condition; those whose condition is empty are left out.

    What comes from outside is bound; the numbers in conditions are ours.
    """
    wanted = {place: condition for place, condition in ranges.items() if condition}
    if not wanted:
        return np.zeros(0, dtype)
    is_series = {place: _IS_SERIES.format(place=place) for place in wanted}
    cases = ", ".join(f"{condition}, toInt64({place})" for place, condition in is_series.items())
    where = " OR ".join(f"({is_series[place]} AND ({condition}))" for place, condition in wanted.items())
    text = sql.format(number=f"multiIf({cases}, toInt64(-1))", where=where)
    data = client.raw_query(text, dict(_parameters(names, wanted)), fmt="RowBinary")
    return np.frombuffer(data, dtype)


_IS_SERIES = "run = {{run{place}:String}} AND metric = {{metric{place}:String}} AND rank = {{rank{place}:UInt32}}"


def _parameters(names: Sequence[Series], places: Mapping[int, str]) -> Iterator[tuple[str, Any]]:
    for place in places:
        run, metric, rank = names[place]
        yield from ((f"run{place}", run), (f"metric{place}", metric), (f"rank{place}", rank))
