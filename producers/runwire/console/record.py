"""The record of a process's console output, in the folder of its spool.

It is a row of files ``console-00000000.jsonl``, … of lines ``[record, n, stream, ts, text]``: ``record`` counts up,
and of two records of a line ``n`` the later counts. The tee writes them, the shipper reads them and removes what is
delivered. ``console.lock`` is held (flock) for as long as something may still be written.
"""

from __future__ import annotations

import json
import mmap
import os
import struct
from contextlib import suppress

LOCK = "console.lock"
SEGMENT_BYTES = 1 << 22
#: So many wait at most; then the oldest but the first goes: how a run began and what it said last is looked for.
SEGMENTS_MAX = 16
#: A disk that was full is tried again after so long.
_RETRY_SECONDS = 1.0

_PREFIX, _SUFFIX = "console-", ".jsonl"
_COUNTS = struct.Struct("<QQ")


def segment_name(index: int) -> str:
    """Return the name of the record's file of that number."""
    return f"{_PREFIX}{index:08d}{_SUFFIX}"


def segments(folder: str | os.PathLike[str]) -> list[int]:
    """Return the numbers of the record's files that are there, in order."""
    with suppress(OSError):
        names = os.listdir(folder)  # noqa: PTH208 -- the tee does without pathlib, whose import takes as long as all else
        return sorted(
            int(name[len(_PREFIX) : -len(_SUFFIX)])
            for name in names
            if name.startswith(_PREFIX) and name.endswith(_SUFFIX) and name[len(_PREFIX) : -len(_SUFFIX)].isdecimal()
        )
    return []


class Counts:
    """The numbers of the next record and of the next line; a successor of a killed tee goes on with them."""

    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, _COUNTS.size)  # shared with forked children

    def take(self) -> int:
        """Return the next record's number."""
        record: int
        record, line = _COUNTS.unpack_from(self._memory)
        _COUNTS.pack_into(self._memory, 0, record + 1, line)
        return record

    def take_lines(self, count: int = 1) -> int:
        """Return the next line's number, and count so many."""
        line: int
        record, line = _COUNTS.unpack_from(self._memory)
        _COUNTS.pack_into(self._memory, 0, record, line + count)
        return line


class Record:
    """The writing end. What cannot be written is left out: the numbers of lines tell that some are missing.

    Args:
        folder: of the spool.
        counts: the numbers to go on with.
    """

    def __init__(self, folder: str, counts: Counts) -> None:
        self._folder, self._counts = folder, counts
        self._fd = -1
        self._size = 0
        self._lines: list[str] = []
        self._retry = 0.0

    def add(self, n: int, stream: str, ts: int, text: str) -> None:
        """Take in what a line holds; `flush` writes it."""
        self._lines.append(json.dumps([self._counts.take(), n, stream, ts, text]) + "\n")

    def flush(self, now: float) -> None:
        """Write what was taken in, at ``now`` by the monotonic clock."""
        lines, self._lines = self._lines, []
        if not lines or now < self._retry:
            return
        data = "".join(lines).encode()
        try:
            if self._fd < 0 or self._size + len(data) > SEGMENT_BYTES:
                self._next()
            written = os.write(self._fd, data)
        except OSError:
            written = 0
        if written == len(data):
            self._size += written
        else:
            self._retry = now + _RETRY_SECONDS
            if written:
                with suppress(OSError):
                    os.ftruncate(self._fd, self._size)  # no half a line

    def _next(self) -> None:
        """Begin the next file, also behind one that somebody else wrote: its last line may not be whole."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
        there = segments(self._folder)
        path = os.path.join(self._folder, segment_name(there[-1] + 1 if there else 0))  # noqa: PTH118 -- as above
        self._fd = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        self._size = 0
        for index in there[1 : max(len(there) + 2 - SEGMENTS_MAX, 1)]:
            with suppress(OSError):
                os.unlink(os.path.join(self._folder, segment_name(index)))  # noqa: PTH108, PTH118 -- as above
