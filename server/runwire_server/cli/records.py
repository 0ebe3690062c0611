"""Reading a few records of a topic and showing them."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

from kafka import KafkaConsumer, TopicPartition
from kafka.errors import KafkaError

from runwire.errors import UnavailableError, UsageError, WireError
from runwire.wire import METRICS, decode, loads

_PATIENCE_MS = 10_000
_TEXT_MAX = 2_000


def newest(kafka: str, topic: str, count: int) -> list[Any]:
    """Return the newest ``count`` records of a topic, oldest first. Nothing is marked as read.

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
        partitions = [TopicPartition(topic, number) for number in consumer.partitions_for_topic(topic) or ()]
        if not partitions:
            known = ", ".join(sorted(name for name in consumer.topics() if not name.startswith("_")))
            raise UsageError(f"Kafka at {kafka} has no topic {topic}: it has {known or 'none'}")
        consumer.assign(partitions)
        ends = consumer.end_offsets(partitions)
        starts = consumer.beginning_offsets(partitions)
        for partition in partitions:
            consumer.seek(partition, max(starts[partition], ends[partition] - count))
        found: list[Any] = []
        while any(consumer.position(partition) < ends[partition] for partition in partitions):
            batches = consumer.poll(timeout_ms=_PATIENCE_MS)
            if not batches:
                raise UnavailableError(f"Kafka at {kafka} sends nothing of {topic}: see `runwire status`")
            found += [record for batch in batches.values() for record in batch]
    except KafkaError as error:
        raise UnavailableError(f"Kafka at {kafka} stopped answering ({error}): see `runwire status`") from error
    finally:
        consumer.close()
    return sorted(found, key=lambda record: (record.timestamp, record.partition, record.offset))[-count:]


def readable(record: Any) -> dict[str, Any]:
    """Return a record as plain data, its value decoded as far as it can be."""
    return {
        "topic": record.topic,
        "partition": record.partition,
        "offset": record.offset,
        "time": datetime.fromtimestamp(record.timestamp / 1000, timezone.utc).isoformat(timespec="milliseconds"),
        "key": _text(record.key),
        "headers": {name: _text(value) for name, value in record.headers or ()},
        "value": _value(record.topic, record.value),
    }


def _value(topic: str, value: bytes | None) -> Any:
    if value is None:
        return None
    try:
        if topic != METRICS:
            return loads(value)
        run, rank, frames = decode(value)
    except WireError:
        return _text(value)
    return {
        "run": run,
        "rank": rank,
        "rows": sum(frame.count for frame in frames),
        "metrics": sorted({key for frame in frames for key in frame.keys}),
        "bytes": len(value),
    }


def _text(value: bytes | None) -> str | None:
    if value is None:
        return None
    text = value.decode(errors="backslashreplace")
    return text if len(text) <= _TEXT_MAX else f"{text[:_TEXT_MAX]} … ({len(value)} bytes)"
