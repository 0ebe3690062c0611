"""Topics that are given more partitions while workers and producers run."""

from __future__ import annotations

import contextlib
import itertools
import signal
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import feed
import pytest
from aiokafka.partitioner import DefaultPartitioner as Workers
from feed import Log, Store, Worker
from hypothesis import given
from hypothesis import strategies as st
from kafka import KafkaConsumer, TopicPartition
from parts import until
from relay import relay

from runwire.shipper.partitions import home as shippers
from runwire.wire import METRICS
from runwire_faust.strays import home
from runwire_server.local import topics

StartWorker = Callable[..., Worker]


@pytest.fixture
def start_worker(own_kafka: str, clickhouse: str, tmp_path: Path) -> Iterator[StartWorker]:
    """Starts workers on a Kafka of the test's own: ``start_worker(slot)``; those of one slot succeed each other.

    A worker finds ClickHouse at ``url``, if that is given.
    """
    with contextlib.ExitStack() as stack:
        yield lambda slot="a", url=clickhouse: stack.enter_context(
            feed.running(own_kafka, url, tmp_path / slot, tmp_path / f"{slot}.log")
        )


def _acknowledged(kafka: str, partitions: int) -> int:
    """Return of how many partitions, of so many, the group's offset is the end."""
    places = [TopicPartition(METRICS, number) for number in range(partitions)]
    consumer = KafkaConsumer(bootstrap_servers=kafka, group_id="runwire.stream", enable_auto_commit=False)
    try:
        ends = consumer.end_offsets(places)
        return sum((consumer.committed(place) or 0) >= ends[place] for place in places)
    finally:
        consumer.close()


@given(st.binary(max_size=80), st.integers(1, 64))
def test_everybody_puts_a_key_into_the_same_partition(key: bytes, partitions: int) -> None:
    """Shippers, the Kafka client of the workers, and what is called a key's home."""
    assert home(key, partitions) == shippers(key, partitions)
    assert home(key, partitions) == Workers()(key, list(range(partitions)), [])


def test_points_and_rollups_stay_exact_while_topics_grow(
    own_kafka: str, clickhouse: str, start_worker: StartWorker, tmp_path: Path
) -> None:
    """4 to 7 to 9 partitions under two workers, one killed in the middle: producers that know of it and such that do
    not, late rows, and a backlog in old partitions: points and rollups equal brute force.
    """
    logs = [Log(f"grows-{number}", own_kafka) for number in range(10)]
    steps = itertools.count()

    def send(parts: int) -> None:
        for part in itertools.islice(steps, parts):
            for log in logs:
                start = part * 40
                log.send(range(start - 15, start + 40))  # the first are late: they replace what was sent before

    first = start_worker("a")
    start_worker("b")
    send(10)
    topics.expand(own_kafka, 7)
    send(10)
    for log in logs[::2]:
        log.renew()
    send(10)
    until(lambda: "strays" in (tmp_path / "a.log").read_text() + (tmp_path / "b.log").read_text(), "strays sent home")
    send(10)
    first.kill()
    send(10)
    topics.expand(own_kafka, 9)
    for log in logs[1::3]:
        log.renew()
    send(10)
    start_worker("a")
    send(10)
    for log in logs:
        log.close()
    Store(clickhouse).check(*logs)
    until(lambda: _acknowledged(own_kafka, 9) == 9, "all of it acknowledged")


def test_rows_in_a_partition_that_their_key_has_left_are_handled_by_its_owner(
    own_kafka: str, clickhouse: str, start_worker: StartWorker
) -> None:
    """A producer that knows of no new partitions sends a run's rows where another worker reads, while the run's owner
    holds their bucket open: they are in the bucket when it closes.
    """
    topics.expand(own_kafka, 5)
    start_worker("a")
    start_worker("b")  # of the five partitions three are the one's, two the other's
    names = [name for name in map("left-{}".format, range(60)) if _home(name, 4) <= 2 < _home(name, 5)]
    logs = [Log(name, own_kafka) for name in names]
    store = Store(clickhouse)
    for steps, old in ((range(20), False), (range(20, 40), True), (range(40, 200), False)):
        for log in logs:
            log.send(steps, partition=_home(log.run, 4) if old else None)
        for log in logs:
            log.flush()
            until(partial(store.caught_up, log), "stored")
    for log in logs:
        log.close()
    store.check(*logs)


def _home(run: str, partitions: int) -> int:
    return home(f"{run}/0".encode(), partitions)


def test_new_partitions_are_read_though_the_groups_leader_was_started_anew(
    own_kafka: str, clickhouse: str, start_worker: StartWorker
) -> None:
    """A worker that comes back under its name is given its partitions without leading an assignment."""
    start_worker().kill()
    start_worker()
    topics.expand(own_kafka, 5)
    name = next(name for name in map("new-{}".format, itertools.count()) if _home(name, 5) == 4)
    log = Log(name, own_kafka)
    log.send(range(300))
    log.close()
    Store(clickhouse).check(log)


def test_a_batch_that_is_being_stored_when_partitions_change_hands_is_not_acknowledged_by_who_had_them(
    own_kafka: str, clickhouse: str, start_worker: StartWorker
) -> None:
    """A second worker joins while the first one's insert hangs, and takes over half of the partitions. What the first
    stores then of all four it acknowledges of none: it reads what is still its own again. All is there, once.
    """
    names = [
        next(name for name in map("hands-{}".format, itertools.count()) if _home(name, 4) == at) for at in range(4)
    ]
    logs = [Log(name, own_kafka) for name in names]

    def send(steps: range) -> None:
        for log in logs:
            log.send(steps)
        for log in logs:
            log.flush()

    with relay(clickhouse) as way:
        start_worker("a", way.url)
        send(range(100))
        until(lambda: _acknowledged(own_kafka, 4) == 4, "the first part acknowledged")
        way.hold(b"INSERT INTO runwire.stored_points")
        send(range(100, 300))
        way.wait()
        start_worker("b")
        until(lambda: _acknowledged(own_kafka, 4) == 2, "the second worker's half acknowledged")
        way.hold(b"SELECT")  # the batch is inserts alone; the next one begins with reading back what others may know
        way.wait()
        time.sleep(3)  # three times the commit interval: what was acknowledged by mistake is committed by now
        assert _acknowledged(own_kafka, 4) == 2
        way.hold(None)
        send(range(300, 400))
        until(lambda: _acknowledged(own_kafka, 4) == 4, "all of it acknowledged")
    for log in logs:
        log.close()
    Store(clickhouse).check(*logs)


def test_a_worker_that_is_frozen_while_topics_grow_loses_and_doubles_nothing(
    own_kafka: str, clickhouse: str, start_worker: StartWorker
) -> None:
    """It wakes to records in partitions that it did not know of, of runs whose last records lie in the old ones."""
    logs = [Log(f"frozen-{number}", own_kafka) for number in range(8)]
    worker = start_worker()
    store = Store(clickhouse)
    for log in logs:
        log.send(range(100))
    for log in logs:
        until(partial(store.caught_up, log), "stored")
    worker.process.send_signal(signal.SIGSTOP)
    for log in logs:
        log.send(range(90, 200))  # the first are late: they replace what was sent before
        log.flush()
    topics.expand(own_kafka, 7)
    for log in logs[::2]:
        log.renew()
    for log in logs:
        log.send(range(190, 300))
        log.flush()
    worker.process.send_signal(signal.SIGCONT)
    for log in logs:
        log.send(range(290, 400))
        log.close()
    store.check(*logs)
    until(lambda: _acknowledged(own_kafka, 7) == 7, "all of it acknowledged")
