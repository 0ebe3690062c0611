"""How far a worker is behind what Kafka holds for it, in records and in seconds."""

from __future__ import annotations

import asyncio
import time
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from prometheus_client import REGISTRY
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

_LOOK_SECONDS = 1.0
_REPLY_SECONDS_MAX = 3.0
#: Looks that fail for so long are told of.
_SILENT_SECONDS = 5.0
_REQUEST_MS = 20_000

_log = structlog.get_logger(__name__)


@dataclass
class _Partition:
    """One partition that is this worker's.

    Attributes:
        handled: the offset behind the last record that was handled.
        behind: how many records Kafka held beyond that at the last look.
        waiting: offset and time (Unix seconds) of the records that have come and are not handled.
        seen: when it was seen that there is more than was handled, Unix seconds; None while there is not.
    """

    handled: int = 0
    behind: int = 0
    waiting: deque[tuple[int, float]] = field(default_factory=deque)
    seen: float | None = None

    @property
    def oldest(self) -> float | None:
        """The time of the oldest record that is not handled; of one that has not come, when it was seen to be there."""
        return self.waiting[0][1] if self.waiting else self.seen


@dataclass(frozen=True)
class _Sum:
    """What is told of a topic: never changed, so that a scrape in another thread reads it whole."""

    partitions: int
    records: int
    oldest: float | None


