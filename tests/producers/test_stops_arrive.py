"""Requests to stop on their way to a training, and stops on their way to Kafka, through a real broker."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import uuid
from collections.abc import Callable
from pathlib import Path

import pytest
from kafka import KafkaProducer
from parts import until

from producers.arrival import Reading
from producers.conftest import shipper
from runwire.wire import CONTROL, StopRequest

Train = Callable[..., "subprocess.Popen[str]"]
Read = Callable[[str], Reading]

#: Says which attempt it is, and logs until it is to stop.
TRAINING = """
import sys, time, runwire
run = runwire.init(project="tests", id=sys.argv[1], rank=int(sys.argv[2]))
print(run.folder.name, flush=True)
while not run.should_stop:
    run.log({"loss": 1.0})
    time.sleep(0.01)
"""
#: Announces its end, or not, and waits for it.
ENDING = """
import time, runwire
run = runwire.init(project="tests", id=RUN, settings={"mode": MODE})
run.log({"loss": 1.0})
if GRACE:
    run.planned_stop("time limit", grace=GRACE)
time.sleep(2 * GRACE if GRACE < 1 else 0)
run.log({"loss": 1.0})
print("ready", flush=True)
time.sleep(60)
"""


@pytest.fixture
def run() -> str:
    """A run of the test's own."""
    return f"t-{uuid.uuid4().hex[:10]}"


def start(train: Train, run: str, rank: int, kafka: str) -> tuple[subprocess.Popen[str], int]:
    """Start a rank, and return it with its attempt."""
    code = f"import sys; sys.argv[1:] = [{run!r}, '{rank}']\n{TRAINING}"
    process = train(code, RUNWIRE_KAFKA=kafka)
    assert process.stdout is not None
    return process, int(process.stdout.readline())


def test_a_request_reaches_all_ranks_that_it_means_and_no_later_one(
    kafka: str, train: Train, reading: Read, run: str
) -> None:
    """What was asked of an earlier attempt is read by the shipper, and not passed on; nor is what cannot be read."""
    ranks = [start(train, run, rank, kafka) for rank in range(3)]
    newest = max(attempt for _, attempt in ranks)
    read = reading(run)
    read.until(lambda a: len({pulse.rank for pulse in a.pulses}) == 3, "all ranks are delivered")
    earlier = StopRequest(run, min(attempt for _, attempt in ranks) - 1, "ada", "of before", 1)
    request = StopRequest(run, newest, "ada", "now", 2)
    producer = KafkaProducer(bootstrap_servers=kafka, acks="all")
    for value in (earlier.encode(), b"no request", StopRequest("other", newest, "ada", "", 3).encode()):
        producer.send(CONTROL, value, run.encode())
    producer.send(CONTROL, request.encode(), run.encode())
    producer.close()
    for process, _ in ranks:
        assert process.wait(60) == 0
    arrived = read.until(lambda a: len(a.of("finish")) == 3, "the ends arrive")
    answers = {(event.rank, event.data["reason"]) for event in arrived.of("stopping")}
    assert answers == {(0, "now"), (1, "now"), (2, "now")}
    assert all(event.data == {"exit_code": 0, "stopped": True} for event in arrived.of("finish"))
    read.until(lambda a: a.ended, "the last pulses arrive")
    assert set(arrived.ended) == {"stopped"}


@pytest.mark.parametrize(
    ("number", "grace", "reason"),
    [
        (signal.SIGTERM, 0, "SIGTERM"),
        (signal.SIGKILL, 60, "time limit"),
        (signal.SIGKILL, 0.05, "killed"),
        (signal.SIGKILL, 0, "killed"),
    ],
)
@pytest.mark.parametrize("mode", ["online", "offline"])
def test_how_a_process_is_ended_from_outside_arrives_with_its_reason(
    kafka: str, train: Train, reading: Read, run: str, *, number: int, grace: float, reason: str, mode: str
) -> None:
    """SIGTERM, and what was announced for then, are stops, also if a shipper finds the spool only long after that."""
    code = f"RUN, MODE, GRACE = {run!r}, {mode!r}, {grace}\n{ENDING}"
    process = train(code, RUNWIRE_KAFKA=kafka)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    process.send_signal(number)
    assert process.wait(30) == -number
    if mode == "offline":
        env = {**os.environ, "RUNWIRE_KAFKA": kafka}
        subprocess.run([sys.executable, "-m", "runwire", "sync"], env=env, check=True, timeout=60, capture_output=True)
    arrived = reading(run).until(lambda a: a.ended and a.of("lost"), "the end arrives")
    [lost] = arrived.of("lost")
    stopped = reason != "killed"
    assert lost.data == {"reason": reason, **({"stopped": True} if stopped else {})}
    assert arrived.ended == ["stopped" if stopped else "killed"]


def test_a_killed_shipper_forgets_no_planned_stop(
    kafka: str, home: Path, train: Train, reading: Read, run: str
) -> None:
    """Its successor knows from what was written down that the end was announced."""
    process = train(f"RUN, MODE, GRACE = {run!r}, 'online', 60\n{ENDING}", RUNWIRE_KAFKA=kafka)
    read = reading(run)
    read.until(lambda a: a.of("planned_stop"), "the announcement arrives")
    first = shipper(home)
    assert first is not None
    os.kill(first, signal.SIGTERM)  # so that it writes down how far it is
    until(lambda: shipper(home) not in (None, first), "another one runs")
    process.kill()
    arrived = read.until(lambda a: a.ended and a.of("lost"), "the end arrives")
    assert [event.data for event in arrived.of("lost")] == [{"reason": "time limit", "stopped": True}]
