"""Reads a spool's records in their order, while they are written and after.

A torn record at the end is waited for while the writer lives, and is nothing once it is gone. Damage elsewhere (a
checksum that does not fit) is passed over to the next whole record, and reported.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple
from zlib import crc32

from runwire.errors import WireError
from runwire.spool.format import (
    EVENT,
    EVENT_FIXED,
    HEADER,
    KEYS,
    PART,
    RECORD_BYTES_MAX,
    ROW,
    ROW_FIXED,
    SEGMENT_BYTES,
    parse_event,
    parse_keys,
    parse_part,
    segment_name,
    segments,
)

#: Rows are handed out in stretches of at most so many bytes (or one row), so that each fits a record on the wire.
STRETCH_BYTES = 1 << 18
#: Read at once; no less than the largest record, so that a read always gets on.
_CHUNK_BYTES = RECORD_BYTES_MAX
#: Tried before: a slow run has no more, and to allocate a large chunk takes ten times as long as to read a small one.
_LITTLE_BYTES = 1 << 14


class Position(NamedTuple):
    """A place in a spool: everything before it has been read.

    Attributes:
        segment: the segment's number.
        offset: bytes from its start.
    """

    segment: int
    offset: int


START = Position(0, 0)


@dataclass(frozen=True)
class Rows:
    """Consecutive rows with the same keys.

    Attributes:
        keys: the metrics' names, K of them.
        count: number of rows, N.
        seq: the last row's number in the run's order.
        data: the N records as they lie in the spool, each of 5 + K words: header (2), seq, step, ts, one float64 a key.
        end: the place behind them.
    """

    keys: tuple[str, ...]
    count: int
    seq: int
    data: memoryview
    end: Position


@dataclass(frozen=True)
class Told:
    """An event.

    Attributes:
        seq: its place in the run's order.
        event: ``{"type", "ts", "data"}``.
        end: the place behind it.
    """

    seq: int
    event: dict[str, Any]
    end: Position


@dataclass(frozen=True)
class Damage:
    """A stretch that cannot be read any more.

    Attributes:
        seq: a number in the run's order that stood in it.
        size: its bytes.
        records: how many records stood in it; 0 if that cannot be told.
        end: the place behind it.
    """

    seq: int
    size: int
    records: int
    end: Position


@dataclass(frozen=True)
class Part:
    """A part of a table.

    Attributes:
        seq: its place in the run's order.
        message: as it goes to Kafka.
        end: the place behind it.
    """

    seq: int
    message: bytes
    end: Position


Item = Rows | Told | Part | Damage


class Reader:
    """The reading end of a spool.

    Args:
        folder: the spool.
        position: where to go on; what lies before it in the same segment is read again for its key lists alone.
        seq: the number of the last record before that, None if it is not known.

    Attributes:
        caught_up: whether the last `read` came to the end of what was written.
    """

    def __init__(self, folder: Path, position: Position = START, seq: int | None = None) -> None:
        self._folder = folder
        self._segment = position.segment
        self._offset = 0
        self._skip = position.offset
        self._fd = -1
        self._size = 0
        self._next_path = ""
        self._keys: dict[int, tuple[str, ...]] = {}
        self._seq = seq or 0
        self._followed = seq is not None  # whether the record before the next one is known
        self._damaged = 0
        self.caught_up = False

    @property
    def position(self) -> Position:
        """Everything before this place has been handed out."""
        return Position(self._segment, max(self._offset, self._skip))

    def read(self, *, gone: bool) -> list[Item]:
        """Return what comes next, at most about a megabyte; nothing if there is nothing (yet).

        Args:
            gone: whether the writer was known to be gone before this call.

        Raises:
            OSError: the spool cannot be read.
        """
        items: list[Item] = []
        if self._fd < 0 and not self._open():
            self.caught_up = True
            return items
        # A next segment is looked for where there may be one: behind a full segment, or one that brings nothing new.
        look = gone or self._offset >= SEGMENT_BYTES
        while not items:
            # Looked for before reading: once there is a next segment, nothing is written to this one.
            more = look and os.path.exists(self._next_path)  # noqa: PTH110 -- a Path's own takes several times as long
            chunk = os.pread(self._fd, _LITTLE_BYTES, self._offset)
            if len(chunk) == _LITTLE_BYTES:
                chunk = os.pread(self._fd, _CHUNK_BYTES, self._offset)
            end = len(chunk) < _CHUNK_BYTES
            self.caught_up = end and not more
            before = self._offset
            self._parse(chunk, items, closed=end and (gone or more), last=not more)
            if end and more:
                if not items:
                    self._next()
            elif end and not look:
                look = True
            elif end or self._offset == before:
                break
        if gone and not items and self._damaged:
            items.append(self._damage(0, self.position))
        return items

    def end(self) -> Position | None:
        """Return up to where was written at the last look; None where that takes more than a segment's size."""
        if self._fd < 0 or not self.caught_up:
            return None
        return Position(self._segment, max(self._size, self._offset))

    def grown(self) -> bool:
        """Return whether `read` may find something; it costs one system call.

        Where a writer goes on in another segment before this one is full, which it does after a disk was, that goes
        unnoticed: `turned` is also to be asked now and then.
        """
        if self._fd < 0:
            return True
        self._size = os.lseek(self._fd, 0, os.SEEK_END)
        return self._size != self._offset or self._offset >= SEGMENT_BYTES

    def turned(self) -> bool:
        """Return whether the writer began another segment; it costs one system call, and a dearer one."""
        return self._fd < 0 or os.path.exists(self._next_path)  # noqa: PTH110 -- as in `read`

    def written(self) -> float:
        """Return when the segment was last written to, seconds since the epoch; 0 if that cannot be told."""
        try:
            return (self._folder / segment_name(self._segment)).stat().st_mtime
        except OSError:
            return 0.0

    def close(self) -> None:
        """Close the segment; `read` opens it again."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def follow(self, other: Reader) -> None:
        """Go on where another reader of the spool is."""
        if other._segment != self._segment:
            self.close()
        self._segment, self._offset, self._skip = other._segment, other._offset, other._skip
        self._keys, self._seq, self._followed, self._damaged = other._keys, other._seq, other._followed, 0

    def _open(self) -> bool:
        try:
            self._fd = os.open(self._folder / segment_name(self._segment), os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            later = [index for index in segments(self._folder) if index > self._segment]
            if not later:
                return False
            # Only the lowest segments are ever removed, once they are delivered.
            self._segment, self._offset, self._skip = later[0], 0, 0
            return self._open()
        self._size = 0
        self._next_path = str(self._folder / segment_name(self._segment + 1))
        return True

    def _next(self) -> None:
        self.close()
        self._segment, self._offset, self._skip, self._keys = self._segment + 1, 0, 0, {}
        self._open()

    def _parse(self, chunk: bytes, items: list[Item], *, closed: bool, last: bool) -> None:
        """Hand out the chunk's records and move the offset behind them."""
        size = len(chunk)
        view = memoryview(chunk)
        words = view[: size // 8 * 8].cast("I")
        at = 0
        while size - at >= HEADER.size:
            length = words[at // 4 + 1]
            sound = _plausible(length, words[at // 4 + 2])
            if sound and at + length <= size and crc32(view[at + 4 : at + length]) == words[at // 4]:
                at = self._take(chunk, words, at, items)
                continue
            found = _resume(view, words, at + 8)
            if found is not None:
                self._damaged += found - at
                at = found
                continue
            if sound and at + length > size and (last or not closed):
                break  # more of it is to come; or it is what a dying writer left
            if sound and at + length == size and not closed:
                break  # the write may be under way
            at = self._give_up(at, size, closed=closed)
            break
        else:
            if closed and not last and at < size:
                self._damaged += size - at
                at = size
        self._offset += at

    def _give_up(self, at: int, size: int, *, closed: bool) -> int:
        """Nothing whole lies behind a damage in this chunk: pass over it, unless more may still be written to it."""
        if closed or size - at == _CHUNK_BYTES:
            end = size if closed else size // 2 // 8 * 8
            self._damaged += end - at
            return end
        return at

    def _take(self, chunk: bytes, words: memoryview, at: int, items: list[Item]) -> int:
        """Hand out the whole record at ``at``, with the rows like it that follow. Return where they end."""
        _, length, kind, number = words[at // 4 : at // 4 + 4].tolist()
        end: int = at + length
        if kind == KEYS:
            try:
                self._keys[number] = tuple(parse_keys(chunk[at + HEADER.size : end]))
            except WireError:
                self._damaged += length
            return end
        if kind == EVENT:
            self._take_event(chunk, at, end, items)
            return end
        if kind == PART:
            self._take_part(chunk, at, end, items)
            return end
        keys = self._keys.get(number)
        if keys is None or length != ROW_FIXED + 8 * len(keys):
            self._damaged += length
            return end
        skipped = self._offset + at < self._skip
        if end < len(chunk):
            stop = min(self._skip - self._offset, len(chunk)) if skipped else len(chunk)
            end = _stretch(chunk, at, length, min(stop, at + STRETCH_BYTES))
        if self._damaged:
            self._report(items, _seq(chunk, at), at, skipped=skipped)
        self._seq, self._followed = _seq(chunk, end - length), True
        if not skipped:
            items.append(Rows(keys, (end - at) // length, self._seq, memoryview(chunk)[at:end], self._place(end)))
        return end

    def _take_event(self, chunk: bytes, at: int, end: int, items: list[Item]) -> None:
        seq, event = self._event(chunk[at + HEADER.size : end])
        if event is None:
            self._damaged += end - at
            return
        self._hand_out(items, at, Told(seq, event, self._place(end)))

    def _take_part(self, chunk: bytes, at: int, end: int, items: list[Item]) -> None:
        seq, message = parse_part(chunk[at + HEADER.size : end])
        self._hand_out(items, at, Part(seq, message, self._place(end)))

    def _hand_out(self, items: list[Item], at: int, item: Told | Part) -> None:
        """Hand out what stands at ``at``, unless it was before."""
        skipped = self._offset + at < self._skip
        if self._damaged:
            self._report(items, item.seq, at, skipped=skipped)
        self._seq, self._followed = item.seq, True
        if not skipped:
            items.append(item)

    def _place(self, at: int) -> Position:
        return Position(self._segment, self._offset + at)

    def _report(self, items: list[Item], seq: int, at: int, *, skipped: bool) -> None:
        """Report what was passed over before the record ``seq``, which stands at ``at``."""
        if not skipped:
            items.append(self._damage(seq - self._seq - 1 if self._followed else 0, self._place(at)))
        self._damaged = 0

    def _damage(self, records: int, end: Position) -> Damage:
        self._seq += 1
        size, self._damaged = self._damaged, 0
        return Damage(self._seq, size, max(records, 0), end)

    def _event(self, body: bytes) -> tuple[int, dict[str, Any] | None]:
        try:
            seq, event = parse_event(body)
        except WireError:
            return 0, None
        sound = isinstance(event, dict) and isinstance(event.get("type"), str) and isinstance(event.get("ts"), int)
        return seq, event if sound and isinstance(event.get("data"), dict) else None


def _plausible(length: int, kind: int) -> bool:
    least = ROW_FIXED if kind == ROW else EVENT_FIXED if kind in (EVENT, PART) else HEADER.size
    return least <= length <= RECORD_BYTES_MAX and length % 8 == 0 and KEYS <= kind <= PART


def _seq(chunk: bytes, at: int) -> int:
    return int.from_bytes(chunk[at + HEADER.size : at + HEADER.size + 8], "little")


def _resume(view: memoryview, words: memoryview, start: int) -> int | None:
    """Return the next place from ``start`` on where a whole record lies."""
    for at in range(start, len(view) - HEADER.size + 1, 8):
        length = words[at // 4 + 1]
        if (
            at + length <= len(view)
            and _plausible(length, words[at // 4 + 2])
            and crc32(view[at + 4 : at + length]) == words[at // 4]
        ):
            return at
    return None


def _stretch(chunk: bytes, at: int, length: int, stop: int) -> int:
    """Return where the rows end that are whole and like the one at ``at``."""
    whole = len(chunk) // 8 * 8
    sums = memoryview(chunk)[:whole].cast("I")
    kinds = memoryview(chunk)[:whole].cast("Q")
    kind = kinds[at // 8 + 1]
    end = at + length
    # A checksum that fits these bytes says also that they are one record: its size is among them.
    while (
        end + length <= stop and kinds[end // 8 + 1] == kind and crc32(chunk[end + 4 : end + length]) == sums[end // 4]
    ):
        end += length
    return end
