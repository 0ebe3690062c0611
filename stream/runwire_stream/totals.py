"""What is known of whole series, kept up with every batch at the cost of the batch.

A point behind all others of its series is added to what its series has. One that comes late or replaces another may
take a minimum or maximum away, which no total can tell: then the series is computed anew from the store. Its last point
alone may be replaced at will, for it is kept apart until the series moves on.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from runwire_storage import version
from runwire_storage.reader import WHOLE
from runwire_storage.rollup import reduce, reduce_points
from runwire_storage.rows import COUNTS, POINT, TOTAL, VERSION, Ints, Rows, joined, odd

_LOWEST, _HIGHEST = np.iinfo(np.int64).min, np.iinfo(np.int64).max


class Totals:
    """The totals of series by their number; those of a batch are touched, and some of them dirty until `mend`."""

    def __init__(self) -> None:
        # Without the last point, unless they came from the store: then they are closed.
        self._rows = np.zeros(0, TOTAL)
        self._last_seq: NDArray[np.uint64] = np.zeros(0, np.uint64)
        self._closed: NDArray[np.bool_] = np.zeros(0, np.bool_)
        self.dirty: Ints = np.zeros(0, np.int64)

    @property
    def newest(self) -> NDArray[np.int64]:
        """Return the last step of each series, the lowest number for one that has none."""
        newest: NDArray[np.int64] = self._rows["last_step"]
        return newest

    def ends(self, series: Ints) -> dict[int, tuple[int, int]]:
        """Return the first and the last step of series."""
        rows = self._rows.take(series)
        steps = zip(rows["first_step"].tolist(), rows["last_step"].tolist(), strict=True)
        return dict(zip(series.tolist(), steps, strict=True))

    def add(self, count: int, stored: Rows) -> None:
        """Add series, of which the store has these TOTALs; their series are numbers already."""
        start = len(self._rows)
        fresh = np.zeros(count, TOTAL)
        fresh["first_step"], fresh["last_step"] = _HIGHEST, _LOWEST
        fresh.put(stored["series"] - start, stored)
        self._rows = joined(self._rows, fresh)
        self._last_seq = np.concatenate((self._last_seq, np.zeros(count, np.uint64)))
        self._closed = np.concatenate((self._closed, fresh["count"] > 0))

    def recall(self, points: Rows) -> None:
        """Take in points of open buckets, of which one a series is its last: as it is now, with its seq."""
        self._set_last(points.compress(points["position"] == self.newest[points["series"]]))

    def keep(self, kept: Ints) -> None:
        """Forget all series but these, which get the numbers 0, 1, …"""
        self._rows, self._last_seq, self._closed = self._rows.take(kept), self._last_seq[kept], self._closed[kept]

    def update(self, rows: Rows) -> None:
        """Take in a batch's POINTs, sorted and without repetition."""
        starts, series = _heads(rows)
        first = rows["position"][starts]
        self._move_on(self._ahead(rows, starts, series))
        self._rows["first_step"][series] = np.minimum(self._rows["first_step"][series], first)

    def _ahead(self, rows: Rows, starts: Ints, series: Ints) -> Rows:
        """Return the rows behind all others of their series; of the rest, see who replaces a last point or comes late.

        Args:
            rows: sorted and without repetition.
            starts: where each series begins in them.
            series: which these are.
        """
        newest = self.newest[series]
        known = self._rows["first_step"][series] <= self._rows["last_step"][series]
        overlaps = known & (rows["position"][starts] <= newest)
        self.dirty = np.zeros(0, np.int64)
        if not overlaps.any():
            return rows
        lengths = np.diff(starts, append=len(rows))
        newest, overlaps = np.repeat(newest, lengths), np.repeat(overlaps, lengths)
        number, step = rows["series"], rows["position"]
        again = overlaps & (step == newest) & (rows["seq"] >= self._last_seq[number])
        self.dirty = np.unique(number[overlaps & ((step < newest) | (again & self._closed[number]))])
        self._set_last(rows.compress(again))
        return rows.compress(~overlaps | (step > newest))

    def _move_on(self, rows: Rows) -> None:
        """Add rows that are behind all others of their series."""
        if not len(rows):
            return
        starts, series = _heads(rows)
        # What moves on leaves its last point behind, and the new ones but for the very last.
        ends = np.append(starts[1:], len(rows)) - 1
        left = self._last(series)
        columns = {}
        for name in POINT.names or ():
            columns[name] = np.empty(len(rows), rows.dtype[name])
            columns[name][1:] = rows[name][:-1]
            columns[name][starts] = left[name]
        empty = self._rows["first_step"][series] > self._rows["last_step"][series]
        none = starts[self._closed[series] | empty]
        if len(none):
            passed = np.ones(len(rows), np.bool_)
            passed[none] = False
            columns = {name: column.compress(passed) for name, column in columns.items()}
        whole = reduce_points(columns, WHOLE, folded=False)
        for sign in (-1, 0):  # steps below zero are a bucket of their own
            fold(self._rows, whole.compress(whole["position"] == sign))
        self._closed[series] = False
        self._set_last(rows.take(ends))

    def mend(self, whole: Rows) -> None:
        """Replace the totals of dirty series by what the store says of the steps that `ends` names.

        What is not between the first and the last step that are known here is left out, though the store may know of
        more by now: a total and its version are to be about the same points.

        Args:
            whole: one or two BUCKETs each, by rising position.
        """
        kept = self._rows.take(self.dirty)
        fresh = np.zeros(len(kept), TOTAL)
        for name in ("first_step", "last_step", "last"):
            fresh[name] = kept[name]
        self._rows.put(self.dirty, fresh)
        for sign in (-1, 0):
            fold(self._rows, whole.compress(whole["position"] == sign))
        self._closed[self.dirty] = False
        self.dirty = np.zeros(0, np.int64)

    def take(self, series: Ints) -> Rows:
        """Return the TOTALs of series."""
        out = self._rows.take(series)
        out["series"] = np.arange(len(series))
        last = self._last(series)
        last["series"] = out["series"]
        fold(out, reduce(last.compress(~self._closed[series]), 0))
        out["series"] = series
        return out

    def _set_last(self, points: Rows) -> None:
        self._rows["last_step"][points["series"]] = points["position"]
        self._rows["last"][points["series"]] = points["value"]
        self._last_seq[points["series"]] = points["seq"]

    def _last(self, series: Ints) -> Rows:
        points = np.empty(len(series), POINT)
        points["series"], points["position"] = series, self._rows["last_step"][series]
        points["seq"], points["value"] = self._last_seq[series], self._rows["last"][series]
        return points


