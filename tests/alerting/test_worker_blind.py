"""A worker that cannot see: it says so by an alert, and by not saying any more that all is well."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from kafka import KafkaProducer
from parts import end, own, until
from receiver import Receiver
from scrape import readiness, scrape
from workers import PATIENCE, Host, Start, now

from runwire.wire import ALERTS, EVENTS, PULSE, Alert
from runwire_alerting.history import History
from runwire_alerting.recall import Recall
from runwire_alerting.worker import GROUP
from runwire_faust.strays import home
from runwire_server.local import ports, topics

_PARTITIONS = 4


@pytest.fixture
def frozen(tmp_path: Path) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """A Kafka that may be frozen: its address and its process."""
    port = ports.free()
    with (tmp_path / "kafka.log").open("wb") as log:
        command = [sys.executable, "-m", "runwire", "kafka", "--home", str(tmp_path / "own"), "--port", str(port)]
        broker = own(command, stdout=log, stderr=log)
    try:
        topics.create(f"127.0.0.1:{port}", timeout=PATIENCE)
        yield f"127.0.0.1:{port}", broker
    finally:
        broker.send_signal(signal.SIGCONT)
        end(broker)


def test_a_worker_that_kafka_does_not_answer_says_so_and_reassures_nobody(
    frozen: tuple[str, subprocess.Popen[bytes]], start: Start, listen: Callable[..., Receiver], tmp_path: Path
) -> None:
    """While it sees, the dead man's switch is told again and again. When Kafka stands still that ends, and an alert
    tells of it while Kafka still does; it is over, and the switch is told again, when Kafka goes on. No log holds the
    switch's address.
    """
    kafka, broker = frozen
    hook, switch = listen(), listen()
    url = f"http://127.0.0.1:{ports.free()}"
    worker = start(
        hook.url,
        flags=("--metrics-port", url.rpartition(":")[2], "--server", "http://127.0.0.1:7601", "--home", str(tmp_path)),
        broker=kafka,
        RUNWIRE_ALERT_BLIND_AFTER="10",
        RUNWIRE_ALERT_DEAD_MAN_URL=switch.url.replace("/hook", "/t0ken?key=s3cret"),
        RUNWIRE_ALERT_DEAD_MAN_INTERVAL="1",
    )
    until(lambda: len(switch.gets) > 2, "the switch is told that all is well")
    assert set(switch.gets) == {"/t0ken?key=s3cret"}
    assert scrape(url)["runwire_alerting_blind_seconds"] == 0
    hook.taken.clear()  # on a slow machine it may have been blind for long before it saw at first
    broker.send_signal(signal.SIGSTOP)
    until(lambda: hook.taken, "blindness told")
    told, gets = scrape(url), len(switch.gets)
    assert told["runwire_alerting_blind_seconds"] >= 10
    assert told.of("runwire_alerting_pings_total", outcome="taken") == gets
    until(lambda: scrape(url)["runwire_alerting_blind_seconds"] > 13, "it stays blind")
    assert len(switch.gets) == gets
    broker.send_signal(signal.SIGCONT)
    until(lambda: len(hook.taken) == 2, "its end told")
    until(lambda: len(switch.gets) > gets, "the switch is told again")
    (first, fired), (second, over) = hook.taken
    assert (fired["rule"], fired["state"], fired["run"], fired["action"]) == ("blind", "firing", "", "check_alerting")
    assert "url" not in fired
    assert (over["state"], over["id"]) == ("resolved", fired["id"])
    assert first != second
    said = worker.log.read_text()
    assert "the dead man's switch is not told that all is well" in said
    assert not any(word in said for word in ("t0ken", "s3cret"))


def test_who_was_frozen_tells_that_nobody_watched(
    start: Start, listen: Callable[..., Receiver], tmp_path: Path
) -> None:
    """A worker that is stopped for longer than it may be blind says so when it goes on, and that it is over."""
    hook = listen()
    worker = start(hook.url, flags=("--home", str(tmp_path)), RUNWIRE_ALERT_BLIND_AFTER="6")
    worker.process.send_signal(signal.SIGSTOP)
    time.sleep(8)  # more than it may be blind: it is time itself that makes the alert
    worker.process.send_signal(signal.SIGCONT)
    until(lambda: len([body for _, body in hook.taken if body["rule"] == "blind"]) == 2, "begin and end told")
    told = [body for _, body in hook.taken if body["rule"] == "blind"]
    assert [body["state"] for body in told] == ["firing", "resolved"]
    assert "it stood still for" in told[0]["text"]


def test_the_group_keeps_up_only_when_all_of_it_is_acknowledged(
    own_kafka: str, hosts: Callable[[str], Host], start: Start, run: str
) -> None:
    """What nobody has read yet is known by its partition, whoever's that is; once a worker has read it, nothing is."""

    def unread() -> list[int]:
        async def ask() -> list[int]:
            history = History(own_kafka, GROUP)
            await history.start()
            try:
                counts = dict.fromkeys((PULSE, EVENTS), _PARTITIONS)
                return await Recall(history, counts, frozenset()).unread()
            finally:
                await history.stop()

        return asyncio.run(ask())

    worker, host = start(broker=own_kafka), hosts(own_kafka)
    assert unread() == []
    worker.kill()
    host.pulse(run)
    assert unread() == [home(run.encode(), _PARTITIONS)]
    start(broker=own_kafka)
    until(lambda: unread() == [], "all is read")


