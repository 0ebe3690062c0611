"""Appends records to a spool's segments, each by a single write: what the kernel took outlives the process."""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any
from zlib import crc32

from runwire.spool.artifacts import announce
from runwire.spool.files import Files, held
from runwire.spool.format import (
    ROW,
    ROW_FIXED,
    SEGMENT_BYTES,
    pack_event,
    pack_keys,
    pack_part,
    row_packer,
    segment_name,
)
from runwire.wire.names import ATTEMPT_SHIFT

#: Room that is taken at the start and given back when the disk is full, so that the run's end can still be told.
_RESERVE, _RESERVE_BYTES = "reserve", 1 << 16
_RETRY_ROTATE_BYTES = 1 << 20
#: A spool that holds all that it may is weighed so often: whether the shipper has made room.
_WEIGH_SECONDS = 0.1

#: What was lost, by kind.
_NOTHING = {"rows": 0, "events": 0, "parts": 0, "files": 0}

_Layout = tuple[int, int, Callable[..., None], bytearray, memoryview]


class Writer:
    """The writing end of a spool; one thread at a time, but for its files.

    Args:
        folder: the spool.
        attempt: whose it is; numbers in the run's order begin with it.
        segment_bytes: a segment that has so many is followed by another.
        bytes_max: how many the spool may hold, to one segment more; None for as many as the disk takes.

    Attributes:
        folder: as given.
        files: what keeps files in the spool.

    Raises:
        OSError: the first segment cannot be made.
    """

    def __init__(
        self, folder: Path, attempt: int, *, segment_bytes: int = SEGMENT_BYTES, bytes_max: int | None = None
    ) -> None:
        self.folder, self.files = folder, Files(folder, bytes_max=bytes_max)
        self._seq = attempt << ATTEMPT_SHIFT
        self._segment_bytes, self._bytes_max = segment_bytes, bytes_max
        self._weigh_at = 0.0
        self._index = -1
        self._fd = -1
        self._size = 0
        self._limit = 0
        self._layouts: dict[tuple[str, ...], _Layout] = {}
        self._lost = dict(_NOTHING)
        self._reason = ""
        self._rotate()
        with suppress(OSError):
            (folder / _RESERVE).write_bytes(bytes(_RESERVE_BYTES))

    def row(self, keys: tuple[str, ...], step: int, ts: int, values: Iterable[float]) -> None:
        """Append a row.

        Args:
            keys: names of metrics, at most KEYS_MAX.
            step: int64.
            ts: microseconds since the epoch.
            values: one number a key, in their order.

        Raises:
            OSError: it could not be stored: the row is lost and counted.
            struct.error: a value is no number, or the step does not fit; nothing was written.
        """
        try:
            if self._size >= self._limit:
                self._turn()
            layout = self._layouts.get(keys) or self._declare(keys)
            number, size, pack_into, record, body = layout
            # Counted up before it is written: a signal's exception in between leaves a gap, never a number used twice.
            self._seq += 1
            pack_into(record, 4, size, ROW, number, self._seq, step, ts, *values)
            record[:4] = crc32(body).to_bytes(4, "little")
            self._write(record)
        except OSError as error:
            self._count("rows", error)
            raise
        if self._reason:
            self._tell()

    def event(self, event: dict[str, Any], *, vital: bool = False) -> None:
        """Append an event ``{"type", "ts", "data"}``.

        Args:
            event: plain data.
            vital: whether it tells the run's end: then the reserve is given up for it if the disk is full.

        Raises:
            OSError: it could not be stored: it is lost and counted.
            WireError: it is not plain data; nothing was written.
        """
        if self._reason:
            self._tell()
        # What was lost is told before the end, though there may be room for the end alone: nobody reads on behind that.
        if vital and self._reason and self._make_room():
            self._tell()
        try:
            self._append(event)
        except OSError as error:
            if not vital or not self._make_room():
                self._count("events", error)
                raise
            try:
                self._append(event)
            except OSError as again:
                self._count("events", again)
                raise

    def lost_file(self, error: OSError) -> None:
        """Count a file that could not be kept."""
        self._count("files", error)

    def artifact(self, message: Callable[[int], bytes], waits_for: Sequence[str]) -> None:
        """Write down that an artifact was logged, whose files are kept.

        Args:
            message: given its seq, says it as it goes to Kafka.
            waits_for: the digests of the files that are to be uploaded before.

        Raises:
            OSError: it could not be stored: it is lost and counted.
        """
        self._seq += 1
        try:
            announce(self.folder, self._seq, message(self._seq), waits_for)
        except OSError as error:
            self._count("files", error)
            raise
        if self._reason:
            self._tell()

    def part(self, message: Callable[[int], bytes]) -> None:
        """Append a part of a table.

        Args:
            message: given its seq, says it as it goes to Kafka.

        Raises:
            OSError: it could not be stored: it is lost and counted.
            WireError: it is not plain data; nothing was written.
        """
        try:
            if self._size >= self._limit:
                self._turn()
            self._seq += 1
            self._write(pack_part(self._seq, message(self._seq)))
        except OSError as error:
            self._count("parts", error)
            raise
        if self._reason:
            self._tell()

    @property
    def removed(self) -> bool:
        """Whether somebody removed the segment that is being written: what goes into it is lost."""
        try:
            return os.fstat(self._fd).st_nlink == 0
        except OSError:
            return True

    def break_off(self) -> None:
        """Give up the segment that somebody removed; from here on all is lost, and counted."""
        os.close(self._fd)
        self._fd = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)  # writing to it fails, and to no other file
        self._limit = self._size + (1 << 62)

    def close(self) -> None:
        """Close the segment. The lock is not the writer's."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
            with suppress(OSError):
                (self.folder / _RESERVE).unlink()

    def _append(self, event: dict[str, Any]) -> None:
        if self._size >= self._limit:
            self._turn()
        self._seq += 1
        self._write(pack_event(self._seq, event))

    def _declare(self, keys: tuple[str, ...]) -> _Layout:
        number = len(self._layouts)
        self._seq += 1
        self._write(pack_keys(number, keys))
        packer = row_packer(len(keys))
        record = bytearray(ROW_FIXED + 8 * len(keys))
        layout = (number, len(record), packer.pack_into, record, memoryview(record)[4:])
        self._layouts[keys] = layout
        return layout

    def _write(self, record: bytes | bytearray) -> None:
        before = self._size
        try:
            written = os.write(self._fd, record)
            self._size += written
        except OSError:
            self._cut(before)
            raise
        except BaseException:
            # The exception of a signal's handler came between the write and its account.
            self._size = os.fstat(self._fd).st_size
            raise
        if written != len(record):
            self._cut(before)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def _cut(self, size: int) -> None:
        """Leave the segment at its last whole record; where that fails, the next record begins a new segment."""
        try:
            os.ftruncate(self._fd, size)
            self._size = size
        except OSError:
            self._limit = min(self._limit, self._size)

    def _turn(self) -> None:
        if self._bytes_max is not None:
            self._weigh(self._bytes_max)
        try:
            self._rotate()
        except OSError:
            # Go on in the full segment, and try again a while later.
            self._limit = self._size + _RETRY_ROTATE_BYTES

    def _weigh(self, most: int) -> None:
        """Raise `OSError` if the spool holds all that it may: what is delivered is removed, segment by segment."""
        now = time.monotonic()
        if now >= self._weigh_at:
            if held(self.folder) < most:
                return
            self._weigh_at = now + _WEIGH_SECONDS
        raise OSError(errno.EDQUOT, f"it holds the {most >> 20} MiB that it may (the setting spool_bytes_max)")

    def _rotate(self) -> None:
        path = self.folder / segment_name(self._index + 1)
        fd = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        if self._fd >= 0:
            os.close(self._fd)
        self._fd, self._index, self._size, self._limit = fd, self._index + 1, 0, self._segment_bytes
        self._layouts = {}

    def _make_room(self) -> bool:
        """Give up the reserve, and begin a new segment in case that this one may not grow; whether there is hope."""
        try:
            (self.folder / _RESERVE).unlink()
        except OSError:
            return False
        with suppress(OSError):
            self._rotate()
        return True

    def _count(self, what: str, error: OSError) -> None:
        self._lost[what] += 1
        self._reason = error.strerror or str(error)

    def _tell(self) -> None:
        """After a loss, say how much was lost as soon as something can be stored again."""
        lost, reason = self._lost, self._reason
        self._lost, self._reason = dict(_NOTHING), ""
        try:
            self._append({"type": "dropped", "ts": time.time_ns() // 1000, "data": {**lost, "reason": reason}})
        except OSError:
            self._lost, self._reason = lost, reason
