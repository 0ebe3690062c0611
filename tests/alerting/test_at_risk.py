"""What alerts say of the work that is lost: the last checkpoint, and the GPU hours since."""

from __future__ import annotations

from typing import Any

import pytest
from samples import sample
from timeline import Timeline, event, micros, nan_loss, pulse

from runwire.wire import MetricPulse

FOUR = {f"gpu__{number}__utilisation": 90.0 for number in range(4)}
#: The clock of the first rank's host is an hour ahead.
SKEW = 3600


def live(line: Timeline, end: int, *ranks: dict[str, MetricPulse], begin: int = 0, **more: Any) -> None:
    """Let ranks live, each on a host of its own with such samples, of which the first saved a checkpoint at 600."""
    for second in range(begin, end, 15):
        for rank, metrics in enumerate(ranks):
            skew = 0 if rank else SKEW
            told = {} if rank else {"checkpoint_step": 70, "checkpoint_at": micros(600 + SKEW)}
            told = {"host": f"node-{rank}", "interval": 15.0, "metrics": metrics, **told, **more}
            line.read(second, pulse(second + skew, rank=rank, **told))
        line.tick(second)


def die(line: Timeline, at: float, rank: int = 1) -> str:
    """Let a rank be killed; return what the alert says of its checkpoint."""
    line.read(at, event(at, "lost", rank=rank))
    [alert] = [alert for alert in line.alerts if alert.rule == "crash"]
    return alert.text.partition(" Its last checkpoint")[2]


def test_a_crash_tells_the_runs_checkpoint_and_the_gpu_hours_since() -> None:
    """Also of a rank that saved none itself, on a host whose clock differs."""
    line = Timeline()
    live(line, 2400, sample(**FOUR), sample(**FOUR))
    assert die(line, 2400) == " is of step 70, saved 30 min before: 4.0 GPU hours (8 GPUs for 30 min)."


@pytest.mark.parametrize("others", [{}, sample()], ids=["not sampled", "no GPUs"])
def test_gpus_that_are_not_known_are_not_guessed(others: dict[str, MetricPulse]) -> None:
    """Neither those of a rank that does not tell, nor any where there are none."""
    line = Timeline()
    live(line, 2400, others or sample(**FOUR), others)
    assert die(line, 2400) == " is of step 70, saved 30 min before."


def test_ranks_that_see_the_same_gpus_and_those_that_ended_before_are_counted_once_or_not() -> None:
    """A GPU is one, whoever sees it; who ended seven minutes ago holds none."""
    line = Timeline()
    line.read(1900, pulse(1900, rank=2, host="node-2", metrics=sample(**FOUR)))
    line.read(1990, pulse(1990, rank=2, host="node-2", alive=False, ended="finished"))
    live(line, 2400, *[sample(**FOUR)] * 2, begin=1995, host="node-1")
    assert die(line, 2400).endswith("before: 2.0 GPU hours (4 GPUs for 30 min).")


def test_a_nan_tells_it_too_and_a_run_without_checkpoints_tells_nothing() -> None:
    """What is lost is from the NaN on backwards."""
    line = Timeline()
    live(line, 2400, sample(gpu__0__utilisation=90.0))
    line.read(2401, pulse(2401 + SKEW, metrics={"loss": nan_loss(9, 2400 + SKEW)}, checkpoint_step=70,
        checkpoint_at=micros(600 + SKEW)), pulse(2401, "other", metrics={"loss": nan_loss(9, 2400)}))  # fmt: skip
    mine, other = (alert.text for alert in sorted(line.alerts, key=lambda alert: alert.run, reverse=True))
    assert mine.endswith(" saved 30 min before: 0.50 GPU hours (1 GPU for 30 min).")
    assert "checkpoint" not in other
