"""Turns rows as they lie in a spool into frames: each column is a strided slice of their words."""

from __future__ import annotations

from functools import lru_cache

from runwire.spool import Rows
from runwire.spool.format import HEADER
from runwire.wire import Frame, encode
from runwire.wire.frames import RECORD_BYTES_MAX

_HEADER_WORDS = HEADER.size // 8
#: What a record's own header takes at most besides its names.
_HEADER_BYTES = 1024
_FRAME_BYTES = 64
#: So many lists of keys are remembered: runs of one host often log the same.
_NAMES_MAX = 256


class Columns:
    """Gathers rows of one run and rank until they fill a record.

    Rows of the same keys become one frame, however they were mixed with others: order across frames is what seq
    tells.
    """

    def __init__(self, run: str, rank: int) -> None:
        self._run, self._rank = run, rank
        self._rows: dict[tuple[str, ...], bytearray] = {}
        self._size = _HEADER_BYTES
        self._count = 0

    def __bool__(self) -> bool:
        return bool(self._rows)

    @property
    def size(self) -> int:
        """Bytes of the record so far, or a little less than that."""
        return self._size

    @property
    def rows(self) -> int:
        """Rows of the record so far."""
        return self._count

    def add(self, rows: Rows) -> bool:
        """Take in rows. Return False if they do not fit the record any more; an empty one has room for any."""
        gathered = self._rows.get(rows.keys)
        size = self._size + len(rows.data) - rows.count * HEADER.size
        if gathered is None:
            size += _FRAME_BYTES + _names_bytes(rows.keys)
        if size > RECORD_BYTES_MAX and self._rows:
            return False
        if gathered is None:
            gathered = self._rows[rows.keys] = bytearray()
        gathered += rows.data
        self._size = size
        self._count += rows.count
        return True

    def encode(self) -> bytes:
        """Return the record's value, and begin the next."""
        gathered, self._rows, self._size, self._count = self._rows, {}, _HEADER_BYTES, 0
        return encode(self._run, self._rank, (_frame(keys, data) for keys, data in gathered.items()))


@lru_cache(_NAMES_MAX)
def _names_bytes(keys: tuple[str, ...]) -> int:
    # A name's quotes, comma and escapes: few need one, so twice their length is plenty.
    return sum(2 * len(key.encode()) + 3 for key in keys)


def _frame(keys: tuple[str, ...], data: bytearray) -> Frame:
    words = _HEADER_WORDS + 3 + len(keys)
    columns = memoryview(data).cast("Q")
    return Frame(
        keys,
        len(data) // (8 * words),
        [columns[plane::words].tobytes() for plane in range(_HEADER_WORDS, words)],
    )
