"""Messages of one moment on their way to Kafka: in as few records as may be, and with one fate."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import Any

from kafka import KafkaProducer
from kafka.errors import KafkaError

from runwire.shipper.partitions import home
from runwire.wire import bundle
from runwire.wire.bundles import MESSAGE_BYTES
from runwire.wire.frames import RECORD_BYTES_MAX


class Batch:
    """Messages in the order in which they are to arrive; they are sent together.

    Attributes:
        at: when it was begun, by the monotonic clock.
        size: bytes of its messages.
        rows: rows that they hold.
        records: as how many records they were sent.
        acknowledged: whether Kafka has all of it, as of the last `settle`.
        failure: why it never will, None while that is not known.
    """

    __slots__ = ("_futures", "_messages", "_sent", "acknowledged", "at", "failure", "records", "rows", "size")

    def __init__(self) -> None:
        self.at = time.monotonic()
        self.size = self.rows = self.records = 0
        self.acknowledged = False
        self.failure: BaseException | None = None
        self._messages: list[tuple[str, bytes, bytes]] = []
        self._futures: list[Any] = []
        self._sent = False

    def add(self, topic: str, key: bytes, value: bytes, rows: int) -> None:
        """Take in a message behind the others."""
        self._messages.append((topic, key, value))
        self.size += len(value)
        self.rows += rows

    def send(self, producer: KafkaProducer) -> None:
        """Hand all of it to the producer; it does not wait for the broker. A failure is the batch's."""
        messages, self._messages, self._sent = self._messages, [], True
        places: dict[tuple[str, int], list[tuple[bytes, bytes]]] = {}
        counts: dict[str, int] = {}
        try:
            for topic, key, value in messages:
                if topic not in counts:
                    counts[topic] = len(producer.partitions_for(topic))
                places.setdefault((topic, home(key, counts[topic])), []).append((key, value))
            for (topic, partition), there in places.items():
                for key_, value in _records(there):
                    self._futures.append(producer.send(topic, value=value, key=key_, partition=partition))
                    self.records += 1
        except (KafkaError, OSError, ValueError, AssertionError) as error:
            self.failure = error

    def settle(self) -> bool:
        """Return whether its fate is known."""
        while self._futures and self._futures[-1].is_done:
            self.failure = self._futures.pop().exception or self.failure
        self.acknowledged = self._sent and not self._futures and self.failure is None
        return self.acknowledged or self.failure is not None


def _records(messages: Sequence[tuple[bytes, bytes]]) -> Iterator[tuple[bytes | None, bytes]]:
    """Yield key and value of the records that carry messages of one partition, in order."""
    start = size = 0
    for index, (key, value) in enumerate(messages):
        added = MESSAGE_BYTES + len(key) + len(value)
        if index > start and size + added > RECORD_BYTES_MAX:
            yield _record(messages[start:index])
            start, size = index, 0
        size += added
    yield _record(messages[start:])


def _record(messages: Sequence[tuple[bytes, bytes]]) -> tuple[bytes | None, bytes]:
    # One that is alone says by its key what it is about, to Kafka and to everybody who looks.
    return messages[0] if len(messages) == 1 else (None, bundle(messages))
