"""The last rows of a run, as they lie in its spool: what an alert shows of the values before the one it is about."""

from __future__ import annotations

from runwire.spool.format import HEADER
from runwire.wire.messages import BEFORE_MAX

_SEQ = HEADER.size // 8
_STEP, _VALUES = _SEQ + 1, _SEQ + 3
#: All of it takes no more than about so much; the lists of keys that were not logged for the longest are forgotten
#: first (names made of a counter, say).
_BYTES_MAX = 2 << 20
#: Of one list of keys about so much at most, if that is a row at least: it is moved with each row that comes.
_LIST_BYTES_MAX = 1 << 18
_LIST_BYTES = 256


class Recent:
    """Keeps the last rows of each list of keys, BEFORE_MAX at most, fewer where they are long."""

    def __init__(self) -> None:
        self._rows: dict[tuple[str, ...], bytes] = {}
        self._size = 0

    def add(self, keys: tuple[str, ...], rows: memoryview) -> None:
        """Take in rows (N records of 5 + K words) that were logged after all others of their keys."""
        row = 8 * (_VALUES + len(keys))
        most = row * max(1, min(BEFORE_MAX, _LIST_BYTES_MAX // row))
        before = self._rows.pop(keys, None)  # and back at the end: the first in the dict is the one to forget
        if before is None:
            before = b""
            self._size += _LIST_BYTES
        kept = self._rows[keys] = (before + rows[-most:])[-most:] if len(rows) < most else bytes(rows[-most:])
        self._size += len(kept) - len(before)
        while self._size > _BYTES_MAX and len(self._rows) > 1:
            self._size -= _LIST_BYTES + len(self._rows.pop(next(iter(self._rows))))

    def values(self, key: str) -> list[tuple[int, float]]:
        """Return the last values of a metric as (step, value), oldest first, BEFORE_MAX at most."""
        found: list[tuple[int, int, float]] = []
        for keys, rows in self._rows.items():
            if key in keys:
                words, view = _VALUES + len(keys), memoryview(rows)
                values = view.cast("d")[_VALUES + keys.index(key) :: words].tolist()
                seqs, steps = view.cast("Q")[_SEQ::words].tolist(), view.cast("q")[_STEP::words].tolist()
                found.extend(zip(seqs, steps, values, strict=True))
        return [(step, value) for _, step, value in sorted(found, key=lambda row: row[0])[-BEFORE_MAX:]]
