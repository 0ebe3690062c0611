"""What the store holds of a run, in the shapes in which known data is compared."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import brute
from clickhouse_connect.driver.client import Client
from known import Bits, Identity, number

_EXTREMES = [f"{name}{part}" for name in ("first", "last", "min", "max") for part in ("", "_step")]
#: The columns of a rollup in the order in which `brute` gives them, but for the version: known data has no seqs.
_COLUMNS = sorted(["count", "nan", "pos_inf", "neg_inf", "first_nonfinite_step", "sum", *_EXTREMES])
_SQL = ", ".join(
    {"nan": "nan_count", "pos_inf": "pos_inf_count", "neg_inf": "neg_inf_count"}.get(n, n) for n in _COLUMNS
)
_VERSION = sorted((*_COLUMNS, "version")).index("version")


def points(client: Client, run: str) -> dict[Identity, Bits]:
    """Return the bits of each value by (metric, rank, step)."""
    rows = client.query(
        "SELECT metric, rank, step, reinterpretAsUInt64(value) FROM runwire.points WHERE run = {run:String}",
        {"run": run},
    ).result_rows
    stored = {(metric, rank, step): value for metric, rank, step, value in rows}
    assert len(stored) == len(rows), "a point is there twice"
    return stored


def rollups(client: Client, run: str) -> dict[tuple[Any, ...], tuple[Any, ...]]:
    """Return each bucket's state by (metric, rank, level, bucket), floats as their bits."""
    rows = client.query(
        f"SELECT metric, rank, level, bucket, {_SQL} FROM runwire.rollups WHERE run = {{run:String}}",
        {"run": run},
    ).result_rows
    stored = {tuple(row[:4]): brute.bits(dict(zip(_COLUMNS, row[4:], strict=True))) for row in rows}
    assert len(stored) == len(rows), "a bucket is there twice"
    return stored


def rollups_of(expected: Mapping[Identity, Bits]) -> dict[tuple[Any, ...], tuple[Any, ...]]:
    """Return what the rollups must be, computed point by point from the points that must be stored."""
    computed = brute.rollups(
        ((metric, rank), step, number(value), 0) for (metric, rank, step), value in expected.items()
    )
    return {
        (*series, level, bucket): row[:_VERSION] + row[_VERSION + 1 :]
        for (series, level, bucket), row in computed.items()
    }
