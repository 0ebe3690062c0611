"""Which stored rows answer a view: the fewest that cover its steps exactly.

A column of 2^k steps is a union of whole buckets of any level up to k. Where a bucket is cut by an edge of the view, or
is still open and so not stored, the buckets of the next finer level stand in for it, and at last the points; and where
a bucket holds too few points to be stored, its points do. So what is read grows with the columns asked for, never with
the length of the run.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from runwire_storage.rows import Ints, Rows
from runwire_storage.schema import LEVELS

STEP_MIN, STEP_MAX = -(2**63), 2**63 - 1


class Part(NamedTuple):
    """Rows of one source: the rollups of ``level``, from bucket ``start`` to ``end``; or points, by step, if it is 0.

    ``end`` is included.
    """

    level: int
    start: int
    end: int


#: Parts of series by the series' place in a list of names.
Parts: TypeAlias = Mapping[int, Sequence[Part]]


def level(lo: int, hi: int, columns: int) -> int:
    """Return the least k with which the steps ``lo <= step < hi`` lie in at most ``columns`` columns of 2^k steps.

    A view across step 0 lies in two columns at least.
    """
    columns = max(columns, 2 if lo < 0 < hi else 1)
    k = max(0, (hi - lo - 1).bit_length() - columns.bit_length() - 1)
    while ((hi - 1) >> k) - (lo >> k) >= columns:
        k += 1
    return k


def cover(lo: int, hi: int, k: int, newest: int) -> Iterator[Part]:
    """Yield the parts that make up the steps ``lo <= step < hi``, by rising step.

    Args:
        lo: where the view begins.
        hi: where it ends, up to 2^63.
        k: log2 of a column's width.
        newest: the series' last step as its total tells it: every bucket before that step's own is stored, if it has
            enough points.
    """
    levels = sorted((stored for stored in LEVELS if stored <= k), reverse=True)
    # Below the columns' own level every other one will do, and the lowest: a range more costs as much as many rows.
    yield from _cover(lo, hi, [*levels[:1], *levels[2:-1:2], *levels[1:][-1:]], newest)


def _cover(lo: int, hi: int, levels: Sequence[int], newest: int) -> Iterator[Part]:
    if lo >= hi:
        return
    if not levels:
        yield Part(0, lo, hi - 1)
        return
    coarsest, *finer = levels
    start = -(-lo >> coarsest)
    end = min(hi, newest) >> coarsest
    if start >= end:
        yield from _cover(lo, hi, finer, newest)
        return
    yield from _cover(lo, start << coarsest, finer, newest)
    yield Part(coarsest, start, end - 1)
    yield from _cover(end << coarsest, hi, finer, newest)


def gaps(part: Part, stored: Ints) -> Iterator[Part]:
    """Yield as points the buckets of a part that have no row; ``stored`` are the rising positions that have one."""
    stored = stored[np.searchsorted(stored, part.start, "left") : np.searchsorted(stored, part.end, "right")]
    before = np.concatenate(([part.start - 1], stored))
    after = np.concatenate((stored, [part.end + 1]))
    holes = np.flatnonzero(after - before > 1)
    for start, end in zip((before[holes] + 1).tolist(), after[holes].tolist(), strict=True):
        yield Part(0, start << part.level, (end << part.level) - 1)


def merged(parts: Sequence[Part]) -> list[Part]:
    """Return parts of level 0, those that touch as one."""
    out: list[Part] = []
    for part in sorted(parts):
        if out and part.start <= out[-1].end + 1:
            out[-1] = Part(0, out[-1].start, max(out[-1].end, part.end))
        else:
            out.append(part)
    return out


def portions(parts: Parts, rows_max: int) -> Iterator[Parts]:
    """Yield the parts in portions of about so many rows, or of one series."""
    portion: dict[int, Sequence[Part]] = {}
    size = 0
    for place, some in parts.items():
        more = sum(part.end - part.start + 1 for part in some)
        if portion and size + more > rows_max:
            yield portion
            portion, size = {}, 0
        portion[place] = some
        size += more
    if portion:
        yield portion


def inside(rows: Rows, parts: Parts) -> NDArray[np.bool_]:
    """Tell which rows, sorted by series and position, lie in a part of their series; the parts are of one level."""
    marks = np.zeros(len(rows) + 1, np.int64)
    series, position = np.ascontiguousarray(rows["series"]), np.ascontiguousarray(rows["position"])
    places = list(parts)
    starts = np.searchsorted(series, places, "left").tolist()
    ends = np.searchsorted(series, places, "right").tolist()
    for place, start, end in zip(places, starts, ends, strict=True):
        if start < end:
            own = position[start:end]
            for part in parts[place]:
                marks[start + np.searchsorted(own, part.start, "left")] += 1
                marks[start + np.searchsorted(own, part.end, "right")] -= 1
    return np.cumsum(marks[:-1]) > 0
