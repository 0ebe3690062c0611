"""ClickHouse's Native format, as far as we write and read it: columns of numpy arrays, never a Python loop over rows.

A block is ``columns varint | rows varint | (name | type | data) …``; a number's data are its little-endian words, a
string's a varint length and UTF-8, a Nullable's one byte a row (1 = null) and then all values, a LowCardinality's a
dictionary and one code a row. Measured for a million points: 0.03 s to encode and 0.09 s to insert, where Arrow
takes 0.13 s to insert, and pyarrow 27 MB of memory to import.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

#: A column's type in ClickHouse and its data.
Column: TypeAlias = tuple[str, bytes]

_FIXED = {
    "UInt8": "<u1", "Int8": "<i1", "UInt32": "<u4", "UInt64": "<u8", "Int64": "<i8", "Float64": "<f8",
    "DateTime64(6, 'UTC')": "<i8",
}  # fmt: skip
_CODES = ("<u1", "<u2", "<u4", "<u8")

# LowCardinality: the version of its serialization; flags "keys come with the block" and "so does the dictionary".
_SHARED_DICTIONARIES = (1).to_bytes(8, "little")
_ADDITIONAL_KEYS = 1 << 9
_UPDATE_DICTIONARY = 1 << 10


def block(columns: Mapping[str, Column], rows: int) -> bytes:
    """Return one block of ``rows`` rows."""
    parts = [varint(len(columns)), varint(rows)]
    for name, (kind, data) in columns.items():
        parts += [string(name), string(kind), data]
    return b"".join(parts)


def fixed(kind: str, values: NDArray[Any]) -> Column:
    """Return a column of numbers whose memory is what ClickHouse's type ``kind`` holds."""
    return kind, np.ascontiguousarray(values).tobytes()


def nullable(kind: str, values: NDArray[Any], null: NDArray[np.bool_]) -> Column:
    """Return a Nullable column of numbers; ``null`` says by row where there is none."""
    return f"Nullable({kind})", null.astype(np.uint8).tobytes() + np.ascontiguousarray(values).tobytes()


def strings(values: Iterable[str]) -> Column:
    """Return a String column."""
    return "String", b"".join(map(string, values))


def string_arrays(values: Sequence[Sequence[str]]) -> Column:
    """Return an Array(String) column."""
    ends = np.cumsum([len(row) for row in values], dtype="<u8")
    return "Array(String)", ends.tobytes() + b"".join(string(word) for row in values for word in row)


def low_cardinality(dictionary: Sequence[str], codes: NDArray[Any]) -> Column:
    """Return a LowCardinality(String) column: row i holds ``dictionary[codes[i]]``."""
    return coded([string(word) for word in dictionary], codes + 1, np.ones(len(codes), np.int64))


def coded(words: Sequence[bytes], entries: NDArray[Any], lengths: NDArray[np.int64]) -> Column:
    """Return a LowCardinality(String) column of stretches of equal rows.

    Args:
        words: as `string` returns them.
        entries: of each stretch, the place of its word, plus one.
        lengths: of each stretch, how many rows.
    """
    size = len(words) + 1  # ClickHouse's entry 0 is the type's default
    width = 0 if size <= 1 << 8 else 1 if size <= 1 << 16 else 2
    rows = np.repeat(entries.astype(f"<u{1 << width}"), lengths)
    numbers = (width | _ADDITIONAL_KEYS | _UPDATE_DICTIONARY, size)
    data = [
        _SHARED_DICTIONARIES,
        *(number.to_bytes(8, "little") for number in numbers),
        string(""),
        *words,
        len(rows).to_bytes(8, "little"),
        rows.tobytes(),
    ]
    return "LowCardinality(String)", b"".join(data)


@dataclass(frozen=True)
class Words:
    """A LowCardinality(String) column as it was read: row i holds ``dictionary[codes[i]]``."""

    dictionary: Sequence[str]
    codes: NDArray[np.unsignedinteger[Any]]


def blocks(data: bytes) -> Iterator[dict[str, Any]]:
    """Yield the blocks of a reply, each as its columns by name.

    A column is an array of N numbers, of which the nulls are 0; (N, 2) uint64 for UInt128; or `Words`.

    Raises:
        ValueError: it holds a type that is not read here.
    """
    reader = _Reader(data)
    while reader.offset < len(data):
        columns, rows = reader.varint(), reader.varint()
        yield {reader.string(): reader.column(reader.string(), rows) for _ in range(columns)}


class _Reader:
    """Where a reply has been read up to."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.offset = 0

    def varint(self) -> int:
        value = shift = 0
        while True:
            byte = self._data[self.offset]
            self.offset += 1
            value |= (byte & 127) << shift
            if byte < 128:
                return value
            shift += 7

    def string(self) -> str:
        size = self.varint()
        self.offset += size
        return self._data[self.offset - size : self.offset].decode()

    def column(self, kind: str, rows: int) -> Any:
        if kind in _FIXED:
            return self._array(_FIXED[kind], rows)
        if kind == "UInt128":
            return self._array("<u8", 2 * rows).reshape(rows, 2)
        if kind.startswith("Nullable("):
            null = self._array("<u1", rows) != 0
            values = self.column(kind[len("Nullable(") : -1], rows)
            return np.where(null, np.zeros(1, values.dtype), values) if null.any() else values
        if kind == "LowCardinality(String)":
            return self._words(rows)
        raise ValueError(f"columns of type {kind} are not read")

    def _array(self, dtype: str, count: int) -> NDArray[Any]:
        values: NDArray[Any] = np.frombuffer(self._data, dtype, count, self.offset)
        self.offset += values.nbytes
        return values

    def _words(self, rows: int) -> Words:
        if not rows:
            return Words([], np.zeros(0, np.uint8))
        _version, flags, size = self._array("<u8", 3).tolist()
        dictionary = [self.string() for _ in range(size)]
        _rows = self._array("<u8", 1)
        return Words(dictionary, self._array(_CODES[flags & 0xFF], rows))


def varint(value: int) -> bytes:
    """Return ``value`` in base 128, least first."""
    if value < 128:
        return bytes((value,))
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)
    return bytes(out)


def string(value: str) -> bytes:
    """Return a string as it lies in a block: its length, and UTF-8."""
    data = value.encode()
    return varint(len(data)) + data
