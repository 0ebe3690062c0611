"""The rule for checkpoints that are overdue."""

from __future__ import annotations

from typing import Any

from samples import sample
from timeline import Timeline, micros, pulse


def train(line: Timeline, begin: int, end: int, saved: int | None, **more: Any) -> None:
    """Let a run make ten steps a second, whose last checkpoint is of second ``saved``."""
    told = {} if saved is None else {"checkpoint_step": saved * 10, "checkpoint_at": micros(saved)}
    for second in range(begin, end, 10):
        line.read(second, pulse(second, **told, **more))
        line.tick(second)


def test_steps_beyond_twice_the_usual_are_told_with_what_is_at_risk() -> None:
    """Checkpoints each 1,000 steps: after 2,000 without one it fires, and the next one resolves."""
    line = Timeline()
    for at in (0, 100, 200):
        train(line, at, at + 100, at, metrics=sample(gpu__0__utilisation=90.0, gpu__1__utilisation=90.0))
    train(line, 300, 1000, 200)
    train(line, 1000, 1050, 990)
    assert line.said == [("checkpoint_overdue", "firing", 1), ("checkpoint_overdue", "resolved", 1)]
    alert = line.alerts[0]
    assert (alert.fired_at, alert.value) == (micros(410), 2000)
    assert (
        "2100 steps after its last checkpoint; at most 1000 were between two so far. "
        "At risk: 0.12 GPU hours (2 GPUs for 4 min)." in alert.text
    )


def test_time_without_steps_is_none_in_which_a_checkpoint_is_due() -> None:
    """An evaluation of an hour between."""
    line = Timeline()
    for at in (0, 100, 200):
        train(line, at, at + 100, at)
    train(line, 300, 3900, 200, step=3000, progressed=300, phase="eval", phase_since=micros(300), phase_limit=4000.0)
    assert line.alerts == []


def test_what_is_usual_is_known_from_the_second_checkpoint_on() -> None:
    """And not before; nor of a run that saves none."""
    line = Timeline()
    train(line, 0, 3000, 0)
    train(line, 0, 3000, None, run="other")
    assert line.alerts == []


def test_the_next_attempt_knows_what_was_usual() -> None:
    """And a restarted worker tells nothing twice."""
    line = Timeline()
    for at in (0, 100, 200):
        train(line, at, at + 100, at)
    train(line, 300, 330, 290, attempt=299)
    train(line, 330, 600, 290, attempt=299)
    assert line.said == [("checkpoint_overdue", "firing", 1)]
    line.restart()
    train(line, 600, 700, 290, attempt=299)
    assert line.said == [("checkpoint_overdue", "firing", 1)]
