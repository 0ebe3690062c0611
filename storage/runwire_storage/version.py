"""The version of a state: the sum of the seqs of the points that it is made of.

A state that knows more points, or a later value of one, has the higher sum: so of two states of one bucket or series,
the more complete one stays in the store, in whatever order they are written. A sum needs more than 64 bits; it is held
as two words, ``high`` * 2^32 + ``low``, so that words add up without a carry, and is a UInt128 in the store.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

_HALF = np.uint64(32)
_MASK = np.uint64(2**32 - 1)

Words = NDArray[np.uint64]


def of(seq: Words) -> tuple[Words, Words]:
    """Return the words of single points' versions."""
    return seq >> _HALF, seq & _MASK


def carried(high: Words, low: Words) -> tuple[Words, Words]:
    """Return sums of words with ``low`` below 2^32, so that they compare as numbers do: first high, then low."""
    return high + (low >> _HALF), low & _MASK


def to_column(high: Words, low: Words) -> NDArray[Any]:
    """Return versions as UInt128: (N, 2) uint64, the lower half first."""
    high, low = carried(high, low)
    return np.stack(((high << _HALF) | low, high >> _HALF), axis=1)


def from_column(column: NDArray[Any]) -> tuple[Words, Words]:
    """Return the words of what `to_column` returned."""
    lower, upper = column[:, 0], column[:, 1]
    return (lower >> _HALF) | (upper << _HALF), lower & _MASK
