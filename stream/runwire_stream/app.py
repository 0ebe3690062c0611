"""The Faust app: records in, batches stored, and only then acknowledged, whole and in order."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import faust
import structlog
from aiokafka.errors import MessageSizeTooLargeError

from runwire import _ready
from runwire.wire import ALERTS, DEAD_LETTER, EVENTS, METRICS
from runwire_storage.session import Session
from runwire_stream.decode import Record
from runwire_stream.inbox import Inbox
from runwire_stream.ingest import Ingest
from runwire_stream.watchdog import Watchdog, die

GROUP = "runwire.stream"
TOPICS = (METRICS, EVENTS, ALERTS)

_BEAT_SECONDS = 1.0
#: So much is kept of a dead letter that the topic does not take whole; the header `cut` says how much there was.
_CUT_BYTES = 900_000

_log = structlog.get_logger("runwire.stream")


class Stream:
    """One worker.

    Records pass an inbox: one task fills it, another empties it batch by batch. What either cannot do ends the
    process, for Faust would restart the task on a stream that has lost its place.
    """

    def __init__(self, kafka: str, session: Session, datadir: Path, instance: str | None) -> None:
        self.app = _app(kafka, datadir, instance)
        self._ingest = Ingest(session)
        self._thread = ThreadPoolExecutor(1, "store")
        self._storing: Future[Any] | None = None
        self._inbox = Inbox()
        self._watchdog = Watchdog(self.app)
        self._dead_letters = self.app.topic(DEAD_LETTER, internal=False)
        self.app.agent(self.app.topic(*TOPICS, internal=False), concurrency=1, name=GROUP)(self._receive)
        self.app.task(self._work)
        self.app.task(self._beat)
        self.app.on_partitions_assigned.connect(self._on_assigned)

    @property
    def busy(self) -> bool:
        """Whether a batch is being stored."""
        return self._storing is not None and not self._storing.done()

    async def _receive(self, stream: Any) -> None:
        try:
            async for event in stream.noack().events():
                await self._inbox.put(event)
        except asyncio.CancelledError:
            raise
        except BaseException as error:  # noqa: BLE001
            die("reading records failed", error)
        if not self.app.should_stop:
            die("the stream of records ended")

    async def _work(self) -> None:
        try:
            while not self.app.should_stop:
                events = await self._inbox.take()
                await self._bury(await self._store(events))
                for event in events:
                    event.ack()
        except asyncio.CancelledError:
            raise
        except BaseException as error:  # noqa: BLE001
            die("storing a batch failed", error)

    async def _store(self, events: Sequence[Any]) -> list[tuple[Record, str]]:
        self._storing = self._thread.submit(self._ingest.store, [_record(event) for event in events])
        return await asyncio.wrap_future(self._storing)

    async def _bury(self, refused: Sequence[tuple[Record, str]]) -> None:
        """Publish records that cannot be read to the dead-letter topic, and wait until they are there."""
        for record, reason in refused:
            place = {"topic": record.topic, "partition": record.partition, "offset": record.offset}
            _log.warning("unreadable record", reason=reason, **place)
            headers = {name: str(value).encode() for name, value in {"reason": reason, **place}.items()}
            try:
                await (await self._dead_letters.send(key=record.key, value=record.value, headers=headers))
            except MessageSizeTooLargeError:
                # It was as large as its topic allows, and the headers make it larger. No record may stop the worker.
                headers["cut"] = str(len(record.value or b"")).encode()
                value = (record.value or b"")[:_CUT_BYTES]
                await (await self._dead_letters.send(key=record.key, value=value, headers=headers))

    async def _beat(self) -> None:
        self._watchdog.start()
        while not self.app.should_stop:
            self._watchdog.beat()
            await asyncio.sleep(_BEAT_SECONDS)

    async def _on_assigned(self, _app: Any, assigned: Any, **_: Any) -> None:
        self._ingest.forget()
        _log.info("assigned", partitions=sorted(f"{place.topic}/{place.partition}" for place in assigned))
        _ready.tell()


def _record(event: Any) -> Record:
    message = event.message
    return Record(message.topic, message.partition, message.offset, message.key, message.value)


def _app(kafka: str, datadir: Path, instance: str | None) -> Any:
    return faust.App(
        GROUP,
        broker=[f"kafka://{server}" for server in kafka.split(",")],
        store="memory://",
        datadir=str(datadir),
        key_serializer="raw",
        value_serializer="raw",
        web_enabled=False,
        processing_guarantee="at_least_once",
        consumer_auto_offset_reset="earliest",
        consumer_group_instance_id=instance,
        topic_allow_declare=False,
        topic_disable_leader=True,
        table_standby_replicas=0,
        stream_wait_empty=False,  # True would hold up a rebalance by an insert that waits, until the worker is expelled
        stream_buffer_maxsize=32,  # a record may have 900 kB; the inbox is where records wait
        broker_max_poll_records=100,
        consumer_max_fetch_size=1 << 20,
        broker_commit_interval=1.0,
        broker_commit_every=10**9,
        broker_session_timeout=10,
        broker_heartbeat_interval=1,
        broker_rebalance_timeout=10,
        broker_request_timeout=20,  # at least the session timeout
        # Counts time without fetching; past it a worker leaves the group and never comes back.
        broker_max_poll_interval=1_000_000.0,
        producer_acks=-1,
        producer_max_request_size=4 << 20,
    )
