"""Stops that are asked for, planned, or come by SIGTERM: from the command or the signal to the run's state."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from parts import Pipeline, running, until
from receiver import Receiver

#: Logs until it is to stop; or does what it is told on stdin first.
TRAINING = """
import math, signal, sys, time, runwire
run = runwire.init(project="tests", id=sys.argv[1], rank=int(sys.argv[2]))
how, step = sys.argv[3], 0
print("ready", flush=True)
if how == "plan":
    run.planned_stop("time limit", grace=60)
while not run.should_stop:
    run.log({"train/loss": math.nan if how == "nan" and step > 20 else 1 / (step + 1)})
    step += 1
    time.sleep(0.01)
run.finish()
print("saved", flush=True)
"""
Train = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture(scope="module")
def up(receiver: Receiver, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pipeline]:
    """A pipeline whose alerts of NaN losses ask the run to stop."""
    told = ("--alert-webhook", receiver.url)
    with running(tmp_path_factory.mktemp("stops"), *told, env={"RUNWIRE_ALERT_STOP": "nonfinite"}) as pipeline:
        yield pipeline


@pytest.fixture
def train(up: Pipeline) -> Iterator[Train]:
    """Start a training that the server knows: ``train(run, rank, how)``."""
    started: list[subprocess.Popen[str]] = []

    def start(run: str, rank: int = 0, how: str = "") -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-c", TRAINING, run, str(rank), how],
            env={**os.environ, "RUNWIRE_HOME": str(up.home)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def runwire(up: Pipeline, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "runwire", *words, "--home", str(up.home)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)


def show(up: Pipeline, run: str) -> dict[str, Any]:
    """Return what is known of a run."""
    found: dict[str, Any] = json.loads(runwire(up, "show", run, "--json").stdout)
    return found


def ended(up: Pipeline, run: str, ranks: int = 1) -> dict[str, Any]:
    """Wait until a run has ended, and return what is known of it."""
    up.wait_for_run(run)

    def over() -> dict[str, Any] | None:
        about = show(up, run)
        return about if about["state"] != "running" and about["ranks"] == ranks else None

    return until(over, f"{run} ends")


def logging(up: Pipeline, run: str, ranks: int = 1) -> None:
    """Wait until all ranks of a run are known."""
    up.wait_for_run(run)
    until(lambda: show(up, run)["ranks"] == ranks, "all ranks are known")


def test_a_running_training_ends_by_its_own_hand_when_it_is_asked_to(up: Pipeline, train: Train) -> None:
    """All ranks stop; the command says that the run has answered and ended; who asked and why stays with the run."""
    ranks = [train("asked", rank) for rank in range(2)]
    logging(up, "asked", 2)

    done = runwire(up, "stop", "asked", "--reason", "the loss is flat", "--wait", "60")
    assert done.returncode == 0, done.stderr
    assert done.stdout == "asked knows that it is to stop, and is stopped now\n"
    for process in ranks:
        out, err = process.communicate(timeout=60)
        assert (process.returncode, out) == (0, "saved\n")
        assert "asks this run to stop: the loss is flat (run.should_stop is True from here on)" in err

    about = ended(up, "asked", 2)
    assert (about["state"], about["exit_code"], about["exception"]) == ("stopped", 0, None)
    assert about["stop"]["reason"] == "the loss is flat"
    assert "@" in about["stop"]["by"]
    assert about["alerts"] == []
    found = json.loads(runwire(up, "runs", "state = stopped and stop_reason ~ flat", "--json").stdout)
    assert [run["id"] for run in found] == ["asked"]
    assert "the loss is flat" in runwire(up, "show", "asked").stdout

    again = runwire(up, "stop", "asked")
    assert (again.returncode, again.stderr.splitlines()[0]) == (
        2,
        "error: run asked has ended: there is nothing to stop",
    )


def test_an_alert_of_a_rule_that_was_named_asks_its_run_to_stop(up: Pipeline, train: Train) -> None:
    """A NaN loss ends the training within seconds, and says by what."""
    process = train("nan", how="nan")
    out, err = process.communicate(timeout=60)
    assert out == "saved\n"
    assert "alert nonfinite asks this run to stop" in err
    about = ended(up, "nan")
    assert about["state"] == "stopped"
    assert about["stop"]["by"] == "alert nonfinite"
    assert "train/loss is NaN" in about["stop"]["reason"]


def test_sigterm_and_a_planned_end_are_stops_and_sigkill_is_a_crash(
    up: Pipeline, train: Train, receiver: Receiver
) -> None:
    """Three processes die by a signal; only the one that nobody announced is alerted of."""
    ends = {"term": ("", signal.SIGTERM), "planned": ("plan", signal.SIGKILL), "killed": ("", signal.SIGKILL)}
    for run, (how, number) in ends.items():
        process = train(run, how=how)
        up.wait_for_run(run)
        until(lambda run=run: show(up, run)["last_step"], "it logs")
        process.send_signal(number)
        assert process.wait(30) == -number
    states = {run: ended(up, run) for run in ends}
    assert {run: about["state"] for run, about in states.items()} == {
        "term": "stopped",
        "planned": "stopped",
        "killed": "crashed",
    }
    assert states["term"]["stop"] == {"reason": "SIGTERM"}
    assert states["planned"]["stop"] == {"reason": "time limit"}
    until(lambda: receiver.of("killed"), "the crash is told")
    assert {run: len(receiver.of(run)) for run in ends} == {"term": 0, "planned": 0, "killed": 1}


def test_a_request_that_no_run_answers_is_said_to_be_unanswered(up: Pipeline, train: Train) -> None:
    """Its host's shipper is stopped: the command says so, with exit code 1, and the run hears it once that goes on."""
    process = train("deaf")
    logging(up, "deaf")
    [status] = up.home.glob("spool/*/shipper.json")
    shipper = json.loads(status.read_text())["pid"]
    os.kill(shipper, signal.SIGSTOP)
    try:
        done = runwire(up, "stop", "deaf", "--wait", "1")
        assert done.returncode == 1
        assert "deaf was asked to stop, and has not answered within 1 s" in done.stderr
        assert process.poll() is None
    finally:
        os.kill(shipper, signal.SIGCONT)
    assert process.wait(60) == 0
    assert ended(up, "deaf")["state"] == "stopped"
