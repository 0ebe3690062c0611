"""Rows as numpy records: how a worker holds what goes to the store, and what is read back.

A record names its series by a number; whoever uses it knows the names. All fields are eight bytes wide.

numpy indexes, assigns and concatenates records field by field, which takes five to ten times as long as to copy them
whole: where many are moved it is by `take`, `compress` and `put`, which do not, and by `whole` and `joined`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

#: A series' name: run, metric, rank.
Series: TypeAlias = tuple[str, str, int]
Rows: TypeAlias = NDArray[np.void]
Ints: TypeAlias = NDArray[np.signedinteger[Any]]

_KEY = [("series", "<i8"), ("position", "<i8")]
#: The parts of a bucket that have a step.
EXTREMES = ("first", "last", "min", "max")
COUNTS = ("count", "nan", "pos_inf", "neg_inf")
#: Both words of a version, see `runwire_storage.version`.
VERSION = ("version_high", "version_low")

#: A point as rollups need it; ``position`` is its step.
POINT = np.dtype([*_KEY, ("seq", "<u8"), ("value", "<f8")])
#: A bucket; ``position`` is its number, step >> level. Where nothing in it is finite, first … sum mean nothing, and
#: where all is, first_nonfinite_step does not.
BUCKET = np.dtype(
    [
        *_KEY,
        *((name, "<u8") for name in (*VERSION, *COUNTS)),
        ("first_nonfinite_step", "<i8"),
        *(field for name in EXTREMES for field in ((name, "<f8"), (f"{name}_step", "<i8"))),
        ("sum", "<f8"),
    ]
)
#: A whole series: its first and last step whatever their values, the value at the last, and over all of its points what
#: a bucket has.
TOTAL = np.dtype(
    [
        ("series", "<i8"),
        *((name, "<u8") for name in (*VERSION, *COUNTS)),
        *((name, "<i8") for name in ("first_nonfinite_step", "first_step", "last_step")),
        ("last", "<f8"),
        *(field for name in ("min", "max") for field in ((name, "<f8"), (f"{name}_step", "<i8"))),
        ("sum", "<f8"),
    ]
)


def whole(rows: Rows) -> Rows:
    """Return the same memory as records without fields, which are assigned whole."""
    return rows.view(np.dtype((np.void, rows.dtype.itemsize)))


def joined(*parts: Rows) -> Rows:
    """Return rows of one dtype one behind the other."""
    some = [part for part in parts if len(part)]
    if len(some) == 1:
        return some[0]
    return np.concatenate([whole(part) for part in some]).view(parts[0].dtype) if some else parts[0]


def odd(rows: Any) -> Any:
    """Return how many values of each BUCKET or TOTAL are not finite."""
    return rows["nan"] + rows["pos_inf"] + rows["neg_inf"]


def by_series(rows: Rows, places: Sequence[int]) -> Iterator[tuple[int, Rows]]:
    """Yield for each of some series its rows, which lie together by rising series, as a view."""
    series = np.ascontiguousarray(rows["series"])  # a search in a field would copy it each time
    starts = np.searchsorted(series, places, "left").tolist()
    ends = np.searchsorted(series, places, "right").tolist()
    for place, start, end in zip(places, starts, ends, strict=True):
        yield place, rows[start:end]
