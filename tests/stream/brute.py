"""Rollups by the book: plain Python, one point after the other. What the stream computes must equal it to the bit."""

from __future__ import annotations

import math
import struct
from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from runwire_storage.schema import LEVELS, POINTS_MIN

Point = tuple[Any, int, float, int]  # series, step, value, seq


def final(points: Iterable[Point]) -> dict[tuple[Any, int], tuple[float, int]]:
    """Return (value, seq) by (series, step): the one with the highest seq."""
    kept: dict[tuple[Any, int], tuple[float, int]] = {}
    for series, step, value, seq in points:
        if (series, step) not in kept or seq >= kept[series, step][1]:
            kept[series, step] = value, seq
    return kept


def rollups(points: Iterable[Point], points_min: int = POINTS_MIN) -> dict[tuple[Any, int, int], tuple[Any, ...]]:
    """Return every closed bucket with enough points to be stored, by (series, level, bucket), its floats as bits."""
    kept = final(points)
    newest: dict[Any, int] = {}
    by_series: dict[Any, list[int]] = defaultdict(list)
    for series, step in kept:
        newest[series] = max(step, newest.get(series, step))
        by_series[series].append(step)
    out = {}
    for series, steps in by_series.items():
        rows = {step: _point(step, *kept[series, step]) for step in sorted(steps)}
        below = 0
        for level in LEVELS:
            groups: dict[int, list[dict[str, Any]]] = defaultdict(list)
            for position in sorted(rows):
                groups[position >> (level - below)].append(rows[position])
            rows = {b: _merge(group) for b, group in groups.items() if b < newest[series] >> level}
            for bucket, row in rows.items():
                if row["count"] >= points_min:
                    out[series, level, bucket] = bits(row)
            below = level
    return out


def totals(points: Iterable[Point]) -> dict[Any, tuple[Any, ...]]:
    """Return what is known of each whole series, floats as bits; but for the sum, which may be added in any order."""
    out = {}
    kept = final(points)
    for series in {series for series, _ in kept}:
        steps = sorted(step for its, step in kept if its == series)
        row = _merge([_point(step, *kept[series, step]) for step in steps])
        for name in ("first", "last", "last_step", "sum"):
            del row[name]
        out[series] = bits({**row, "first_step": steps[0], "last_step": steps[-1], "last": kept[series, steps[-1]][0]})
    return out


def bits(row: dict[str, Any]) -> tuple[Any, ...]:
    """Return the row's values in the order of its names, floats as their bits."""
    return tuple(struct.pack("<d", v).hex() if isinstance(v, float) else v for _, v in sorted(row.items()))


def _point(step: int, value: float, seq: int) -> dict[str, Any]:
    row: dict[str, Any] = {
        "count": 1,
        "nan": 0,
        "pos_inf": 0,
        "neg_inf": 0,
        "version": seq,
        "first_nonfinite_step": None,
        "sum": None,
    }
    for name in ("first", "last", "min", "max"):
        row[name] = row[f"{name}_step"] = None
    if math.isfinite(value):
        row["sum"] = value
        for name in ("first", "last", "min", "max"):
            row[name], row[f"{name}_step"] = value, step
    else:
        row["nan" if math.isnan(value) else "pos_inf" if value > 0 else "neg_inf"] = 1
        row["first_nonfinite_step"] = step
    return row


def _merge(rows: list[dict[str, Any]]) -> dict[str, Any]:
    out = dict(rows[0])
    for row in rows[1:]:
        for name in ("count", "nan", "pos_inf", "neg_inf"):
            out[name] += row[name]
        out["version"] += row["version"]
        if out["first_nonfinite_step"] is None:
            out["first_nonfinite_step"] = row["first_nonfinite_step"]
        if row["first"] is None:
            continue
        whole = out["first"] is None
        for name, better in (
            ("first", whole),
            ("last", True),
            ("min", whole or row["min"] < out["min"]),
            ("max", whole or row["max"] > out["max"]),
        ):
            if better:
                out[name], out[f"{name}_step"] = row[name], row[f"{name}_step"]
        out["sum"] = row["sum"] if whole else out["sum"] + row["sum"]
    return out
