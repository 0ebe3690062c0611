"""From a training that goes wrong to the webhook, the terminal, the store: through every real part."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from parts import Pipeline, running, until
from receiver import Receiver

#: Logs ten numbers a step as fast as it can until it is killed.
LOAD = """
import random, runwire
values = [{f"m{i}": random.random() for i in range(10)} for _ in range(1000)]
run = runwire.init(project="tests", id="load")
while True:
    for row in values:
        run.log(row)
"""
#: Logs a loss; goes wrong in the way that it is told on stdin.
VICTIM = """
import math, sys, runwire
run = runwire.init(project="tests", id=sys.argv[1], name="victim")
for step in range(20):
    run.log({"train/loss": 1 / (1 + step), "grad_norm": math.inf}, step=step)
print("ready", flush=True)
how = sys.stdin.readline().strip()
if how == "nan":
    run.log({"train/loss": math.nan}, step=20)
    sys.stdin.readline()
elif how == "raise":
    raise ValueError("the data ran out")
elif how == "say":
    run.alert(title="Training complete", text="accuracy 0.98", level="INFO")
run.finish()
"""


@pytest.fixture(scope="module")
def watched(receiver: Receiver, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pipeline]:
    """A pipeline that posts to the receiver, with a run that logs at full speed."""
    with running(tmp_path_factory.mktemp("watched"), "--alert-webhook", receiver.url) as up:
        load = subprocess.Popen([sys.executable, "-c", LOAD], env=environment(up.home), stderr=subprocess.DEVNULL)
        yield up
        load.kill()
        load.wait()


def environment(home: Path) -> dict[str, str]:
    """Return the environment of a training that logs there."""
    return {**os.environ, "RUNWIRE_HOME": str(home)}


def test_no_program_was_started_with_the_address_of_a_webhook(watched: Pipeline, receiver: Receiver) -> None:
    """An address may hold a secret, and what a program was started with every user of the machine can read."""
    programs = json.loads((watched.home / "up.state").read_text())["programs"]
    ours = [psutil.Process(program["pid"]) for program in programs if program["ours"]]
    assert len(ours) == 5
    for process in [one for program in ours for one in (program, *program.parents())]:
        assert receiver.url not in " ".join(process.cmdline())


def victim(up: Pipeline, run: str) -> subprocess.Popen[str]:
    """Start a training that has logged, and waits to be told how to go wrong."""
    process = subprocess.Popen(
        [sys.executable, "-c", VICTIM, run],
        env=environment(up.home),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def tell(process: subprocess.Popen[str], how: str) -> None:
    """Tell a training how to go wrong."""
    assert process.stdin is not None
    process.stdin.write(f"{how}\n")
    process.stdin.flush()


def notice(receiver: Receiver, run: str) -> dict[str, Any]:
    """Wait for the notices about a run, and return the only one."""
    until(lambda: receiver.of(run), f"a notice about {run}")
    ((_, body),) = receiver.of(run)
    return body


def stored(up: Pipeline, run: str) -> dict[str, Any]:
    """Wait for the alert to be stored, and return what `runwire alerts ls --json` says of it."""
    command = [sys.executable, "-m", "runwire", "alerts", "ls", "--home", str(up.home), "--json"]

    def ask() -> dict[str, Any] | None:
        alerts = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
        return next((alert for alert in alerts if alert["run"] == run), None)

    return until(ask, f"the stored alert of {run}")


def test_a_nan_loss_is_posted_stored_and_printed_where_the_run_logs(watched: Pipeline, receiver: Receiver) -> None:
    """One notice names run, rank, metric, step and the values before; an infinite gradient norm is none."""
    process = victim(watched, "nan")
    tell(process, "nan")

    body = notice(receiver, "nan")
    assert (body["rule"], body["state"], body["rank"]) == ("nonfinite", "firing", 0)
    assert (body["metric"], body["step"], body["value"]) == ("train/loss", 20, "NaN")
    assert body["before"] == [[step, 1 / (1 + step)] for step in range(20)]
    assert stored(watched, "nan")["step"] == 20
    _, printed = process.communicate("end\n", timeout=60)
    assert "ALERT [critical] nonfinite" in printed
    assert "train/loss at step 20, rank 0: NaN" in printed


def test_a_killed_training_is_told_as_a_crash(watched: Pipeline, receiver: Receiver) -> None:
    """SIGKILL leaves no time to say anything; the kernel tells that the process is gone."""
    with victim(watched, "killed") as process:
        process.send_signal(signal.SIGKILL)

    body = notice(receiver, "killed")
    assert (body["rule"], body["severity"], body["state"]) == ("crash", "critical", "firing")
    assert body["console"] == ["ready"]
    assert stored(watched, "killed")["rule"] == "crash"


def test_an_exception_is_told_with_its_words(watched: Pipeline, receiver: Receiver) -> None:
    """Whoever gets the notice reads what went wrong."""
    process = victim(watched, "raised")
    process.communicate("raise\n", timeout=60)

    body = notice(receiver, "raised")
    assert body["rule"] == "crash"
    assert "ValueError: the data ran out" in body["text"]


def test_a_training_that_ends_well_is_told_nothing_but_what_it_says_itself(
    watched: Pipeline, receiver: Receiver
) -> None:
    """run.alert() takes the same way; a finish makes no alert."""
    process = victim(watched, "said")
    process.communicate("say\n", timeout=60)

    body = notice(receiver, "said")
    assert (body["rule"], body["severity"], body["title"]) == ("user", "info", "Training complete")
