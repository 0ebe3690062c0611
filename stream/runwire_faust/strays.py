"""Messages that lie in a partition where their key no longer belongs, for their topic was given more partitions.

Were they handled where they lie, two workers would handle the same key at the same time: one its old records, the
other its new ones, neither knowing of the other's. So they are sent to where their key belongs now, as records of their
own, and only its owner handles them. They come there later than they were written, which no reader of ours minds.
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
from runwire_faust.message import Message
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

    How many partitions there are, by which homes are told, comes with an assignment and is the same for all members.
    """

    def __init__(self, app: Any, partitions: Partitions, topics: Sequence[str]) -> None:
        self._app = app
        self._partitions = partitions
        self._topics = frozenset(topics)

    def is_one(self, message: Message) -> bool:
        """Return whether a message is a stray."""
        return self._home(message) != message.partition

    async def send_home(self, strays: Sequence[Message]) -> list[tuple[Message, str]]:
        """Publish strays to where they belong, and return when all are there: only then may they be acknowledged.

        Returns:
            Those that Kafka takes no more, each with the reason.
        """
        if not strays:
            return []
        kafka = await producer(self._app)
        topics = sorted({message.topic for message in strays})
        for topic in topics:
            while len(await kafka.partitions_for(topic)) < self._partitions.counts[topic]:
                await kafka.client.force_metadata_update()
                await asyncio.sleep(_RETRY_SECONDS)
        _log.info("strays", records=len(strays), topics=topics)
        sent = [
            await kafka.send(
                message.topic,
                value=message.value,
                key=message.key,
                partition=self._home(message),
                headers=message.headers or None,
            )
            for message in strays
        ]
        refused = []
        for message, future in zip(strays, sent, strict=True):
            try:
                await future
            except MessageSizeTooLargeError:  # noqa: PERF203 -- one record's; compressed, it was smaller
                refused.append((message, _TOO_LARGE))
        return refused

    def _home(self, message: Message) -> int:
        if message.key is None or message.topic not in self._topics:
            return message.partition
        return home(message.key, self._partitions.counts[message.topic])
