"""The bulk lane of one spool: every row, as columns, in records as large as the traffic makes them; and tables."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

from runwire.shipper.columns import Columns
from runwire.shipper.flight import Flight
from runwire.shipper.link import Link
from runwire.spool import Item, Meta, Part, Position, Reader, Rows
from runwire.wire import METRICS, TABLES

#: So much is taken over from the urgent lane, which is not to be kept from the next spool.
_SHARED_BYTES = 1 << 16


class Ship:
    """Carries the rows of one spool to Kafka.

    Args:
        folder: the spool.
        meta: whose it is.
        position: up to where all is delivered.
        link: the way to Kafka.

    Attributes:
        due: when `step` is to be called next, by the monotonic clock; infinite until there is more.
    """

    def __init__(self, folder: Path, meta: Meta, position: Position, link: Link) -> None:
        self._reader = Reader(folder, position)
        self._key = f"{meta.run}/{meta.rank}".encode()
        self._columns = Columns(meta.run, meta.rank)
        self._end = position
        self._link = link
        self._flight = Flight(position)
        self._drained = False
        self._level = False
        self.due = 0.0

    @property
    def delivered(self) -> Position:
        """Everything before this place is acknowledged."""
        return self._flight.acknowledged

    @property
    def done(self) -> bool:
        """Whether all of a spool that has ended is acknowledged."""
        return self._drained and not self._columns and not self._flight

    def follow(self, items: Sequence[Item], start: Position, reader: Reader, due: float) -> None:
        """Take note of what the urgent lane just read, and take it over where it comes next: it is read once then.

        Args:
            items: what was read, not nothing.
            start: where it began.
            reader: what read it.
            due: when it is to be sent, by the monotonic clock.
        """
        self.due = min(self.due, due)
        end = items[-1].end
        self._level = (
            start == self._end
            and start.segment == end.segment
            and self._columns.size + end.offset - start.offset <= _SHARED_BYTES
            and reader.caught_up
            and self._link.room("bulk")
        )
        if self._level:
            self._gather(items)
            self._reader.follow(reader)

    def step(self, now: float, *, ended: bool, told: Position) -> bool:
        """Read on, and send what is ready. Return whether there is more to do at once.

        Args:
            now: time of the monotonic clock.
            ended: whether nothing more will be written: then nothing is waited for.
            told: how far the urgent lane is. What that has read is never news again, so it is read up to there: a
                segment's end is not the spool's if the urgent lane was ahead in the next one.
        """
        if (now < self.due and not ended) or not self._link.room("bulk"):
            return False
        items = [] if self._level and not ended else self._reader.read(gone=ended)
        self._gather(items)
        if items and (ended or not self._reader.caught_up or self._end < told):
            return True
        # All that there is; until there is more, no file needs to be open.
        self._drained = ended
        self.due = math.inf
        self._reader.close()
        if self._columns:
            self._send()
        else:
            self._flight.skip(self._end)
        return False

    def close(self) -> None:
        """Let go of the spool."""
        self._reader.close()

    def _gather(self, items: Sequence[Item]) -> None:
        for item in items:
            if isinstance(item, Rows):
                while not self._columns.add(item):
                    self._send()
            elif isinstance(item, Part):
                # What was gathered goes before it: what is acknowledged is a place, and all before that.
                if self._columns:
                    self._send()
                self._flight.add(self._link.send("bulk", TABLES, self._key, item.message), item.end)
            self._end = item.end

    def _send(self) -> None:
        rows = self._columns.rows
        self._flight.add(self._link.send("bulk", METRICS, self._key, self._columns.encode(), rows), self._end)
