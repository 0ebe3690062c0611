"""What has come and waits to be stored, bounded in bytes."""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import Any

#: A batch is gathered for so long at least; if little comes, until it is worth an insert, or until its first record
#: has waited for so long: rows are readable within a second, and an insert costs ClickHouse the same for ten rows as
#: for ten thousand.
GATHER_SECONDS, WAIT_SECONDS_MAX = 0.1, 0.5
WORTH_BYTES = 1 << 17
#: A batch holds about so much, some 400,000 points of ten metrics; as much again waits meanwhile.
BATCH_BYTES = 4 << 20


class Inbox:
    """Events in the order of their arrival; whoever puts waits while it is full."""

    def __init__(self) -> None:
        self._events: list[Any] = []
        self._bytes = 0
        self._began = 0.0  # when the first of them came
        self._filled = asyncio.Event()
        self._worth = asyncio.Event()
        self._full = asyncio.Event()
        self._room = asyncio.Event()
        self._room.set()

    @property
    def size(self) -> int:
        """Bytes that wait."""
        return self._bytes

    async def put(self, event: Any) -> None:
        """Add a Faust event, once there is room."""
        await self._room.wait()
        if not self._events:
            self._began = time.monotonic()
        self._events.append(event)
        self._bytes += len(event.value or b"")
        self._filled.set()
        if self._bytes >= WORTH_BYTES:
            self._worth.set()
        if self._bytes >= BATCH_BYTES:
            self._full.set()
            self._room.clear()

    async def take(self) -> list[Any]:
        """Wait for events and, unless there are many, a while for more; remove and return them all."""
        await self._filled.wait()
        await _wait(self._full, GATHER_SECONDS)
        await _wait(self._worth, self._began + WAIT_SECONDS_MAX - time.monotonic())
        events, self._events, self._bytes = self._events, [], 0
        self._filled.clear()
        self._worth.clear()
        self._full.clear()
        self._room.set()
        return events


async def _wait(enough: asyncio.Event, seconds: float) -> None:
    with contextlib.suppress(asyncio.TimeoutError):
        await asyncio.wait_for(enough.wait(), seconds)
