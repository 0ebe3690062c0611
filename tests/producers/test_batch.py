"""How messages of one moment travel: against a real Kafka."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
from kafka import KafkaAdminClient, KafkaConsumer, TopicPartition
from kafka.admin import NewTopic
from parts import until

from runwire.shipper.link import Link
from runwire.shipper.partitions import home
from runwire.wire.frames import RECORD_BYTES_MAX
from runwire_faust.message import unpack

_PARTITIONS = 3


@pytest.fixture
def topic(kafka: str) -> str:
    """A topic of the test's own."""
    name = f"test-{uuid.uuid4().hex[:8]}"
    with closing(KafkaAdminClient(bootstrap_servers=kafka)) as admin:
        admin.create_topics([NewTopic(name, _PARTITIONS, 1)])
    return name


@pytest.fixture
def link(kafka: str) -> Iterator[Link]:
    link = Link(kafka)
    until(lambda: link.ready, "connected")
    yield link
    link.close(5)


def _records(kafka: str, topic: str) -> list[Any]:
    places = [TopicPartition(topic, number) for number in range(_PARTITIONS)]
    with closing(KafkaConsumer(bootstrap_servers=kafka)) as consumer:
        consumer.assign(places)
        consumer.seek_to_beginning(*places)
        ends = consumer.end_offsets(places)
        found: list[Any] = []
        while any(consumer.position(place) < end for place, end in ends.items()):
            for records in consumer.poll(500).values():
                found += records
        return found


def _send(link: Link, topic: str, messages: list[tuple[str, bytes]]) -> None:
    batches = [link.send("urgent", topic, key.encode(), value) for key, value in messages]
    link.flush("urgent")
    until(lambda: link.settle("urgent") or all(batch.acknowledged for batch in batches), "acknowledged")


def test_small_messages_of_one_moment_share_a_record_a_partition(kafka: str, link: Link, topic: str) -> None:
    """Each comes out with its key, where its key belongs, and behind what was sent of its key before."""
    messages = [(f"run-{number % 40}", b"%d" % number) for number in range(1000)]
    _send(link, topic, messages)
    records = _records(kafka, topic)
    assert len(records) == _PARTITIONS
    arrived, refused = unpack(records)
    assert not refused
    assert len(arrived) == len(messages)
    for run in range(40):
        key = f"run-{run}".encode()
        mine = [message for message in arrived if message.key == key]
        assert [message.value for message in mine] == [value for name, value in messages if name.encode() == key]
        assert {message.partition for message in mine} == {home(key, _PARTITIONS)}


def test_a_message_that_is_alone_is_a_record_with_its_key(kafka: str, link: Link, topic: str) -> None:
    _send(link, topic, [("run", b"alone")])
    [record] = _records(kafka, topic)
    assert (record.key, record.value, record.partition) == (b"run", b"alone", home(b"run", _PARTITIONS))


def test_messages_too_large_to_share_a_record_stay_in_order(kafka: str, link: Link, topic: str) -> None:
    """No record is larger than Kafka takes, and a large message does not pass the small ones before it."""
    sizes = [10, RECORD_BYTES_MAX, 10, 20, RECORD_BYTES_MAX // 2, RECORD_BYTES_MAX // 2, 30, RECORD_BYTES_MAX - 10]
    messages = [("run", bytes([number]) * size) for number, size in enumerate(sizes)]
    _send(link, topic, messages)
    records = _records(kafka, topic)
    assert [message.value for message in unpack(records)[0]] == [value for _, value in messages]
    assert max(len(record.value) for record in records) <= RECORD_BYTES_MAX
    assert len(records) < len(messages)


def test_a_batch_that_kafka_does_not_take_breaks_the_link(link: Link) -> None:
    """Whoever sent goes back to what was acknowledged: nothing of it counts as delivered."""
    batch = link.send("urgent", "no topic can have such a name", b"run", b"value")
    link.flush("urgent")
    until(lambda: link.settle("urgent") or link.broken, "the link is broken")
    assert not batch.acknowledged
    assert not link.ready
    assert link.problem is not None
    assert "a record was not taken" in link.problem
