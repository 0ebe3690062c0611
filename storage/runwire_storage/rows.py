"""Rows as numpy records: how a worker holds what goes to the store, and what it reads back.

A record names its series by a number; whoever uses it knows the names. All fields are eight bytes wide, so a record
is what ClickHouse's RowBinary format says of one, and what it sends is an array without being looked at.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

#: A series' name: run, metric, rank.
Series: TypeAlias = tuple[str, str, int]
Rows: TypeAlias = NDArray[np.void]
Ints: TypeAlias = NDArray[np.signedinteger[Any]]

_KEY = [("series", "<i8"), ("position", "<i8"), ("seq", "<u8")]
#: The parts of a bucket that have a step.
EXTREMES = ("first", "last", "min", "max")
COUNTS = ("count", "nan", "pos_inf", "neg_inf")

#: A point as rollups need it; ``position`` is its step.
POINT = np.dtype([*_KEY, ("value", "<f8")])
#: A bucket; ``position`` is its number, step >> level. Where nothing in it is finite, first … sum mean nothing, and
#: where all is, first_nonfinite_step does not.
BUCKET = np.dtype(
    [
        *_KEY,
        *((name, "<u8") for name in COUNTS),
        ("first_nonfinite_step", "<i8"),
        *(field for name in EXTREMES for field in ((name, "<f8"), (f"{name}_step", "<i8"))),
        ("sum", "<f8"),
    ]
)
#: Where a series stands: the point with its highest step, and the highest seq of all its points.
TAIL = np.dtype([("series", "<i8"), ("last_step", "<i8"), ("last_ts", "<i8"), ("last", "<f8"), ("seq", "<u8")])


@dataclass(frozen=True)
class Points:
    """N points as columns.

    Attributes:
        series: int64, the number of each point's series.
        step: int64.
        ts: int64, microseconds since the epoch.
        value: float64.
        seq: uint64.
    """

    series: NDArray[np.int64]
    step: NDArray[np.int64]
    ts: NDArray[np.int64]
    value: NDArray[np.float64]
    seq: NDArray[np.uint64]

    def __len__(self) -> int:
        """Return N."""
        return len(self.series)
