"""Records that lie in a partition where their key no longer belongs, because their topic was given more partitions.

Were they handled where they lie, two workers would handle the same key at the same time: one its old records, the
other its new ones, neither knowing of the other's. So they are sent to where their key belongs now, and only its owner
handles them. They come there later than they were written, which no reader of ours minds.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import structlog
from aiokafka.errors import MessageSizeTooLargeError
from aiokafka.partitioner import murmur2

from runwire_faust.app import producer
from runwire_faust.partitions import Partitions

_KEYS_MAX = 1 << 16
_RETRY_SECONDS = 0.1
_TOO_LARGE = "it is in another partition than its key's, and too large to be sent there"

_log = structlog.get_logger(__name__)


@lru_cache(_KEYS_MAX)
def home(key: bytes, partitions: int) -> int:
    """Return the partition, of so many, in which Kafka's default partitioner puts what has this key."""
    return int(murmur2(key) & 0x7FFFFFFF) % partitions


class Strays:
    """Finds strays of some topics, and sends them home.

    How many partitions there are is asked once for each assignment, by whoever first needs it, so after the assignment:
    when a new partition has been given to anybody, everybody knows of it before handling anything more. Records
    without a key belong where they are.
    """

    def __init__(self, app: Any, partitions: Partitions, topics: Sequence[str]) -> None:
        self._app = app
        self._partitions = partitions
        self._topics = frozenset(topics)
        self._counts: dict[str, int] = {}
        self._generation: int | None = None

    async def counts(self) -> dict[str, int]:
        """Return how many partitions the app's topics had at the present assignment."""
        generation = self._app.consumer_generation_id
        if generation != self._generation:
            self._counts = await self._partitions.count()
            while any(place.partition >= self._counts.get(place.topic, 0) for place in self._app.consumer.assignment()):
                await asyncio.sleep(_RETRY_SECONDS)  # the broker that answered has yet to hear of what was assigned
                self._counts = await self._partitions.count()
            self._generation = generation
        return self._counts

    async def find(self, messages: Sequence[Any]) -> list[Any]:
        """Return those of Faust's messages that are strays."""
        counts = await self.counts()
        return [message for message in messages if self._home(message, counts) != message.partition]

    async def send_home(self, strays: Sequence[Any]) -> list[tuple[Any, str]]:
        """Publish strays to where they belong, and return when all are there: only then may they be acknowledged.

        Returns:
            Those that Kafka takes no more, each with the reason.
        """
        if not strays:
            return []
        counts = await self.counts()
        kafka = await producer(self._app)
        topics = sorted({message.topic for message in strays})
        for topic in topics:
            while len(await kafka.partitions_for(topic)) < counts[topic]:
                await kafka.client.force_metadata_update()
                await asyncio.sleep(_RETRY_SECONDS)
        _log.info("strays", records=len(strays), topics=topics)
        sent = await asyncio.gather(*(self._send(kafka, message, self._home(message, counts)) for message in strays))
        return [(message, _TOO_LARGE) for message, there in zip(strays, sent, strict=True) if not there]

    async def _send(self, kafka: Any, message: Any, partition: int) -> bool:
        """Publish a record as it is, and return whether Kafka took it; it was smaller if it was compressed."""
        try:
            await kafka.send_and_wait(
                message.topic,
                value=message.value,
                key=message.key,
                partition=partition,
                timestamp_ms=message.timestamp and round(message.timestamp * 1000),
                headers=message.headers,
            )
        except MessageSizeTooLargeError:
            return False
        return True

    def _home(self, message: Any, counts: dict[str, int]) -> int:
        if message.key is None or message.topic not in self._topics:
            return int(message.partition)
        return home(message.key, counts[message.topic])
