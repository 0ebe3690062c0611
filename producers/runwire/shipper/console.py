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
        self._key = f"{meta.run}/{meta.rank}".encode()
        self._link = link
        self._here = position
        self._flight = Flight(position)
        self._drained = False
        self._looked_last = False
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
        self.live = flocked(self._folder / LOCK)  # before reading: what is read when it is not is all
        lines, size = self._read()
        self._drained = not size
        self._looked_last |= ended and self._drained
        if lines:
            message = ConsoleLines(self._meta.run, self._meta.rank, self._meta.attempt, lines)
            self._flight.add(self._link.send("bulk", CONSOLE, self._key, message.encode()), self._here)
        else:
            self._flight.skip(self._here)
        if size:
            self.due = now
        return bool(size)

    def _read(self) -> tuple[list[ConsoleLine], int]:
        """Return what comes next, and how many bytes that is."""
        there = segments(self._folder)
        later = [index for index in there if index >= self._here.segment]
        if later and later[0] > self._here.segment:
            self._here = Position(later[0], 0)  # the oldest go when too much waits
        if not later:
            return [], 0
        path = self._folder / segment_name(self._here.segment)
        data = b""
        with suppress(FileNotFoundError), path.open("rb") as file:
            file.seek(self._here.offset)
            data = file.read(_READ_BYTES)
            self.waiting = os.fstat(file.fileno()).st_size - self.delivered.offset
        whole = data.rfind(b"\n") + 1
        if whole:
            self._here = Position(self._here.segment, self._here.offset + whole)
        elif len(later) > 1:  # what is left is half a line, of a writer that was killed
            self._here = Position(later[1], 0)
            return [], max(len(data), 1)
        return [line for text in data[:whole].splitlines() if (line := _line(text)) is not None], whole


def _line(text: bytes) -> ConsoleLine | None:
    """Return the line that was recorded; None for what a damaged disk made of it."""
    try:
        return ConsoleLine.check(loads(text))
    except WireError:
        return None
