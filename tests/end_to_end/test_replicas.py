"""Ranks of one run that are to have the same values: through real processes, the shipper, Kafka and alerting."""

from __future__ import annotations

import math
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from parts import Pipeline, running, until
from receiver import Receiver
from workers import records

from runwire.wire import PULSE, Pulse
from runwire_faust.message import unpack

#: Logs a value that is to be the same on all ranks, until it is told to end; "differ" has it be another from then on.
RANK = """
import math, select, sys, runwire
run = runwire.init(project="tests", id=sys.argv[1], name=sys.argv[1], rank=int(sys.argv[2]))
run.define_metric("grad_norm", role="replicated")
step, factor, word = 0, 1.0, ""
while word != "end":
    run.log({"grad_norm": factor * (2 + math.sin(step)), "loss": 1 / (1 + step)}, step=step)
    step += 1
    if select.select([sys.stdin], [], [], 0.02)[0]:  # the pace of its steps
        word = sys.stdin.readline().strip()
    if word == "differ" and factor == 1.0:
        factor = 1.01
        print(step, flush=True)
run.finish()
"""


@pytest.fixture(scope="module")
def watched(receiver: Receiver, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pipeline]:
    """A pipeline that posts to the receiver."""
    with running(tmp_path_factory.mktemp("replicas"), "--alert-webhook", receiver.url) as up:
        yield up


def told(up: Pipeline, run: str) -> dict[int, dict[int, float]]:
    """Return what the pulses of a run told of grad_norm: by step, each rank's value."""
    found: dict[int, dict[int, float]] = {}
    messages, _ = unpack(records(up.kafka, PULSE))
    for pulse in (Pulse.parse(message.value or b"") for message in messages):
        if pulse.run == run and "grad_norm" in pulse.replicated:
            step, value = pulse.replicated["grad_norm"]
            found.setdefault(step, {})[pulse.rank] = value
    return found


def compared(up: Pipeline, run: str, since: int = 0) -> list[int]:
    """Return the steps, from one on, of which both ranks have told."""
    return sorted(step for step, values in told(up, run).items() if step >= since and len(values) == 2)


def test_two_ranks_that_disagree_are_told_once_and_two_that_agree_are_not(
    watched: Pipeline, receiver: Receiver
) -> None:
    """Both of two runs are compared at as many steps; of one a rank goes wrong on the way, and it is named, with the
    step, both values and the other, until its end.
    """

    def of(run: str) -> list[dict[str, Any]]:  # a machine that has too much to do may make a straggler of a rank
        return [body for _, body in receiver.of(run) if body["rule"] == "replicas_disagree"]

    with ExitStack() as stack:
        ranks: dict[tuple[str, int], subprocess.Popen[str]] = {}
        for run, rank in [(run, rank) for run in ("agree", "disagree") for rank in (0, 1)]:
            ranks[run, rank] = stack.enter_context(
                subprocess.Popen(
                    [sys.executable, "-c", RANK, run, str(rank)],
                    env={**os.environ, "RUNWIRE_HOME": str(watched.home)},
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    text=True,
                )
            )
            stack.callback(ranks[run, rank].kill)
        until(lambda: all(len(compared(watched, run)) >= 5 for run in ("agree", "disagree")), "the ranks are compared")
        process = ranks["disagree", 1]
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write("differ\n")
        process.stdin.flush()
        since = int(process.stdout.readline())
        until(lambda: of("disagree"), "the notice")
        until(lambda: len(compared(watched, "agree", since)) >= 5, "the others are compared for as long")
        until(lambda: len(compared(watched, "disagree", since)) >= 10, "and these go on to differ")
        for process in ranks.values():
            process.communicate("end\n", timeout=60)
        values = told(watched, "disagree")
        until(lambda: len(of("disagree")) == 2, "the end of the alert")

    firing, resolved = of("disagree")
    assert [(one["state"], one["episode"]) for one in (firing, resolved)] == [("firing", 1), ("resolved", 1)]
    first = min(step for step in compared(watched, "disagree") if step >= since)
    assert (firing["metric"], firing["step"], firing["rank"], firing["ranks"]) == ("grad_norm", first, 1, "1")
    assert firing["value"] == values[first][1] == 1.01 * (2 + math.sin(first))
    assert firing["title"] == "disagree: grad_norm of rank 1 is not that of the others"
    assert (
        f"rank 1 on {firing['host']}: grad_norm is {values[first][1]!r} at step {first}, and {values[first][0]!r} on 1 "
        "other rank. Since then rank 1 of 2 differ. Which of them is wrong is not to be told from here."
    ) in firing["text"]
    assert of("agree") == []