def fold(totals: Rows, buckets: Rows) -> None:
    """Add to totals, by their place, what one BUCKET each holds, whose steps are behind all that they have."""
    if not len(buckets):
        return
    place = buckets["series"]
    known = totals.take(place)
    bad, had = odd(buckets), odd(known)
    first = (bad > 0) & (had == 0)
    known["first_nonfinite_step"][first] = buckets["first_nonfinite_step"][first]
    finite, empty = buckets["count"] > bad, known["count"] == had
    for name, better in (("min", buckets["min"] < known["min"]), ("max", buckets["max"] > known["max"])):
        wins = finite & (empty | better)
        for field in (name, f"{name}_step"):
            known[field][wins] = buckets[field][wins]
    with np.errstate(over="ignore", invalid="ignore"):
        known["sum"] += np.where(finite, buckets["sum"], 0.0)
    for name in (*VERSION, *COUNTS):
        known[name] += buckets[name]
    known["version_high"], known["version_low"] = version.carried(known["version_high"], known["version_low"])
    totals.put(place, known)


def _heads(rows: Rows) -> tuple[Ints, Ints]:
    """Return where each series begins in rows sorted by it, and which it is."""
    series = np.ascontiguousarray(rows["series"])
    changed = np.ones(len(rows), np.bool_)
    np.not_equal(series[1:], series[:-1], out=changed[1:])
    starts = np.flatnonzero(changed)
    return starts, series[starts]
