"""Which stored rows answer a view: the fewest that cover its steps exactly.

A column of 2^k steps is a union of whole buckets of any level up to k. Where a bucket is cut by an edge of the view, or
is still open and so not stored, the buckets of the next finer level stand in for it, and at last the points. So what
is read grows with the columns asked for, never with the length of the run.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from runwire_storage.schema import LEVELS

STEP_MIN, STEP_MAX = -(2**63), 2**63 - 1


@dataclass(frozen=True)
class Part:
    """Rows of one source: the rollups of ``level``, from bucket ``start`` to ``end``; or points, by step, if it is 0.

    ``end`` is included.
    """

    level: int
    start: int
    end: int


def level(lo: int, hi: int, columns: int) -> int:
    """Return the least k with which the steps ``lo <= step < hi`` lie in at most ``columns`` columns of 2^k steps.

    A view across step 0 lies in two columns at least.
    """
    columns = max(columns, 2 if lo < 0 < hi else 1)
    k = 0
    while ((hi - 1) >> k) - (lo >> k) >= columns:
        k += 1
    return k


def cover(lo: int, hi: int, k: int, newest: int) -> Iterator[Part]:
    """Yield the parts that make up the steps ``lo <= step < hi``, by rising step.

    Args:
        lo: where the view begins.
        hi: where it ends, up to 2^63.
        k: log2 of a column's width.
        newest: the series' last step as the view `series` tells it: every bucket before that step's own is stored.
    """
    levels = sorted((stored for stored in LEVELS if stored <= k), reverse=True)
    yield from _cover(lo, hi, levels, newest)


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
