from __future__ import annotations

import contextlib
import signal
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import feed
import psutil
import pytest
from feed import Engine, Log, Store, Worker
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition
from kafka.consumer.fetcher import ConsumerRecord
from kafka.errors import NoError
from parts import until

from runwire.wire import ALERTS, DEAD_LETTER, EVENTS, METRICS, Alert, Event, bundle
from runwire_stream.app import GROUP

StartWorker = Callable[..., Worker]
NewLog = Callable[..., Log]

#: Key and value that a broker takes without being told otherwise: 1 MiB and 12, less what goes around them.
_RECORD_BYTES_MAX = 1_048_490


@pytest.fixture
def start_worker(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[StartWorker]:
    """Starts workers: ``start_worker(kafka, clickhouse, slot="a")``; those of one slot succeed each other.

    Tests share the slots' homes, so the broker sees the next test's worker as the last one's successor and need not
    wait until it misses that.
    """
    homes = tmp_path_factory.getbasetemp() / "workers"
    with contextlib.ExitStack() as stack:
        yield lambda kafka, clickhouse, slot="a": stack.enter_context(
            feed.running(kafka, clickhouse, homes / slot, tmp_path / f"{slot}.log")
        )


@pytest.fixture
def new_log(kafka: str, request: pytest.FixtureRequest) -> NewLog:
    """Makes runs of the test's own: ``new_log(name)``."""
    return lambda name="run", **more: Log(f"{request.node.name[:50]}.{name}", more.pop("kafka", kafka), **more)


def test_what_was_logged_is_stored_and_rolled_up(
    kafka: str, clickhouse: str, start_worker: StartWorker, new_log: NewLog
) -> None:
    """Points equal what was logged and rollups equal brute force, to the bit, over several runs, ranks and levels."""
    logs = [new_log("a"), new_log("b"), new_log("b", rank=7)]
    start_worker(kafka, clickhouse)
    for log in logs:
        for start in range(-200, 3000, 400):
            log.send(range(start, start + 400))
        log.send([20_000, 300_000, 2**40, 2**63 - 1])
        log.close()
    store = Store(clickhouse)
    for run in ("a", "b"):
        mine = [log for log in logs if log.run.endswith(f".{run}")]
        both = Log(mine[0].run, kafka, seq=min(log.seq for log in mine), rows=[row for log in mine for row in log.rows])
        for log in mine:
            until(partial(store.caught_up, log), "stored")
        store.check(both)
        both.close()


def test_late_and_repeated_steps_are_rolled_up_anew(
    kafka: str, clickhouse: str, start_worker: StartWorker, new_log: NewLog
) -> None:
    """A resumed run repeats steps; then comes what its first attempt still had to say: the higher seq holds."""
    log = new_log()
    start_worker(kafka, clickhouse)
    store = Store(clickhouse)
    log.send(range(2000))
    until(lambda: store.caught_up(log), "first attempt stored")
    first, log.seq = log.seq, 1 << 32
    log.send(range(1000, 1500))
    until(lambda: store.caught_up(log), "second attempt stored")
    second, log.seq = log.seq, first
    log.send(range(1200, 2500))
    log.seq = second
    log.send([2600, 5, 3000])
    log.close()
    store.check(log)


def test_killed_workers_lose_and_double_nothing(
    kafka: str, clickhouse: str, start_worker: StartWorker, new_log: NewLog
) -> None:
    """SIGKILL in the middle, again and again, each time with another part of a batch stored."""
    log = new_log()
    for attempt in range(5):
        worker = start_worker(kafka, clickhouse)
        for place in range(20):
            start = (attempt * 20 + place) * 150
            log.send(range(start - 30, start + 150))
            time.sleep(0.003 * attempt)  # the kill is to meet other moments
        worker.kill()
    log.close()
    start_worker(kafka, clickhouse)
    Store(clickhouse).check(log)


def test_a_successor_goes_on_where_the_killed_one_stood(
    kafka: str, clickhouse: str, start_worker: StartWorker, new_log: NewLog
) -> None:
    """Nothing comes again: what the open buckets held is read back from the store, on every level."""
    log = new_log()
    for start, end in ((0, 1_060), (1_060, 17_000), (17_000, 17_010), (17_010, 20_000)):
        worker = start_worker(kafka, clickhouse)
        for at in range(start, end, 500):
            log.send(range(at, min(at + 500, end)))
        log.flush()
        until(partial(_acknowledged, kafka), "all of it acknowledged")
        worker.kill()
    log.close()
    start_worker(kafka, clickhouse)
    Store(clickhouse).check(log)


def _acknowledged(kafka: str) -> bool:
    """Whether the group's offsets are the topic's ends."""
    places = [TopicPartition(METRICS, partition) for partition in range(4)]
    consumer = KafkaConsumer(bootstrap_servers=kafka, group_id=GROUP, enable_auto_commit=False)
    try:
        ends = consumer.end_offsets(places)
        return all((consumer.committed(place) or 0) >= ends[place] for place in places)
    finally:
        consumer.close()


def test_two_workers_share_and_take_over_from_each_other(
    kafka: str, clickhouse: str, start_worker: StartWorker, new_log: NewLog
) -> None:
    """Runs stay exact while a second worker joins, while it is killed, so that its partitions come back to the first,
    and while a third takes over from that.
    """
    logs = [new_log(str(number)) for number in range(8)]
    store = Store(clickhouse)

    def send(part: int) -> None:
        for start in range(part * 1030, part * 1030 + 1030, 103):
            for log in logs:
                log.send(range(start, start + 103))
        for log in logs:
            log.flush()
        until(partial(_acknowledged, kafka), f"part {part} acknowledged")  # so that nothing of it comes again

    first = start_worker(kafka, clickhouse, "a")
    send(0)
    second = start_worker(kafka, clickhouse, "b")
    send(1)
    assert "runwire.metrics" in second.log.read_text(), "the second worker was given no partition"
    second.kill()
    send(2)
    first.kill()
    start_worker(kafka, clickhouse, "c")
    send(3)
    for log in logs:
        log.close()
    store.check(*logs)


def test_nothing_is_acknowledged_before_it_is_stored(
    kafka: str, engine: Engine, start_worker: StartWorker, new_log: NewLog
) -> None:
    """Worker and store die while a batch is on its way between them: it comes again, though offsets were committed."""
    log = new_log()
    worker = start_worker(kafka, engine.url)
    log.send(range(100))
    log.flush()
    until(partial(Store(engine.url).caught_up, log), "stored")
    engine.process.send_signal(signal.SIGSTOP)
    log.send(range(100, 300))
    log.close()
    time.sleep(3)  # three times the commit interval: what was acknowledged by mistake is committed by now
    worker.kill()
    engine.kill()
    engine.start()
    start_worker(kafka, engine.url)
    Store(engine.url).check(log)


def test_reading_all_of_it_again_changes_nothing(
    kafka: str, clickhouse: str, start_worker: StartWorker, new_log: NewLog
) -> None:
    """A group that begins at the beginning writes every row once more, and the store stays as it was."""
    log = new_log()
    worker = start_worker(kafka, clickhouse)
    for start in range(0, 5000, 250):
        log.send(range(start, start + 260))
    log.close()
    store = Store(clickhouse)
    store.check(log)
    worker.stop()
    before = store.client.query("SELECT count() FROM runwire.stored_points").result_rows
    admin = KafkaAdminClient(bootstrap_servers=kafka)
    until(lambda: _forgotten(admin), "the group's offsets deleted")
    admin.close()
    start_worker(kafka, clickhouse)
    until(
        lambda: store.client.query("SELECT count() FROM runwire.stored_points").result_rows != before, "written again"
    )
    log.seq += 1
    log = Log(log.run, kafka, seq=log.seq, rows=log.rows)
    log.send([6000])  # stored behind all the rest
    log.close()
    store.check(log)


def _forgotten(admin: KafkaAdminClient) -> bool:
    """Delete the group's offsets, if the broker no longer counts the stopped worker as its member."""
    places = [TopicPartition(METRICS, partition) for partition in range(4)]
    return set(admin.delete_group_offsets(GROUP, places).values()) == {NoError}


def test_unreadable_records_go_to_the_dead_letters(
    kafka: str, clickhouse: str, start_worker: StartWorker, new_log: NewLog
) -> None:
    """Each comes there as it was, with reason, topic, partition and offset, and what is good around it is stored."""
    log = new_log()
    log.send(range(100))
    frame = b"RWF1" + (10**6).to_bytes(4, "little") + b"{}"
    event = Event("start", "r", 0, 1, 1, {"config": {"lr": 1}}).encode()
    bad = {
        (METRICS, b"no frame"): "no metric record",
        (METRICS, frame): "cut off",
        (METRICS, bytes(1_000_000)): "no metric record",
        (EVENTS, b"{"): "no JSON",
        (EVENTS, event.replace(b'"v":1', b'"v":99')): "version 99",
        (EVENTS, event.replace(b'"seq":1', b'"seq":-1')): "seq is -1",
        (EVENTS, event.replace(b'{"lr":1}', b"[]")): "config is []",
        (EVENTS, b'"text"'): "JSON object",
        (ALERTS, b"[1]"): "JSON object",
    }
    producer = KafkaProducer(bootstrap_servers=kafka, acks="all", max_request_size=2 << 20)
    sent = {}
    for (topic, value), reason in bad.items():
        there = producer.send(topic, key=b"k", value=value).get(30)
        sent[topic, there.partition, there.offset] = value, reason
    producer.close()
    log.send(range(100, 200))
    log.close()
    start_worker(kafka, clickhouse)
    Store(clickhouse).check(log)
    for letter in _dead_letters(kafka):
        told = {name: value.decode() for name, value in letter.headers}
        place = told["topic"], int(told["partition"]), int(told["offset"])
        if place in sent:
            value, reason = sent.pop(place)
            assert (letter.key, letter.value) == (b"k", value)
            assert reason in told["reason"]
        if not sent:
            return
    pytest.fail(f"never buried: {sorted(sent)}")


def test_each_message_of_a_bundle_is_handled_as_if_it_had_come_alone(
    kafka: str, clickhouse: str, start_worker: StartWorker, new_log: NewLog
) -> None:
    """Rows of many runs in one record, of which most belong into other partitions, and one that cannot be read."""
    logs = [new_log(str(number)) for number in range(12)]
    messages = [log.message(range(start, start + 50)) for start in (0, 40, 90) for log in logs]
    bad = messages[0][0], b"nothing readable"
    lies = _send(kafka, bundle([*messages[:20], bad, *messages[20:]]))
    start_worker(kafka, clickhouse)
    letter = next(letter for letter in _dead_letters(kafka) if (letter.key, letter.value) == bad)
    told = {name: value.decode() for name, value in letter.headers}
    assert (told["topic"], int(told["partition"]), int(told["offset"])) == lies
    for log in logs:
        log.close()
    Store(clickhouse).check(*logs)


def test_a_bundle_that_is_not_whole_is_put_aside_as_it_is(
    kafka: str, clickhouse: str, start_worker: StartWorker, new_log: NewLog
) -> None:
    """Nothing of it is stored: where one of its messages ends cannot be told. What comes behind it is."""
    lost, log = new_log("lost"), new_log("kept")
    value = bundle([lost.message(range(10)), lost.message(range(10, 20))])[:-1]
    _send(kafka, value)
    log.send(range(10))
    log.close()
    start_worker(kafka, clickhouse)
    Store(clickhouse).check(log)
    letter = next(letter for letter in _dead_letters(kafka) if letter.value == value)
    assert letter.key is None
    assert b"the bundle's messages end at" in dict(letter.headers)["reason"]
    assert not Store(clickhouse).points(lost.run)


def test_the_largest_record_that_kafka_takes_does_not_stop_the_worker(
    kafka: str, clickhouse: str, start_worker: StartWorker, new_log: NewLog
) -> None:
    """As a dead letter its headers may make it too large: what it began with, and how long it was, is there."""
    log = new_log()
    key = f"{log.run}/0".encode()
    value = log.run.encode().ljust(_RECORD_BYTES_MAX - len(key))
    producer = KafkaProducer(bootstrap_servers=kafka, acks="all", max_request_size=2 << 20)
    producer.send(METRICS, key=key, value=value).get(30)
    producer.close()
    log.send(range(10))
    log.close()
    start_worker(kafka, clickhouse)
    Store(clickhouse).check(log)
    letter = next(letter for letter in _dead_letters(kafka) if letter.value.startswith(log.run.encode()))
    assert letter.value == value[: len(letter.value)]
    assert int(dict(letter.headers).get("cut", len(letter.value))) == len(value)


def _send(kafka: str, value: bytes) -> tuple[str, int, int]:
    """Send a metric record without a key; return where it lies."""
    with contextlib.closing(KafkaProducer(bootstrap_servers=kafka, acks="all")) as producer:
        there = producer.send(METRICS, value=value, partition=1).get(30)
    return there.topic, there.partition, there.offset


def _dead_letters(kafka: str) -> Iterator[ConsumerRecord]:
    consumer = KafkaConsumer(
        DEAD_LETTER,
        bootstrap_servers=kafka,
        auto_offset_reset="earliest",
        enable_auto_commit=False,
        consumer_timeout_ms=60_000,
    )
    with contextlib.closing(consumer):
        yield from consumer


def test_a_store_that_dies_and_comes_back_loses_nothing(
    kafka: str, engine: Engine, start_worker: StartWorker, new_log: NewLog
) -> None:
    """The worker waits, says so once, and goes on when ClickHouse is back; points and rollups are whole."""
    log = new_log()
    worker = start_worker(kafka, engine.url)
    for place in range(60):
        log.send(range(place * 100, place * 100 + 110))
        if place in {15, 35}:
            engine.kill()
        if place in {25, 50}:
            engine.start()
    log.close()
    Store(engine.url).check(log)
    said = worker.log.read_text()
    assert said.count("the store is away") == said.count("the store is back") <= 2
    assert "Traceback" not in said


def test_a_worker_ends_though_the_store_does_not_answer(
    kafka: str, engine: Engine, start_worker: StartWorker, new_log: NewLog
) -> None:
    """SIGTERM ends it with 0 while its insert hangs; what was not stored comes again."""
    log = new_log()
    worker = start_worker(kafka, engine.url)
    log.send(range(100))
    store = Store(engine.url)
    until(lambda: store.caught_up(log), "stored")
    engine.process.send_signal(signal.SIGSTOP)
    log.send(range(100, 200))
    log.close()
    time.sleep(0.5)  # the record is on its way into the hanging store: nothing tells
    assert worker.stop() == 0
    engine.process.send_signal(signal.SIGCONT)
    start_worker(kafka, engine.url)
    store.check(log)


def test_events_and_alerts_are_stored(kafka: str, clickhouse: str, start_worker: StartWorker, new_log: NewLog) -> None:
    """A run's facts come to the view `runs`: nested config by dotted keys, the later state over the earlier."""
    run = new_log().run
    start_worker(kafka, clickhouse)
    producer = KafkaProducer(bootstrap_servers=kafka, acks="all")
    at = 1_700_000_000_000_000
    data = {
        "project": "p",
        "name": "n",
        "host": "h",
        "config": {"opt": {"lr": 0.1}, "a": [1, "Infinity"]},
        "tags": ["t"],
    }
    events = [
        Event("start", run, 0, 1 << 32, at, data),
        Event("summary", run, 0, (1 << 32) + 5, at, {"best": 0.5}),
        Event("finish", run, 0, (1 << 32) + 9, at + 1_000_000, {"exit_code": 1}),
    ]
    for event in events:
        producer.send(EVENTS, key=run.encode(), value=event.encode())
    alert = Alert(
        "id", 1, "firing", "crash", "critical", run, "p", "n", "h", "title", "text", at, 3, before=[(1, float("nan"))]
    )
    producer.send(ALERTS, key=b"id", value=alert.encode())
    producer.close()
    client = Store(clickhouse).client

    def ask(sql: str) -> list[Any]:
        return list(client.query(sql, {"run": run}).result_rows)

    facts = "project, name, toString(config.opt.lr), toString(config.a), toString(summary.best), tags, exit_code"
    facts = f"SELECT {facts} FROM runwire.runs WHERE id = {{run:String}} AND state = 'failed'"
    until(lambda: ask(facts), "the run has failed")
    assert ask(facts) == [("p", "n", "0.1", "[1,'Infinity']", "0.5", ["t"], 1)]
    alerts = "SELECT rule, state, before FROM runwire.alerts WHERE run = {run:String}"
    until(lambda: ask(alerts), "the alert")
    assert ask(alerts) == [("crash", "firing", '[[1,"NaN"]]')]


def test_a_config_that_is_gigabytes_when_flat_is_cut_and_all_else_is_stored(
    kafka: str, clickhouse: str, start_worker: StartWorker, new_log: NewLog
) -> None:
    """A start of a megabyte with a key of 250 kB that holds tens of thousands of values, and the same in a list: what
    else it says is stored, and so is what comes behind it. The worker may take a gigabyte for it, and the store shows
    the run.
    """
    log, behind = new_log(), new_log("behind")
    process = psutil.Process(start_worker(kafka, clickhouse).process.pid)
    bytes_max = process.memory_info().vms + (1 << 30)
    process.rlimit(psutil.RLIMIT_AS, (bytes_max, bytes_max))
    long, many = "k" * 250_000, {f"{number:x}": 1 for number in range(20_000)}
    config = {"lr": 0.1, "odd": {long: many}, "list": [{long: many}], "seed": 3}
    start = Event("start", log.run, 0, 1 << 32, 1_700_000_000_000_000, {"host": "h", "config": config})
    with contextlib.closing(KafkaProducer(bootstrap_servers=kafka, acks="all")) as producer:
        producer.send(EVENTS, key=log.run.encode(), value=start.encode()).get(30)
        next_ = Event("start", behind.run, 0, 1 << 32, 1_700_000_000_000_000, {"host": "next"})
        producer.send(EVENTS, key=log.run.encode(), value=next_.encode()).get(30)
    for one in (log, behind):
        one.send(range(100))
        one.close()
    store = Store(clickhouse)
    store.check(log, behind)
    sql = "SELECT host, toString(config.lr), toString(config.seed) FROM runwire.runs WHERE id = {run:String}"
    shown = {one.run: partial(store.client.query, sql, {"run": one.run}) for one in (log, behind)}
    until(lambda: all(ask().result_rows[0][0] for ask in shown.values()), "the runs' hosts")
    assert shown[log.run]().result_rows == [("h", "0.1", "3")]
    assert shown[behind.run]().result_rows[0][0] == "next"
    sql = "SELECT key, value FROM runwire.stored_facts WHERE run = {run:String} AND kind = 'config'"
    stored = dict(store.client.query(sql, {"run": log.run}).result_rows)
    cut = f"odd.{'k' * 508}…"
    assert stored == {"lr": "0.1", "seed": "3", cut: '"…"', "list": f'[{{"{"k" * 507}…":"…"}}]'}
