"""The arithmetic of rollups: many small rows of many series reduced to a bucket each, without a loop over series.

A level's rows are made of the level's below, and the lowest of points, by the one function `reduce`; a point enters
as a bucket of one step. What is the same number only if it is added in the same order (``sum``) is added in a fixed
one: from the first value on, by rising position.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from runwire_storage import version
from runwire_storage.rows import BUCKET, COUNTS, EXTREMES, POINT, VERSION, Ints, Rows, joined, odd, whole
from runwire_storage.schema import LEVELS

Floats: TypeAlias = NDArray[np.float64]
_Add: TypeAlias = Callable[[Floats, Ints, Ints], Floats]


def latest(rows: Rows) -> Rows:
    """Return POINTs or BUCKETs sorted by series and position, one of each: the latest version, the last of equals."""
    if len(rows) < 2:
        return rows
    # Rows mostly come in order within their series; then sorting by series alone, which is cheap, is all.
    series = np.ascontiguousarray(rows["series"])
    if np.any(series[1:] < series[:-1]):
        order = np.argsort(series, kind="stable")
        rows, series = rows.take(order), series.take(order)
    position = np.ascontiguousarray(rows["position"])
    if _rising(series, position):
        return rows
    order = np.lexsort((position, series))
    position = position.take(order)
    if _rising(series, position):
        return rows.take(order)
    names = ("seq",) if rows.dtype == POINT else VERSION[::-1]  # the last named counts first
    order = order.take(np.lexsort((*(rows[name].take(order) for name in names), position, series)))
    keep = np.empty(len(rows), np.bool_)
    keep[-1] = True
    np.logical_or(*_changes(series, position), out=keep[:-1])
    return rows.take(order.compress(keep))


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
        rows, below = latest(joined(by_level[level], reduce(rows, level - below))), level
    return reduce(rows, k - below) if k > below or not below else rows


def reduce(rows: Rows, shift: int, *, folded: bool = True) -> Rows:
    """Reduce rows, sorted as `latest` returns them, to buckets of 2^shift positions.

    The rows of a bucket must be all that it has, and lie together.

    Args:
        rows: POINTs or BUCKETs.
        shift: log2 of a bucket's width.
        folded: whether sums are added in the order that defines them, which costs a loop as long as the longest bucket.
    """
    if rows.dtype == POINT:
        return reduce_points(_plain(rows, *POINT.names or ()), shift, folded=folded)
    columns = _plain(rows, "series", "position")
    bucket = columns["position"] >> shift
    starts = _heads(columns["series"], bucket)
    if len(starts) == len(rows):  # of one row each: these with another number
        out: Rows = whole(rows).copy().view(BUCKET)
        out["position"] = bucket
        return out
    return _reduced(columns["series"], bucket, starts, _of_buckets(rows, _fold if folded else _add))


def reduce_points(points: Mapping[str, NDArray[Any]], shift: int, *, folded: bool = True) -> Rows:
    """Reduce POINTs as `reduce` does, of which each field is an array of its own."""
    bucket = points["position"] >> shift
    starts = _heads(points["series"], bucket)
    return _reduced(points["series"], bucket, starts, _of_points(points, _fold if folded else _add))


def close(rows: Rows, shift: int, newest: Ints) -> tuple[Rows, Rows]:
    """Reduce rows as `reduce` does, but those of buckets that are open; return the BUCKETs, and the rows of open ones.

    Args:
        rows: POINTs or BUCKETs.
        shift: log2 of a bucket's width.
        newest: by series, the first bucket that is open.
    """
    points = rows.dtype == POINT
    columns = _plain(rows, *(POINT.names or () if points else ("series", "position")))
    bucket = columns["position"] >> shift
    starts = _heads(columns["series"], bucket)
    is_open = bucket.take(starts) >= newest.take(columns["series"].take(starts))
    waiting = np.flatnonzero(np.repeat(is_open, np.diff(starts, append=len(rows))))
    fill = _of_points(columns, _fold) if points else _of_buckets(rows, _fold)
    return _reduced(columns["series"], bucket, starts, fill, ~is_open), rows.take(waiting)


def _plain(rows: Rows, *names: str) -> dict[str, NDArray[Any]]:
    """Return fields as arrays of their own."""
    return {name: np.ascontiguousarray(rows[name]) for name in names}


#: Fills buckets but for their key: is told which rows they are made of, and where in these each begins.
_Fill: TypeAlias = Callable[[Rows, slice, Ints], None]

_ODD = COUNTS[1:]
#: Of a bucket, what its rows' are added up, and what is one row's.
_SUMMED = (*VERSION, *COUNTS)
_PICKED = (*EXTREMES, *(f"{name}_step" for name in EXTREMES), "first_nonfinite_step", "sum")
#: Buckets that are made at once: their columns are written one by one, while all of them lie in the processor's cache.
_CHUNK = 4096


def _of_buckets(rows: Rows, add: _Add) -> _Fill:
    def fill(out: Rows, part: slice, starts: Ints) -> None:
        its = {name: rows[name][part] for name in _SUMMED}
        bad = odd(its)
        its.update((name, rows[name][part]) for name in _PICKED)
        _fill(out, its, bad if bad.any() else None, starts, add)

    return fill


def _of_points(points: Mapping[str, NDArray[Any]], add: _Add) -> _Fill:
    def fill(out: Rows, part: slice, starts: Ints) -> None:
        step, value = points["position"][part], points["value"][part]
        its: dict[str, NDArray[Any]] = dict(zip(VERSION, version.of(points["seq"][part]), strict=True))
        its.update(dict.fromkeys((*EXTREMES, "sum"), value))
        its.update(dict.fromkeys((*(f"{name}_step" for name in EXTREMES), "first_nonfinite_step"), step))
        bad = None
        if not np.isfinite(value).all():
            kinds = {"nan": np.isnan(value), "pos_inf": value == np.inf, "neg_inf": value == -np.inf}
            its.update((name, flags.astype(np.uint64)) for name, flags in kinds.items())
            its["count"] = np.ones(len(value), np.uint64)
            bad = odd(its)
        _fill(out, its, bad, starts, add)

    return fill


def _reduced(series: Ints, bucket: Ints, starts: Ints, fill: _Fill, wanted: NDArray[np.bool_] | None = None) -> Rows:
    """Make the buckets whose rows begin at ``starts``, or those of them that are wanted."""
    if wanted is None:
        wanted = np.ones(len(starts), np.bool_)
    out = np.zeros(np.count_nonzero(wanted), BUCKET)
    done = 0
    for first in range(0, len(starts), _CHUNK):
        begins = starts[first : first + _CHUNK]
        end = int(starts[first + _CHUNK]) if first + _CHUNK < len(starts) else len(series)
        some = wanted[first : first + _CHUNK]
        every = bool(some.all())
        made = out[done : done + len(begins)] if every else np.zeros(len(begins), BUCKET)
        made["series"], made["position"] = series.take(begins), bucket.take(begins)
        fill(made, slice(int(begins[0]), end), begins - begins[0])
        if not every:
            made = made.compress(some)
            whole(out)[done : done + len(made)] = whole(made)
        done += len(made)
    return out


def _fill(
    out: Rows, columns: Mapping[str, NDArray[Any]], bad: NDArray[np.uint64] | None, starts: Ints, add: _Add
) -> None:
    """Fill buckets but for their key.

    Args:
        out: the buckets, zero.
        columns: of their rows, what a BUCKET has; without COUNTS where each row is one finite value.
        bad: how many values of each row are not finite; None if all are.
        starts: where each bucket's rows begin.
        add: returns each bucket's sum.
    """
    rows = len(columns["sum"])
    lengths = np.diff(starts, append=rows)
    out["count"] = lengths
    alone = len(starts) == rows  # each row is a bucket
    for name in _SUMMED:
        if name in columns and (bad is not None or name not in _ODD):
            out[name] = columns[name] if alone else np.add.reduceat(columns[name], starts)
    if not alone:
        out["version_high"], out["version_low"] = version.carried(out["version_high"], out["version_low"])
    if bad is None:
        _fill_finite(out, columns, starts, lengths, add)
        return
    group = np.repeat(np.arange(len(starts)), lengths)
    nonfinite = np.flatnonzero(bad)
    heads = nonfinite[_heads(group[nonfinite])]
    out["first_nonfinite_step"][group[heads]] = columns["first_nonfinite_step"][heads]
    finite = np.flatnonzero(columns["count"] > bad)
    if len(finite):
        group = group.take(finite)
        starts = _heads(group)
        target = group.take(starts)
        part = out.take(target)
        its = {name: columns[name].take(finite) for name in _PICKED}
        _fill_finite(part, its, starts, np.diff(starts, append=len(finite)), add)
        out.put(target, part)


def _fill_finite(out: Rows, columns: Mapping[str, NDArray[Any]], starts: Ints, lengths: Ints, add: _Add) -> None:
    """Fill first, last, min, max and sum of buckets from rows all of which have them."""
    if len(starts) == len(columns["sum"]):
        for name in _PICKED:
            if name != "first_nonfinite_step":
                out[name] = columns[name]
        return
    picks = {"first": starts, "last": starts + lengths - 1}
    group = np.repeat(np.arange(len(starts)), lengths)
    for name, extreme in (("min", np.minimum), ("max", np.maximum)):
        values = columns[name]
        # Equal values (0.0 and -0.0 too) may differ in bits and always do in step: the earliest is named.
        ties = np.flatnonzero(values == extreme.reduceat(values, starts).take(group))
        picks[name] = ties[_heads(group.take(ties))]
    for name, rows in picks.items():
        out[name] = columns[name][rows]  # not by take, which would copy all of a field
        out[f"{name}_step"] = columns[f"{name}_step"][rows]
    out["sum"] = add(columns["sum"], starts, lengths)


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


def _changes(series: Ints, position: Ints) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    return series[1:] != series[:-1], position[1:] != position[:-1]


def _heads(*keys: Ints) -> Ints:
    """Return where each stretch of rows begins that have the same keys."""
    if not len(keys[0]):
        return np.zeros(0, np.int64)
    changed = functools.reduce(np.logical_or, [key[1:] != key[:-1] for key in keys])
    return np.concatenate(([0], np.flatnonzero(changed) + 1))


def _rising(series: Ints, position: Ints) -> bool:
    """Tell whether positions, sorted by series, rise within each."""
    return bool(np.all((position[1:] > position[:-1]) | (series[1:] != series[:-1])))
