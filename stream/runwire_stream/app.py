"""The Faust app: records in, batches stored, and only then acknowledged, whole and in order."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import filterfalse
from pathlib import Path
from typing import Any

import structlog

from runwire import _ready
from runwire.wire import ALERTS, ARTIFACTS, CONSOLE, EVENTS, METRICS, TABLES
from runwire_faust import app
from runwire_faust.deadletter import DeadLetters
from runwire_faust.lag import Lag
from runwire_faust.message import Message, unpack
from runwire_faust.partitions import Partitions
from runwire_faust.slot import Slot
from runwire_faust.strays import Strays
from runwire_faust.watchdog import Watchdog, vital
from runwire_storage.session import Session
from runwire_stream import metrics
from runwire_stream.inbox import Inbox
from runwire_stream.ingest import Ingest

GROUP = "runwire.stream"
TOPICS = (METRICS, TABLES, CONSOLE, ARTIFACTS, EVENTS, ALERTS)

_BEAT_SECONDS = 1.0

_log = structlog.get_logger("runwire.stream")


class Stream:
    """One worker: its agent fills an inbox, which a task empties batch by batch.

    Attributes:
        app: the Faust app.
        trouble: says why the worker does not seem to be alive, None if it does; any thread may call it.
        lag: how far it is behind.
    """

    def __init__(self, kafka: str, session: Session, datadir: Path, slot: Slot) -> None:
        self.app = app.make(
            GROUP,
            kafka,
            datadir,
            slot.name,
            session_seconds=10,
            buffer_records=32,  # a record may have 900 kB; the inbox is where records wait
            poll_records=100,
        )
        self._ingest = Ingest(session)
        self._thread = ThreadPoolExecutor(1, "store")
        self._storing: Future[Any] | None = None
        self._inbox = Inbox()
        self._watchdog = Watchdog(self.app)
        self.trouble = self._watchdog.trouble
        self.lag = Lag(self.app, kafka, GROUP, TOPICS)
        metrics.INBOX_BYTES.set_function(lambda: self._inbox.size)
        self._dead_letters = DeadLetters(self.app, slot.unreadable)
        self._partitions = Partitions(self.app, TOPICS)
        # What is known of a series is held in memory, and the number of an artifact's version comes of those before it;
        # of all else the store itself keeps the newest.
        self._strays = Strays(self.app, self._partitions, (METRICS, ARTIFACTS))
        app.read(self.app, TOPICS, self._inbox.put, self.lag)
        self.app.task(self._work)
        self.app.task(self._beat)
        self.app.task(self._watch_partitions)
        self.app.on_partitions_assigned.connect(self._on_assigned)

    @property
    def busy(self) -> bool:
        """Whether a batch is being stored."""
        return self._storing is not None and not self._storing.done()

    async def _work(self) -> None:
        with vital("storing a batch"):
            while not self.app.should_stop:
                events = [event for event in await self._inbox.take() if self._partitions.present(event)]
                began = time.monotonic()
                messages, refused = unpack(event.message for event in events)
                seen = len(messages) + len(refused)
                strays = list(filter(self._strays.is_one, messages))
                refused += await self._store(list(filterfalse(self._strays.is_one, messages)))
                refused += await self._strays.send_home(strays)
                await self._dead_letters.bury(refused, seen)
                for event in events:
                    if self._partitions.ours(event):
                        event.ack()
                        self.lag.handled(event.message)
                metrics.BATCH_SECONDS.observe(time.monotonic() - began)

    async def _store(self, messages: Sequence[Message]) -> list[tuple[Message, str]]:
        self._storing = self._thread.submit(self._ingest.store, messages)
        return await asyncio.wrap_future(self._storing)

    async def _watch_partitions(self) -> None:
        with vital("watching the partitions"):
            await self._partitions.watch()

    async def _beat(self) -> None:
        with vital("the heartbeat"):
            self._watchdog.start()
            while not self.app.should_stop:
                self._watchdog.beat()
                await asyncio.sleep(_BEAT_SECONDS)

    async def _on_assigned(self, _app: Any, assigned: Any, **_: Any) -> None:
        self._ingest.forget()
        _log.info("assigned", partitions=sorted(f"{place.topic}/{place.partition}" for place in assigned))
        _ready.tell()
