"""The console's lane of one spool: the lines that its process printed, behind all bulk and before nothing."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from runwire.console.record import LOCK, segment_name, segments
from runwire.errors import WireError
from runwire.shipper.flight import Flight
from runwire.shipper.link import Link
from runwire.spool import Meta, Position
from runwire.spool.lock import flocked
from runwire.wire import CONSOLE, loads
from runwire.wire.console import ConsoleLine, ConsoleLines

_LOOK_SECONDS = 1.0
_READ_BYTES = 1 << 18
#: So many looks for the next file are for what its name should be; then one for whatever there is.
_LOOKS_ALL = 16


class Console:
    """Carries the record of one process's console output to Kafka.

    Args:
        folder: the spool.
        meta: whose it is.
        position: up to where all is delivered.
        link: the way to Kafka.

    Attributes:
        due: when `step` is to be called next, by the monotonic clock.
        live: whether something may still be recorded.
        waiting: about how many bytes were not delivered at the last look.
    """

    def __init__(self, folder: Path, meta: Meta, position: Position, link: Link) -> None:
        self._folder, self._meta = folder, meta
        self._prefix = f"{folder}{os.sep}"  # a Path for each look would cost more than the look
        self._key = f"{meta.run}/{meta.rank}".encode()
        self._link = link
        self._here = position
        self._flight = Flight(position)
        self._drained = False
        self._looked_last = False
        self._looks = 0
        self.due = 0.0
        self.live = True
        self.waiting = 0

    @property
    def delivered(self) -> Position:
        """Everything before this place is acknowledged."""
        return self._flight.acknowledged

    @property
    def done(self) -> bool:
        """Whether all that a run recorded before it ended is acknowledged."""
        return self._looked_last and self._drained and not self._flight

    def step(self, now: float, *, ended: bool) -> bool:
        """Read on, and send what there is. Return whether there is more to do at once.

        Args:
            now: time of the monotonic clock.
            ended: whether the run has finished or is gone: then all that it printed itself was recorded before.
        """
        if now < self.due and not (ended and not self._looked_last):
            return False
        if not self._link.room("bulk"):
            return False
        self.due = now + _LOOK_SECONDS
        # Before reading: what is read when it is not is all. While the run goes on nobody asks.
        self.live = not ended or flocked(self._folder / LOCK)
        lines, more = self._read(ended=ended)
        self._drained = not more
        self._looked_last |= ended and self._drained
        if lines:
            message = ConsoleLines(self._meta.run, self._meta.rank, self._meta.attempt, lines)
            self._flight.add(self._link.send("bulk", CONSOLE, self._key, message.encode()), self._here)
        else:
            self._flight.skip(self._here)
        if more:
            self.due = now
        return more

    def _read(self, *, ended: bool) -> tuple[list[ConsoleLine], bool]:
        """Return what comes next, and whether there may be more behind it."""
        later = self._later(ended=ended)  # before reading: once there is one, nothing is added to this one
        path = self._path(self._here.segment)
        data, size = b"", 0
        with suppress(FileNotFoundError):
            size = os.stat(path).st_size  # noqa: PTH116 -- done for every run once a second
            if size > self._here.offset:
                with open(path, "rb") as file:  # noqa: PTH123 -- likewise
                    file.seek(self._here.offset)
                    data = file.read(_READ_BYTES)
        whole = data.rfind(b"\n") + 1
        self._here = Position(self._here.segment, self._here.offset + whole)
        self.waiting = max(size - self._here.offset, 0)
        if not whole and later is not None:  # what is left may be half a line, of a writer that was killed
            self._here = Position(later, 0)
        lines = [line for text in data[:whole].splitlines() if (line := parse_line(text)) is not None]
        return lines, bool(whole) or later is not None

    def _path(self, segment: int) -> str:
        return f"{self._prefix}{segment_name(segment)}"

    def _later(self, *, ended: bool) -> int | None:
        """Return the number of the next file, None if there is none."""
        following = self._here.segment + 1
        if os.path.exists(self._path(following)):  # noqa: PTH110 -- likewise
            return following
        self._looks += 1
        if ended or self._looks % _LOOKS_ALL == 0:  # some may have been removed
            return next((index for index in segments(self._folder) if index > self._here.segment), None)
        return None


def parse_line(text: bytes) -> ConsoleLine | None:
    """Return the line that was recorded; None for what a damaged disk made of it."""
    try:
        return ConsoleLine.check(loads(text))
    except WireError:
        return None