class Lag(Collector):
    """Follows the offsets of one Faust app, and tells of them whenever it is scraped.

    It asks Kafka for the ends of partitions by a client of its own: Faust's own tells only what it has fetched, and
    fetches nothing while a store is away, which is when one wants to know. Nothing that fails here fails the worker.

    Args:
        app: the Faust app.
        kafka: "host:port" of the brokers, several with commas.
        group: the consumer group.
        topics: what it reads.
    """

    def __init__(self, app: Any, kafka: str, group: str, topics: Sequence[str]) -> None:
        self._app, self._kafka, self._group = app, kafka, group
        self._partitions: dict[TopicPartition, _Partition] = {}
        self._handled: Counter[str] = Counter(dict.fromkeys(topics, 0))
        self._sums: dict[str, _Sum] = dict.fromkeys(topics, _Sum(0, 0, None))
        #: Whether it is to be found out where the group stands in what is assigned; None before the first assignment.
        self._fresh: bool | None = None
        self._told = time.monotonic()
        app.on_partitions_assigned.connect(self._on_assigned)
        app.task(self._follow)
        REGISTRY.register(self)

    def came(self, message: Any) -> None:
        """Note that a Faust message is in hand."""
        partition = self._partitions.get(message.tp)
        if partition is not None:
            if not partition.waiting:  # what lies between was removed by Kafka, and nobody handles it
                partition.handled = max(partition.handled, message.offset)
            partition.waiting.append((message.offset, message.timestamp))

    def handled(self, message: Any) -> None:
        """Note that a Faust message was handled, and all of its partition before it."""
        self._handled[message.topic] += 1
        partition = self._partitions.get(message.tp)
        if partition is not None:
            partition.handled = max(partition.handled, message.offset + 1)
            while partition.waiting and partition.waiting[0][0] < partition.handled:
                partition.waiting.popleft()

    def lacks(self) -> str | None:
        """Return what the worker lacks of Kafka to do its part of the work, None if nothing. Any thread may call it."""
        if self._fresh is None:
            return "no partitions are assigned yet"
        if self._app.rebalancing:
            return "the partitions are being shared out anew"
        silent = time.monotonic() - self._told
        return f"Kafka has not answered for {silent:.0f} s" if silent > _SILENT_SECONDS else None

    def collect(self) -> Iterator[Metric]:
        """Yield what is known now; called by the thread that is scraped."""
        records = GaugeMetricFamily(
            "runwire_worker_lag_records",
            "Records that Kafka holds for this worker and that it has not handled.",
            labels=["group", "topic"],
        )
        seconds = GaugeMetricFamily(
            "runwire_worker_lag_seconds",
            "How old the oldest record is that this worker has not handled; 0 if none waits. While Kafka does not "
            "answer, at least for how long it has not.",
            labels=["group", "topic"],
        )
        partitions = GaugeMetricFamily(
            "runwire_worker_partitions", "Partitions that are this worker's.", labels=["group", "topic"]
        )
        handled = CounterMetricFamily(
            "runwire_worker_records",
            "Records that this worker has handled, repeated ones included.",
            labels=["group", "topic"],
        )
        now = time.time()
        silent = time.monotonic() - self._told
        for topic, sum_ in self._sums.items():
            labels = [self._group, topic]
            age = 0.0 if sum_.oldest is None else max(now - sum_.oldest, 0.0)
            records.add_metric(labels, sum_.records)
            seconds.add_metric(labels, max(age, silent if silent > _SILENT_SECONDS else 0.0))
            partitions.add_metric(labels, sum_.partitions)
            handled.add_metric(labels, self._handled[topic])
        yield from (records, seconds, partitions, handled)

    async def _on_assigned(self, _app: Any, assigned: Iterable[Any], **_: Any) -> None:
        places = (TopicPartition(place.topic, place.partition) for place in assigned)
        self._partitions = {place: _Partition() for place in places if place.topic in self._sums}
        self._fresh = True

    async def _follow(self) -> None:
        consumer: AIOKafkaConsumer | None = None
        said = False
        try:
            while not self._app.should_stop:
                try:
                    if consumer is None:
                        consumer = await self._connect()
                    await asyncio.wait_for(self._look(consumer), _REPLY_SECONDS_MAX)
                    said = False
                except Exception as error:  # noqa: BLE001 -- a worker that cannot tell its lag works all the same
                    if not said:
                        _log.warning("Kafka does not tell how much it holds", error=repr(error))
                    said = True
                await asyncio.sleep(_LOOK_SECONDS)
        finally:
            if consumer is not None:
                await consumer.stop()

    async def _connect(self) -> AIOKafkaConsumer:
        """Return a client that is in no group and reads nothing."""
        consumer = AIOKafkaConsumer(
            bootstrap_servers=self._kafka, enable_auto_commit=False, request_timeout_ms=_REQUEST_MS
        )
        try:
            await consumer.start()
        except BaseException:
            await consumer.stop()
            raise
        return consumer

    async def _look(self, consumer: AIOKafkaConsumer) -> None:
        mine = self._partitions
        if self._fresh:
            await self._begin(consumer, mine)
            self._fresh = mine is not self._partitions
        ends = await consumer.end_offsets(list(mine)) if mine else {}
        if mine is not self._partitions:  # there is a new assignment meanwhile
            return
        now = time.time()
        for place, partition in mine.items():
            partition.behind = max(ends[place] - partition.handled, 0)
            partition.seen = (partition.seen or now) if partition.behind else None
        self._sums = {
            topic: _sum([partition for place, partition in mine.items() if place.topic == topic])
            for topic in self._sums
        }
        self._told = time.monotonic()

    async def _begin(self, consumer: AIOKafkaConsumer, mine: dict[TopicPartition, _Partition]) -> None:
        """Find out where the group stands in partitions that have just come."""
        if not mine:
            return
        admin = AIOKafkaAdminClient(bootstrap_servers=self._kafka, request_timeout_ms=_REQUEST_MS)
        await admin.start()
        try:
            committed = await admin.list_consumer_group_offsets(self._group)
        finally:
            await admin.close()
        for place, beginning in (await consumer.beginning_offsets(list(mine))).items():
            known = committed[place].offset if place in committed else 0
            mine[place].handled = max(mine[place].handled, known, beginning)


def _sum(partitions: list[_Partition]) -> _Sum:
    behind = [partition for partition in partitions if partition.behind]
    times = [partition.oldest for partition in behind if partition.oldest is not None]
    return _Sum(len(partitions), sum(partition.behind for partition in behind), min(times, default=None))
