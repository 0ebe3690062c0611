"""Reading records of a topic and showing them. Nothing is marked as read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import datetime, timezone
from typing import Any

from kafka import KafkaConsumer, TopicPartition
from kafka.errors import KafkaError

from runwire.errors import UnavailableError, UsageError, WireError
from runwire.wire import METRICS, decode, is_bundle, loads, unbundle

_PATIENCE_MS = 10_000
_TEXT_MAX = 2_000


class Reader:
    """A consumer of one topic, without a group.

    Attributes:
        starts, ends: by partition, the first offset there is, and the one behind the last.
    """

    def __init__(self, kafka: str, topic: str, consumer: KafkaConsumer) -> None:
        self._kafka, self._topic, self._consumer = kafka, topic, consumer
        partitions = [TopicPartition(topic, number) for number in consumer.partitions_for_topic(topic) or ()]
        if not partitions:
            known = ", ".join(sorted(name for name in consumer.topics() if not name.startswith("_")))
            raise UsageError(f"Kafka at {kafka} has no topic {topic}: it has {known or 'none'}")
        consumer.assign(partitions)
        self.starts: dict[TopicPartition, int] = consumer.beginning_offsets(partitions)
        self.ends: dict[TopicPartition, int] = consumer.end_offsets(partitions)

    def read(self, starts: Mapping[TopicPartition, int], ends: Mapping[TopicPartition, int]) -> Iterator[Any]:
        """Yield the records from ``starts`` up to ``ends``, those of one partition in order.

        Raises:
            UnavailableError: Kafka stops sending.
        """
        left = {partition for partition, start in starts.items() if start < ends[partition]}
        self._consumer.assign(list(left))
        for partition in left:
            self._consumer.seek(partition, starts[partition])
        while left:
            batches = self._consumer.poll(timeout_ms=_PATIENCE_MS)
            if not batches:
                raise UnavailableError(f"Kafka at {self._kafka} sends nothing of {self._topic}: see `runwire status`")
            for partition, batch in batches.items():
                yield from (record for record in batch if record.offset < ends[partition])
            left = {partition for partition in left if self._consumer.position(partition) < ends[partition]}


@contextmanager
def reading(kafka: str, topic: str) -> Iterator[Reader]:
    """Open a topic for reading.

    Raises:
        UsageError: there is no such topic.
        UnavailableError: Kafka does not answer.
    """
    try:
        consumer = KafkaConsumer(
            bootstrap_servers=kafka,
            bootstrap_timeout_ms=_PATIENCE_MS,
            client_id="runwire-peek",
            enable_auto_commit=False,
            group_id=None,
            allow_auto_create_topics=False,
        )
    except (KafkaError, OSError, ValueError) as error:
        raise UnavailableError(f"Kafka at {kafka} does not answer ({error}): see `runwire status`") from error
    try:
        yield Reader(kafka, topic, consumer)
    except KafkaError as error:
        raise UnavailableError(f"Kafka at {kafka} stopped answering ({error}): see `runwire status`") from error
    finally:
        consumer.close()


def newest(kafka: str, topic: str, count: int) -> list[Any]:
    """Return the newest ``count`` messages of a topic, oldest first, as Kafka has records.

    Raises:
        UsageError: there is no such topic.
        UnavailableError: Kafka does not answer.
    """
    with reading(kafka, topic) as reader:
        starts = {place: max(start, reader.ends[place] - count) for place, start in reader.starts.items()}
        found = list(reader.read(starts, reader.ends))
    found.sort(key=lambda record: (record.timestamp, record.partition, record.offset))
    return [message for record in found for message in _messages(record)][-count:]


def _messages(record: Any) -> list[Any]:
    """Return what a record says: itself, or the messages of a bundle, each as if it had come alone."""
    if record.value is not None and is_bundle(record.value):
        with suppress(WireError):
            return [record._replace(key=key, value=value) for key, value in unbundle(record.value)]
    return [record]


def readable(record: Any) -> dict[str, Any]:
    """Return a record as plain data, its value decoded as far as it can be."""
    return {
        "topic": record.topic,
        "partition": record.partition,
        "offset": record.offset,
        "time": datetime.fromtimestamp(record.timestamp / 1000, timezone.utc).isoformat(timespec="milliseconds"),
        "key": text(record.key),
        "headers": {name: text(value) for name, value in record.headers or ()},
        "value": _value(record.topic, record.value),
    }


def _value(topic: str, value: bytes | None) -> Any:
    if value is None:
        return None
    try:
        return decoded(topic, value)
    except WireError:
        return text(value)


def decoded(topic: str, value: bytes) -> Any:
    """Return what a value says, as plain data; of metrics, what there is of them.

    Raises:
        WireError: it is not what the topic holds.
    """
    if topic != METRICS:
        return loads(value)
    run, rank, frames = decode(value)
    return {
        "run": run,
        "rank": rank,
        "rows": sum(frame.count for frame in frames),
        "metrics": sorted({key for frame in frames for key in frame.keys}),
        "bytes": len(value),
    }


def text(value: bytes | None) -> str | None:
    """Return bytes as text, what is none of it escaped, and what is long cut."""
    if value is None:
        return None
    whole = value.decode(errors="backslashreplace")
    return whole if len(whole) <= _TEXT_MAX else f"{whole[:_TEXT_MAX]} … ({len(value)} bytes)"
