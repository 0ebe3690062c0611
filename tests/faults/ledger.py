"""What a training process has logged so far, where it outlives the process.

Two counters in a file that the process has mapped: one is raised before each call of log(), the other when it has
returned. What was written to a mapping stays, however the process ends: so at most one row is in doubt, that which was
on its way into log() when the process was killed.
"""

from __future__ import annotations

import mmap
import struct
from pathlib import Path

_COUNTS = struct.Struct("<2Q")


class Ledger:
    """The counters of one attempt.

    Args:
        path: the file, which is made if it is not there.
    """

    def __init__(self, path: Path) -> None:
        with path.open("a+b") as file:
            file.truncate(_COUNTS.size)
            self._map = mmap.mmap(file.fileno(), _COUNTS.size)

    def begin(self, calls: int) -> None:
        """Note that log() is called for the ``calls``-th time."""
        self._map[:8] = calls.to_bytes(8, "little")

    def end(self, calls: int) -> None:
        """Note that log() has returned for the ``calls``-th time."""
        self._map[8:] = calls.to_bytes(8, "little")

    def read(self) -> tuple[int, int]:
        """Return how often log() was called, and how often it returned."""
        begun, returned = _COUNTS.unpack(self._map[:])
        return begun, returned
