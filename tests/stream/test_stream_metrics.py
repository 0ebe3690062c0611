"""What the stream worker tells of itself, over HTTP, while it does its work."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import feed
import pytest
from feed import Engine, Log, Store, Worker
from kafka import KafkaProducer
from parts import until
from scrape import Told, health, listening, readiness, scrape

from runwire.wire import EVENTS, METRICS
from runwire.wire import TOPICS as ALL
from runwire_server.local import ports
from runwire_stream.app import TOPICS

Start = Callable[..., tuple[str, Worker]]


@pytest.fixture
def start(kafka: str, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Start]:
    """Starts a worker that tells its metrics: ``start(clickhouse)`` returns the URL and the worker.

    Their home is that of the other tests' workers, whose places in the group they take over at once.
    """
    home = tmp_path_factory.getbasetemp() / "workers" / "a"
    with ExitStack() as stack:

        def launch(clickhouse: str, port: int | None = None) -> tuple[str, Worker]:
            port = port or ports.free()
            flags = ("--metrics-port", str(port))
            worker = stack.enter_context(feed.running(kafka, clickhouse, home, tmp_path / "worker.log", *flags))
            return f"http://{ports.HOST}:{port}", worker

        yield launch


@pytest.fixture
def log(kafka: str, request: pytest.FixtureRequest) -> Iterator[Log]:
    made = Log(request.node.name[:60], kafka)
    yield made
    made.close()


def settled(url: str) -> Told | None:
    """What is told once the worker has its partitions and nothing waits: what other tests left is handled."""
    told = scrape(url)
    there = told["runwire_worker_partitions"] == sum(topic.partitions for topic in ALL if topic.name in TOPICS)
    return told if there and told["runwire_worker_lag_records"] == 0 else None


def test_what_it_counts_is_what_was_logged(clickhouse: str, start: Start, log: Log) -> None:
    """Rows, records and batches told are those sent, no more and no fewer, and every insert's time is told.

    A row is a point, or the time of a step.
    """
    url, _ = start(clickhouse)
    before = until(lambda: settled(url), "nothing waits")
    for first in range(0, 3000, 300):
        log.send(range(first, first + 300))
    log.flush()
    until(partial(Store(clickhouse).caught_up, log), "stored")
    records = partial(Told.of, name="runwire_worker_records_total", group="runwire.stream", topic=METRICS)
    # The points are in the store before their records count as handled, and a lag is that of the last look at Kafka.
    until(lambda: records(scrape(url)) >= records(before) + 10, "handled")
    after = until(lambda: settled(url), "nothing waits")

    def more(name: str, **labels: str) -> float:
        return after.of(name, **labels) - before.of(name, **labels)

    assert more("runwire_store_inserted_rows_total", table="stored_points") == len(log.rows) + 3000
    assert records(after) - records(before) == 10
    batches = more("runwire_stream_batch_seconds_count")
    assert 1 <= batches <= 10
    assert more("runwire_store_insert_seconds_count", table="stored_points") == batches
    assert more("runwire_store_insert_seconds_sum", table="stored_points") > 0
    assert after["runwire_stream_inbox_bytes"] == 0


def test_the_buckets_that_late_rows_make_anew_are_counted(clickhouse: str, start: Start, log: Log) -> None:
    """Each closed bucket into which a late row falls counts, on every level and for each series, and so does one whose
    rows come again; rows in order count for nothing.
    """
    url, _ = start(clickhouse)
    store = Store(clickhouse)
    until(lambda: settled(url), "nothing waits")
    name = "runwire_stream_recomputed_buckets_total"

    def recomputed_by(steps: Sequence[int]) -> float:
        before = scrape(url)[name]
        log.send(steps)
        log.flush()
        until(partial(store.caught_up, log), "stored")
        return scrape(url)[name] - before

    series = 4  # three metrics, and the times of steps
    assert recomputed_by(range(300)) == 0
    # Of 64 steps a bucket, the fifth is open, and of 256 the second.
    assert recomputed_by([10, 20, 100]) == (2 + 1) * series
    assert recomputed_by([260]) == 0
    assert recomputed_by(range(300, 400)) == 0
    assert recomputed_by([10]) == (1 + 1) * series


def test_the_series_that_are_held_are_told(kafka: str, clickhouse: str, start: Start, log: Log) -> None:
    """One more for each metric of each run and rank, and for the times of its steps; none for further rows of them."""
    url, _ = start(clickhouse)
    store = Store(clickhouse)
    until(lambda: settled(url), "nothing waits")
    other = Log(f"{log.run}.other", kafka)

    def held_after(source: Log, *keys: str) -> float:
        source.send(range(source.seq, source.seq + 10), keys)
        source.flush()
        until(partial(store.caught_up, source), "stored")
        return scrape(url)["runwire_stream_series"]

    # What was held before is forgotten with the first batch of an assignment.
    held = held_after(log, "loss", "lr")
    assert held_after(log, "loss", "lr") == held
    assert held_after(log, "acc") == held + 1
    assert held_after(other, "loss", "lr", "acc") == held + 1 + 4
    other.close()


def test_an_unreadable_record_is_counted_by_its_topic(kafka: str, clickhouse: str, start: Start) -> None:
    """Two of the metrics' and one of the events': told as such when they are put aside."""
    url, _ = start(clickhouse)
    before = until(lambda: settled(url), "nothing waits")
    producer = KafkaProducer(bootstrap_servers=kafka, acks="all")
    for topic in (METRICS, METRICS, EVENTS):
        producer.send(topic, key=b"k", value=b"nothing readable").get(30)
    producer.close()
    name = "runwire_worker_dead_letters_total"
    until(lambda: scrape(url)[name] == before[name] + 3, "counted")
    after = scrape(url)
    assert after.of(name, topic=METRICS) - before.of(name, topic=METRICS) == 2
    assert after.of(name, topic=EVENTS) - before.of(name, topic=EVENTS) == 1


def test_the_lag_rises_while_the_store_stands_still_and_falls_to_nothing(
    engine: Engine, start: Start, log: Log
) -> None:
    """With the store stopped, what comes waits, ever older, and the worker lives but is not ready; both end with it."""
    url, _ = start(engine.url)
    until(lambda: settled(url), "nothing waits")
    assert readiness(url) == (200, "ok\n")
    engine.process.send_signal(signal.SIGSTOP)
    for first in range(5):
        log.send([first])
        log.flush()
    until(lambda: scrape(url).of("runwire_worker_lag_records", topic=METRICS) == 5, "five records wait")
    age = scrape(url).of("runwire_worker_lag_seconds", topic=METRICS)
    until(lambda: scrape(url).of("runwire_worker_lag_seconds", topic=METRICS) > age + 1, "they grow older")
    assert readiness(url) == (503, "the store does not answer\n")
    assert health(url) == (200, "ok\n")
    engine.process.send_signal(signal.SIGCONT)
    told = until(lambda: settled(url), "all is stored")
    assert told["runwire_worker_lag_seconds"] == 0
    assert readiness(url) == (200, "ok\n")
    Store(engine.url).check(log)


def test_an_outage_of_the_store_is_told_with_how_long_it_lasts(engine: Engine, start: Start, log: Log) -> None:
    """A store that is killed counts as one outage, whose seconds rise; none are told once it is back."""
    url, _ = start(engine.url)
    until(lambda: settled(url), "nothing waits")
    engine.kill()
    log.send(range(10))
    log.flush()
    until(lambda: scrape(url)["runwire_stream_store_away_seconds"] > 1, "the outage is told")
    engine.start()
    told = until(lambda: settled(url), "all is stored")
    assert told["runwire_stream_store_outages_total"] == 1
    assert told["runwire_stream_store_away_seconds"] == 0


def test_a_worker_that_waits_for_its_store_lives_and_is_not_ready(kafka: str, tmp_path: Path) -> None:
    """Started before its store it answers from the first moment on: alive, and not ready."""
    port, nobody = ports.free(), f"http://127.0.0.1:{ports.free()}"
    url = f"http://{ports.HOST}:{port}"
    argv = ["--kafka", kafka, "--clickhouse", nobody, "--home", str(tmp_path), "--metrics-port", str(port)]
    process = subprocess.Popen([sys.executable, "-m", "runwire_stream", *argv], stderr=subprocess.DEVNULL)
    try:
        until(lambda: listening(url), "it tells")
        assert health(url) == (200, "ok\n")
        assert readiness(url) == (503, "it waits for the store and for the topics\n")
    finally:
        process.kill()
        process.wait()


def test_a_port_that_is_taken_ends_nothing(clickhouse: str, start: Start, log: Log) -> None:
    """The worker says that it cannot tell its metrics and works; once the port is free, it tells them."""
    with socket.create_server((ports.HOST, 0)) as held:
        url, worker = start(clickhouse, held.getsockname()[1])
        log.send(range(10))
        log.flush()
        until(partial(Store(clickhouse).caught_up, log), "stored")
        assert "metrics cannot be served there" in worker.log.read_text()
    until(lambda: listening(url), "the port is free")
    assert scrape(url)["runwire_worker_records_total"] > 0


_STANDSTILL = """
import sys
from runwire_faust import watchdog
from runwire_faust.app import make
from runwire_faust.endpoint import Endpoint
from pathlib import Path

watchdog._SILENT_SECONDS = 0.2
app = make("g", "127.0.0.1:1", Path(sys.argv[2]), "m", session_seconds=6, buffer_records=1, poll_records=1)
dog = watchdog.Watchdog(app)
dog.start()
Endpoint("127.0.0.1", int(sys.argv[1]), alive=dog.trouble, ready=lambda: None).start()
for _ in sys.stdin:
    dog.beat()
    print("beaten", flush=True)
"""


def test_an_event_loop_that_stands_still_is_not_alive(tmp_path: Path) -> None:
    """/healthz says so once nothing has turned for a while, and takes it back when it turns again."""
    port = ports.free()
    url = f"http://{ports.HOST}:{port}"
    process = subprocess.Popen(
        [sys.executable, "-c", _STANDSTILL, str(port), str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        until(lambda: health(url)[0] == 503, "it is missed")
        assert health(url)[1].startswith("the event loop has stood still for")

        def turns() -> bool:
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.write("\n")
            process.stdin.flush()
            process.stdout.readline()
            return health(url) == (200, "ok\n")

        until(turns, "it is found again")
    finally:
        process.kill()
        process.communicate()
