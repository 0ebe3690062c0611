"""The arithmetic of rollups: many small rows of many series reduced to a bucket each, without a loop over series.

A level's rows are made of the level's below, and the lowest of points, by the one function `reduce`; a point enters
as a bucket of one step. What is the same number only if it is added in the same order (``sum``) is added in a fixed
one: from the first value on, by rising position.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from runwire_storage import version
from runwire_storage.rows import BUCKET, COUNTS, EXTREMES, POINT, VERSION, Ints, Rows, odd
from runwire_storage.schema import LEVELS

Floats: TypeAlias = NDArray[np.float64]


def latest(rows: Rows) -> Rows:
    """Return POINTs or BUCKETs sorted by series and position, one of each: the latest version, the last of equals."""
    if len(rows) < 2:
        return rows
    # Rows mostly come in order within their series; then sorting by series alone, which is cheap, is all.
    series = np.ascontiguousarray(rows["series"])
    if np.any(series[1:] < series[:-1]):
        rows = rows[np.argsort(series, kind="stable")]
    if not _rising(rows):
        rows = rows[np.lexsort((rows["position"], rows["series"]))]
    if not _rising(rows):
        order = ("seq",) if rows.dtype == POINT else VERSION[::-1]  # the last named counts first
        rows = rows[np.lexsort((*(rows[name] for name in order), rows["position"], rows["series"]))]
        keep = np.empty(len(rows), np.bool_)
        keep[-1] = True
        np.logical_or(*_changes(rows["series"], rows["position"]), out=keep[:-1])
        rows = rows[keep]
    return rows


def roll_up(by_level: Mapping[int, Rows], k: int) -> Rows:
    """Return parts of series as BUCKETs of level ``k``, sorted by series and position.

    It is rolled up as the whole series is: points to buckets of the lowest level, beside those that are stored, these
    to the next, and so on. So it is all the same whether a bucket is stored, still open, or too thin to be.

    Args:
        by_level: BUCKETs of LEVELS, and for level 0 POINTs, of which none lies in another; as `latest` returns them.
        k: log2 of a bucket's width, at least that of every level that has rows.
    """
    rows, below = by_level[0], 0
    for level in (level for level in LEVELS if level <= k):
        # In this order what is open, at the end of its series, lies behind what is stored.
        rows, below = latest(np.concatenate((by_level[level], reduce(rows, level - below)))), level
    return reduce(rows, k - below) if k > below or not below else rows


def reduce(rows: Rows, shift: int, *, folded: bool = True) -> Rows:
    """Reduce rows, sorted as `latest` returns them, to buckets of 2^shift positions.

    The rows of a bucket must be all that it has, and lie together.

    Args:
        rows: POINTs or BUCKETs.
        shift: log2 of a bucket's width.
        folded: whether sums are added in the order that defines them, which costs a loop as long as the longest bucket.
    """
    if not len(rows):
        return np.zeros(0, BUCKET)
    bucket = rows["position"] >> shift
    series = rows["series"]
    starts = np.concatenate(([0], np.flatnonzero(np.logical_or(*_changes(series, bucket))) + 1))
    out = np.zeros(len(starts), BUCKET)
    out["series"], out["position"] = series[starts], bucket[starts]
    columns = _columns(rows)
    for name in (*VERSION, *COUNTS):
        out[name] = np.add.reduceat(columns[name], starts)
    out["version_high"], out["version_low"] = version.carried(out["version_high"], out["version_low"])
    group = np.repeat(np.arange(len(starts)), np.diff(starts, append=len(rows)))
    bad = odd(columns)
    nonfinite = np.flatnonzero(bad)
    if len(nonfinite):
        heads = nonfinite[_heads(group[nonfinite])]
        out["first_nonfinite_step"][group[heads]] = columns["first_nonfinite_step"][heads]
    _reduce_finite(out, columns, group, np.flatnonzero(columns["count"] > bad), _fold if folded else _add)
    return out


def _reduce_finite(
    out: Rows,
    columns: Mapping[str, NDArray[Any]],
    group: Ints,
    finite: Ints,
    add: Callable[[Floats, Ints, Ints], Floats],
) -> None:
    """Fill first, last, min, max and sum of ``out`` from the rows ``finite``, which alone have them."""
    if not len(finite):
        return
    group = group[finite]
    starts = _heads(group)
    lengths = np.diff(starts, append=len(group))
    target = group[starts]
    picks = {"first": finite[starts], "last": finite[starts + lengths - 1]}
    for name, extreme in (("min", np.minimum), ("max", np.maximum)):
        values = columns[name][finite]
        # Equal values (0.0 and -0.0 too) may differ in bits and always do in step: the earliest is named.
        ties = np.flatnonzero(values == np.repeat(extreme.reduceat(values, starts), lengths))
        picks[name] = finite[ties[_heads(group[ties])]]
    for name, rows in picks.items():
        out[name][target] = columns[name][rows]
        out[f"{name}_step"][target] = columns[f"{name}_step"][rows]
    out["sum"][target] = add(columns["sum"][finite], starts, lengths)


def _add(values: Floats, starts: Ints, _lengths: Ints) -> Floats:
    """Add each group's values in whatever order is quick."""
    with np.errstate(over="ignore", invalid="ignore"):
        totals: Floats = np.add.reduceat(values, starts)
    return totals


def _fold(values: Floats, starts: Ints, lengths: Ints) -> Floats:
    """Add each group's values from left to right: numpy's own sums add in an order that depends on their number."""
    order = np.argsort(-lengths, kind="stable")
    starts, lengths = starts[order], lengths[order]
    totals = values[starts]
    with np.errstate(over="ignore", invalid="ignore"):
        for position in range(1, int(lengths[0])):
            longer = int(np.searchsorted(-lengths, -position))
            totals[:longer] += values[starts[:longer] + position]
    out = np.empty_like(totals)
    out[order] = totals
    return out


def _columns(rows: Rows) -> Mapping[str, NDArray[Any]]:
    """Return buckets as they are, points as buckets of one step."""
    if rows.dtype == BUCKET:
        return {name: rows[name] for name in BUCKET.names or ()}
    value, step = np.ascontiguousarray(rows["value"]), np.ascontiguousarray(rows["position"])
    whole = {"nan": np.isnan(value), "pos_inf": value == np.inf, "neg_inf": value == -np.inf}
    return {
        **dict(zip(VERSION, version.of(np.ascontiguousarray(rows["seq"])), strict=True)),
        "count": np.ones(len(rows), np.uint64),
        **{name: flags.astype(np.uint64) for name, flags in whole.items()},
        "first_nonfinite_step": step,
        **dict.fromkeys((*EXTREMES, "sum"), value),
        **{f"{name}_step": step for name in EXTREMES},
    }


def _changes(series: Ints, position: Ints) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    return series[1:] != series[:-1], position[1:] != position[:-1]


def _heads(groups: Ints) -> Ints:
    """Return where each stretch of equal numbers begins."""
    return np.concatenate(([0], np.flatnonzero(groups[1:] != groups[:-1]) + 1))


def _rising(rows: Rows) -> bool:
    """Tell whether the rows, sorted by series, rise in position within each."""
    position, series = rows["position"], rows["series"]
    return bool(np.all((position[1:] > position[:-1]) | (series[1:] != series[:-1])))
