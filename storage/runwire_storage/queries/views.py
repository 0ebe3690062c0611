"""Where to look: the steps of each series that a question is about, and how wide its columns are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from runwire_storage.cover import Part, cover, level
from runwire_storage.schema import LEVELS


@dataclass(frozen=True)
class View:
    """Steps ``lo <= step < hi`` of one series in columns of 2^k steps; all of them lie in the series.

    Attributes:
        place: the series' place in the list of names.
        newest: its last step.
        exact: whether it is what was asked for, see `whole_buckets`.
    """

    place: int
    newest: int
    lo: int
    hi: int
    k: int
    exact: bool = True

    @property
    def parts(self) -> list[Part]:
        """Return what covers it."""
        return list(cover(self.lo, self.hi, self.k, self.newest))

    @property
    def cuts(self) -> bool:
        """Whether it needs points of buckets that are stored."""
        lowest, closed = LEVELS[0], self.newest >> LEVELS[0] << LEVELS[0]
        inner = any(edge < closed and edge % (1 << lowest) for edge in (self.lo, self.hi))
        return inner or (self.k < lowest and self.lo < closed)

    def whole_buckets(self) -> View:
        """Return the view in whole buckets: all that can be had of a run whose points have expired."""
        lowest = LEVELS[0]
        lo, hi = self.lo >> lowest << lowest, -(-self.hi >> lowest) << lowest
        return View(self.place, self.newest, lo, min(hi, self.newest + 1), max(self.k, lowest), exact=False)


def views(totals: Mapping[int, Any], lo: int | None, hi: int | None, columns: int) -> Iterator[View]:
    """Yield the view of each series that has steps in it.

    Args:
        totals: the TOTALs of the series by place.
        lo: where it begins; None for each series' own beginning.
        hi: where it ends; None for each series' own end.
        columns: in so many columns at most.
    """
    for place, total in totals.items():
        start = int(total["first_step"]) if lo is None else lo
        end = int(total["last_step"]) + 1 if hi is None else hi
        if start < end:
            yield from view(place, total, start, end, level(start, end, columns))


def view(place: int, total: Any, lo: int, hi: int, k: int) -> Iterator[View]:
    """Yield the view of one series, unless it has no steps there."""
    first, newest = int(total["first_step"]), int(total["last_step"])
    # Nothing is before the first step, so its column is read whole. Beyond the last step is nothing yet; what is about
    # to be stored belongs to the next view.
    start, end = max(lo, first >> k << k), min(hi, newest + 1)
    if start < end:
        yield View(place, newest, start, end, k)
