"""The console's record on its way to Kafka: in pieces, behind a killed writer's, and when too much of it waits."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from kafka import KafkaConsumer, TopicPartition
from parts import until

from runwire.console import record
from runwire.console.record import Counts, Record, segment_name, segments
from runwire.shipper.console import Console
from runwire.shipper.link import Link
from runwire.spool import Meta, Position
from runwire.wire import CONSOLE, ConsoleLine, ConsoleLines
from runwire_faust.message import unpack

META = Meta("r", 0, 1_700_000_000, "p", "n", "h", 1, 1)


@pytest.fixture
def link(kafka: str) -> Iterator[Link]:
    """A connection to Kafka."""
    made = Link(kafka)
    until(lambda: made.ready, "connected")
    yield made
    made.close(5)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path


def _deliver(folder: Path, link: Link) -> Console:
    """Deliver what is there, of a run that has ended."""
    lane = Console(folder, META, Position(0, 0), link)

    def done() -> bool:
        lane.step(time.monotonic(), ended=True)
        link.flush("bulk")
        return lane.done

    until(done, "all is delivered")
    return lane


def _arrived(kafka: str, run: str) -> list[ConsoleLine]:
    """All lines of a run that Kafka has, in order."""
    consumer = KafkaConsumer(bootstrap_servers=kafka, group_id=None, auto_offset_reset="earliest")
    partitions = [TopicPartition(CONSOLE, number) for number in consumer.partitions_for_topic(CONSOLE) or ()]
    consumer.assign(partitions)
    ends = consumer.end_offsets(partitions)
    found: list[ConsoleLine] = []
    while any(consumer.position(partition) < ends[partition] for partition in partitions):
        for records in consumer.poll(timeout_ms=100).values():
            for message in unpack(records)[0]:
                if (message.key or b"").startswith(f"{run}/".encode()):
                    found += ConsoleLines.parse(message.value or b"").lines
    consumer.close()
    return found


def _write(writer: Record, texts: list[str], first: int = 0) -> None:
    for n, text in enumerate(texts, first):
        writer.add(n, "stdout", n, text)
    writer.flush(time.monotonic())


def test_lines_go_on_behind_what_a_killed_writer_left_half(folder: Path, kafka: str, link: Link) -> None:
    """Half a line at the end of a file is passed over, once another writer goes on, and damage in it likewise."""
    meta, counts = META, Counts()
    _write(Record(str(folder), counts), ["a", "b"])
    with (folder / segment_name(0)).open("ab") as file:
        file.write(b'damage\n[2, 2, "std')
    _write(Record(str(folder), counts), ["c"], 2)
    assert segments(folder) == [0, 1]
    lane = _deliver(folder, link)
    assert [(line.record, line.text) for line in _arrived(kafka, meta.run)[-3:]] == [(0, "a"), (1, "b"), (2, "c")]
    assert lane.delivered == Position(1, (folder / segment_name(1)).stat().st_size)


def test_the_oldest_but_the_first_goes_when_too_much_waits(
    folder: Path, kafka: str, link: Link, monkeypatch: pytest.MonkeyPatch
) -> None:
    """How a run began and what it said last is looked for; a reader goes on with what is left."""
    monkeypatch.setattr(record, "SEGMENT_BYTES", 1000)
    writer = Record(str(folder), Counts())
    for n in range(100):
        _write(writer, ["x" * 400], n)
    assert len(segments(folder)) == record.SEGMENTS_MAX
    _deliver(folder, link)
    numbers = [line.n for line in _arrived(kafka, META.run) if line.text == "x" * 400]
    assert numbers == [0, 1, *range(100 - 2 * (record.SEGMENTS_MAX - 1), 100)]


def test_the_lane_is_live_while_somebody_may_still_print(folder: Path, link: Link) -> None:
    """A run that has finished is delivered all the same; what a child prints afterwards follows."""
    lock = os.open(folder / record.LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    fcntl.flock(lock, fcntl.LOCK_EX)
    lane = _deliver(folder, link)
    assert lane.live
    _write(Record(str(folder), Counts()), ["late"])
    os.close(lock)

    def caught_up() -> bool:
        lane.step(time.monotonic(), ended=True)
        link.flush("bulk")
        return not lane.live and lane.done and lane.delivered > Position(0, 0)

    until(caught_up, "the late line is delivered")
