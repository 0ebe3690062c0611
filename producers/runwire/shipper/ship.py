"""The bulk lane of one spool: every row, as columns, in records that are as large as the traffic makes them."""

from __future__ import annotations

import time
from pathlib import Path

from runwire.shipper.columns import Columns
from runwire.shipper.flight import Flight
from runwire.shipper.link import Link
from runwire.spool import Meta, Position, Reader, Rows
from runwire.wire import METRICS

#: Rows wait so long for others to share their record, seconds.
_LINGER = 0.2


class Ship:
    """Carries the rows of one spool to Kafka.

    Args:
        folder: the spool.
        meta: whose it is.
        position: up to where all is delivered.
        link: the way to Kafka.
    """

    def __init__(self, folder: Path, meta: Meta, position: Position, link: Link) -> None:
        self._reader = Reader(folder, position)
        self._key = f"{meta.run}/{meta.rank}"
        self._columns = Columns(meta.run, meta.rank)
        self._since = 0.0
        self._end = position
        self._link = link
        self._flight = Flight(position)
        self._next_read = 0.0
        self._drained = False

    @property
    def delivered(self) -> Position:
        """Everything before this place is acknowledged."""
        return self._flight.acknowledged

    @property
    def done(self) -> bool:
        """Whether all of a spool that has ended is acknowledged."""
        return self._drained and not self._columns and not self._flight

    def step(self, *, ended: bool) -> bool:
        """Read on, and send what is ready. Return whether there is more to do at once.

        Args:
            ended: whether nothing more will be written: then nothing is waited for.
        """
        self.settle()
        now = time.monotonic()
        if not self._link.room("bulk") or (now < self._next_read and not ended):
            return False
        items = self._reader.read(gone=ended)
        for item in items:
            if isinstance(item, Rows):
                if not self._columns.fits(item):
                    self._send()
                if not self._columns:
                    self._since = now
                self._columns.add(item)
            self._end = item.end
        self._drained = ended and not items
        if not items:
            # Nothing more for now: look again when the rows gathered so far have waited long enough.
            self._next_read = now + _LINGER / 2
        if self._columns:
            if self._drained or now - self._since >= _LINGER:
                self._send()
        else:
            self._flight.skip(self._end)
        return bool(items)

    def settle(self) -> None:
        """Take note of what is acknowledged."""
        self._flight.settle()

    def close(self) -> None:
        """Let go of the spool."""
        self._reader.close()

    def _send(self) -> None:
        rows = self._columns.rows
        self._flight.add(self._link.send("bulk", METRICS, self._key, self._columns.encode(), rows), self._end)
