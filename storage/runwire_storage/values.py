"""A value as it lies in the store: an integer, and how many decimals it has.

What training code logs is often a float32 or a rounded decimal. The bits of decimals look like noise to a compressor,
and the integers that they are do not: 2 bytes instead of 7 for four decimals. (ALP, Afroozeh and Boncz 2023, does so
inside of a codec; ours needs none that a ClickHouse may lack.) The rest is stored as the float's bits, plus `SHIFT`.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from runwire_storage.rows import Ints

DECIMALS_MAX = 6
#: Added to a float's bits, which wrap around. All bits of its exponent change between 1.99 and 2, and codecs that keep
#: the bits that change keep all eleven; with 21 more, five change from 2^-20 up to 2^12, which is where metrics are.
SHIFT = 21 << 52
#: Integers up to here are floats, too.
_EXACT = 2.0**53
_BITS = -1


def encode(values: NDArray[np.float64], starts: Ints) -> tuple[NDArray[np.int64], NDArray[np.int8]]:
    """Return for each value (number, decimals): exactly number / 10^decimals, or the float of number - SHIFT if -1.

    Args:
        values: of several series, one behind the other.
        starts: where each series begins; its decimals have the same number of them, as far as they go.
    """
    number = values.view(np.int64) + SHIFT
    decimals = np.full(len(values), _BITS, np.int8)
    with np.errstate(over="ignore", invalid="ignore"):
        (candidates,) = np.nonzero(_are_decimals(values, DECIMALS_MAX))
        found = values[candidates]
        # A zero's sign is lost in an integer.
        plain = (found != 0) | ~np.signbit(found)
        candidates, found = candidates[plain], found[plain]
        if not len(candidates):
            return number, decimals
        least = np.full(len(found), DECIMALS_MAX, np.int8)
        for digits in range(DECIMALS_MAX - 1, -1, -1):
            least[_are_decimals(found, digits)] = digits
    decimals[candidates] = least
    widest = np.maximum.reduceat(decimals, starts)
    shared = np.repeat(widest, np.diff(starts, append=len(values)))[candidates]
    decimals[candidates] = shared
    number[candidates] = np.rint(found * _POWERS[shared]).astype(np.int64)
    return number, decimals


_POWERS = 10.0 ** np.arange(DECIMALS_MAX + 1)


def _are_decimals(values: NDArray[np.float64], digits: int) -> NDArray[np.bool_]:
    scaled = np.rint(values * _POWERS[digits])
    exact: NDArray[np.bool_] = (scaled / _POWERS[digits] == values) & (np.abs(scaled) < _EXACT)
    return exact