def test_who_still_reads_back_what_was_published_is_not_ready(own_kafka: str, tmp_path: Path, run: str) -> None:
    """Asked all the time from its start on, a worker says why it is not ready, and that it is only once it watches."""
    producer, fired = KafkaProducer(bootstrap_servers=own_kafka, acks="all"), now()
    for version in range(1, 30_001):  # which takes it a while to read
        alert = Alert(
            id=f"alert-{run}", episode=1, state="firing", rule="nonfinite", severity="critical", run=run, project="p",
            name="n", host="h", title="t", text="x" * 500, fired_at=fired, version=version, rank=0,
        )  # fmt: skip
        producer.send(ALERTS, key=alert.id.encode(), value=alert.encode())
    producer.flush(PATIENCE)
    producer.close()
    url, log = f"http://127.0.0.1:{ports.free()}", tmp_path / "log"
    command = [sys.executable, "-m", "runwire_alerting", "--kafka", own_kafka, "--home", str(tmp_path)]
    with log.open("wb") as out:
        worker = own([*command, "--metrics-port", url.rpartition(":")[2]], stdout=out, stderr=out)
    answers: dict[tuple[int, str], bool] = {}  # and whether it watched when it was first told so

    def ready() -> bool:
        answer = readiness(url)
        answers.setdefault(answer, "watching" in log.read_text())
        return answer[0] == 200

    try:
        until(ready, "it is ready")
    finally:
        worker.kill()
        worker.wait()
    assert answers[503, "what was published of the runs is not read back yet\n"] is False
    assert answers[200, "ok\n"] is True


def test_who_is_told_to_stop_before_it_has_read_back_ends(own_kafka: str, tmp_path: Path) -> None:
    """As soon as it has partitions, when it has not connected to all that it reads back from."""
    url, log = f"http://127.0.0.1:{ports.free()}", tmp_path / "log"
    command = [sys.executable, "-m", "runwire_alerting", "--kafka", own_kafka, "--home", str(tmp_path)]
    with log.open("wb") as out:
        worker = own([*command, "--metrics-port", url.rpartition(":")[2]], stdout=out, stderr=out)
    until(lambda: "read back" in readiness(url)[1] or readiness(url)[0] == 200, "it has partitions")
    end(worker)
    assert "Traceback" not in log.read_text()


@pytest.mark.parametrize("url", ["example.org/t0ken", "ftp://example.org/t0ken"])
def test_a_dead_mans_switch_that_has_no_address_of_the_web_is_refused_without_being_told(
    tmp_path: Path, url: str
) -> None:
    """One sentence names the setting and says what it takes, and holds nothing of what it got."""
    command = [sys.executable, "-m", "runwire_alerting", "--kafka", "127.0.0.1:1", "--home", str(tmp_path)]
    environment = {**os.environ, "RUNWIRE_ALERT_DEAD_MAN_URL": url}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith("error: RUNWIRE_ALERT_DEAD_MAN_URL takes an address such as https://example.org/")
    assert "t0ken" not in done.stderr
