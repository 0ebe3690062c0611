"""Many unreadable records, and very large ones."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

import feed
import pytest
from feed import Log, Store, Worker
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import ConfigResource, ConfigResourceType
from kafka.consumer.fetcher import ConsumerRecord
from parts import PATIENCE, until

from runwire.errors import ConfigError
from runwire.wire import DEAD_LETTER, METRICS
from runwire_faust.flood import Flood, Limits, limits

StartWorker = Callable[..., Worker]


@pytest.fixture
def start_worker(own_kafka: str, clickhouse: str, tmp_path: Path) -> Iterator[StartWorker]:
    """Starts workers on a Kafka of the test's own, each the last one's successor: ``start_worker(RUNWIRE_…="…")``."""
    with contextlib.ExitStack() as stack:
        yield lambda **env: stack.enter_context(
            feed.running(own_kafka, clickhouse, tmp_path / "worker", tmp_path / "worker.log", env=env)
        )


def _send(kafka: str, count: int, value: bytes = b"no frame", key: bytes = b"k") -> None:
    producer = KafkaProducer(bootstrap_servers=kafka, acks="all", max_request_size=4 << 20)
    for _ in range(count):
        producer.send(METRICS, key=key, value=value)
    producer.close()


def _letters(kafka: str) -> list[ConsumerRecord]:
    consumer = KafkaConsumer(bootstrap_servers=kafka, auto_offset_reset="earliest", enable_auto_commit=False)
    place = TopicPartition(DEAD_LETTER, 0)
    try:
        consumer.assign([place])
        end, found = consumer.end_offsets([place])[place], []
        while consumer.position(place) < end:
            found += consumer.poll(500).get(place, [])
        return found
    finally:
        consumer.close()


def test_a_flood_stops_the_worker_again_and_again_and_stays_in_kafka(
    own_kafka: str, clickhouse: str, start_worker: StartWorker
) -> None:
    """Few are put aside, then the worker ends with 78 and says why and what to do; started anew it puts aside none."""
    log = Log("flood", own_kafka)
    log.send(range(100))
    log.flush()
    _send(own_kafka, 5)
    worker = start_worker()
    until(lambda: len(_letters(own_kafka)) == 5, "a few put aside")
    _send(own_kafka, 400)
    assert worker.process.wait(PATIENCE) == 78
    put_aside = len(_letters(own_kafka))
    assert 5 <= put_aside < 100
    for _ in range(2):
        worker = start_worker()
        assert worker.process.wait(PATIENCE) == 78
    assert len(_letters(own_kafka)) == put_aside
    said = worker.log.read_text()
    assert "a flood of unreadable records" in said
    for word in (METRICS, "no metric record", "RUNWIRE_UNREADABLE_SHARE_MAX=1"):
        assert word in said

    log.send(range(100, 200))
    log.close()
    start_worker(RUNWIRE_UNREADABLE_SHARE_MAX="1")
    Store(clickhouse).check(log)
    until(lambda: len({_origin(letter) for letter in _letters(own_kafka)}) == 405, "all put aside, as was asked")


def _origin(letter: ConsumerRecord) -> tuple[bytes, bytes]:
    headers = dict(letter.headers)
    return headers["partition"], headers["offset"]


def test_one_bad_producer_among_good_ones_stops_nothing(
    own_kafka: str, clickhouse: str, start_worker: StartWorker
) -> None:
    """More unreadable records than the least count, but less than the share: all are put aside, all else is stored."""
    log = Log("healthy", own_kafka)
    start_worker()
    for start in range(0, 300, 2):
        log.send([start])
        log.send([start + 1])
        _send(own_kafka, 1)
    log.close()
    Store(clickhouse).check(log)
    until(lambda: len(_letters(own_kafka)) == 150, "all put aside")


@pytest.mark.parametrize(("key", "value"), [(b"k", 300_000), (b"k" * 400_000, 0), (b"k" * 300_000, 300_000)])
def test_a_record_that_the_dead_letters_do_not_take_is_cut(
    own_kafka: str, clickhouse: str, start_worker: StartWorker, key: bytes, value: int
) -> None:
    """A large value, a large key, both: the worker goes on, and the beginning is there with the lengths of both."""
    admin = KafkaAdminClient(bootstrap_servers=own_kafka)
    admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, DEAD_LETTER, {"max.message.bytes": "50000"})])
    admin.close()
    _send(own_kafka, 1, b"v" * value, key)
    log = Log(f"large-{len(key)}-{value}", own_kafka)
    log.send(range(10))
    log.close()
    start_worker()
    Store(clickhouse).check(log)
    until(lambda: _letters(own_kafka), "put aside")
    [letter] = _letters(own_kafka)
    headers = dict(letter.headers)
    assert (int(headers["cut"]), int(headers["cut-key"])) == (value, len(key))
    assert key.startswith(letter.key)
    assert set(letter.value) <= {ord("v")}
    assert len(letter.key) + len(letter.value) > 1000


def test_what_was_seen_outlives_a_restart_and_is_forgotten_behind_what_is_good(tmp_path: Path) -> None:
    """The share is over what came last, before the restart, too; many readable records after it make it small again."""
    told = Limits(share_max=0.5, count_min=10, window=100)
    flood = Flood(tmp_path / "file", told)
    flood.note(9, 9)
    again = Flood(tmp_path / "file", told)
    assert not again.is_one(0, 1000)
    assert again.is_one(1, 1)
    assert not again.is_one(1, 12)
    again.note(0, 1000)
    assert not again.is_one(9, 9)
    assert not Flood(tmp_path / "file", told).is_one(9, 9)
    assert again.is_one(60, 60)


def test_records_that_were_allowed_to_go_count_no_more_later(tmp_path: Path) -> None:
    """With a share of 1 nothing is a flood, and once that is taken back one bad record is none either.

    Nor do those count that came just before, and were too few yet to stop the worker.
    """
    Flood(tmp_path / "file", Limits()).note(99, 99)
    assert Flood(tmp_path / "file", Limits()).is_one(1, 1)
    Flood(tmp_path / "file", Limits(share_max=1)).note(1, 2)
    assert not Flood(tmp_path / "file", Limits()).is_one(3, 3)
    Flood(tmp_path / "file", Limits(share_max=1)).note(5000, 5000)
    assert not Flood(tmp_path / "file", Limits(share_max=1)).is_one(5000, 5000)
    assert not Flood(tmp_path / "file", Limits()).is_one(1, 1)


def test_a_wrong_limit_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """The variable, its value, and what is wrong with it."""
    monkeypatch.setenv("RUNWIRE_UNREADABLE_SHARE_MAX", "2")
    with pytest.raises(ConfigError, match="RUNWIRE_UNREADABLE_SHARE_MAX is '2'"):
        limits()
