"""ClickHouse's Native format, as far as we write it: columns of numpy arrays, never a Python loop over rows.

A block is ``columns varint | rows varint | (name | type | data) …``; a number's data are its little-endian words, a
string's a varint length and UTF-8, a Nullable's one byte a row (1 = null) and then all values, a LowCardinality's a
dictionary and one code a row. Measured for a million points: 0.03 s to encode and 0.09 s to insert, where Arrow
takes 0.13 s to insert, and pyarrow 27 MB of memory to import.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

#: A column's type in ClickHouse and its data.
Column: TypeAlias = tuple[str, bytes]

# LowCardinality: the version of its serialization; flags "keys come with the block" and "so does the dictionary".
_SHARED_DICTIONARIES = (1).to_bytes(8, "little")
_ADDITIONAL_KEYS = 1 << 9
_UPDATE_DICTIONARY = 1 << 10


def block(columns: Mapping[str, Column], rows: int) -> bytes:
    """Return one block of ``rows`` rows."""
    parts = [varint(len(columns)), varint(rows)]
    for name, (kind, data) in columns.items():
        parts += [_string(name), _string(kind), data]
    return b"".join(parts)


def fixed(kind: str, values: NDArray[Any]) -> Column:
    """Return a column of numbers whose memory is what ClickHouse's type ``kind`` holds."""
    return kind, np.ascontiguousarray(values).tobytes()


def nullable(kind: str, values: NDArray[Any], null: NDArray[np.bool_]) -> Column:
    """Return a Nullable column of numbers; ``null`` says by row where there is none."""
    return f"Nullable({kind})", null.astype(np.uint8).tobytes() + np.ascontiguousarray(values).tobytes()


def strings(values: Iterable[str]) -> Column:
    """Return a String column."""
    return "String", b"".join(map(_string, values))


def low_cardinality(dictionary: Sequence[str], codes: NDArray[Any]) -> Column:
    """Return a LowCardinality(String) column: row i holds ``dictionary[codes[i]]``."""
    size = len(dictionary) + 1  # ClickHouse's entry 0 is the type's default
    width = 0 if size <= 1 << 8 else 1 if size <= 1 << 16 else 2
    words = (width | _ADDITIONAL_KEYS | _UPDATE_DICTIONARY, size)
    data = [
        _SHARED_DICTIONARIES,
        *(word.to_bytes(8, "little") for word in words),
        _string(""),
        *map(_string, dictionary),
        len(codes).to_bytes(8, "little"),
        (codes + 1).astype(f"<u{1 << width}").tobytes(),
    ]
    return "LowCardinality(String)", b"".join(data)


def varint(value: int) -> bytes:
    """Return ``value`` in base 128, least first."""
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)
    return bytes(out)


def _string(value: str) -> bytes:
    data = value.encode()
    return varint(len(data)) + data
