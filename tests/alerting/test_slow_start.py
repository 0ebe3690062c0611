"""The rule for runs that do not get to their first step."""

from __future__ import annotations

from typing import Any

from timeline import Timeline, micros, pulse

NO_STEP: dict[str, Any] = {"progressed": 0, "step": None, "steps": 0, "step_seconds_max": None}


def test_a_run_without_a_step_for_twenty_minutes_fires_and_its_first_step_resolves() -> None:
    """Once, at 1,200 s after the begin of the attempt."""
    line = Timeline()
    line.live(1, 1300, **NO_STEP)
    line.live(1300, 1310)
    assert line.said == [("slow_start", "firing", 1), ("slow_start", "resolved", 1)]
    alert = line.alerts[0]
    assert (alert.severity, alert.fired_at, alert.caused_at) == ("warning", micros(1201), micros(0))


def test_ranks_that_log_no_steps_beside_one_that_does_are_well() -> None:
    """In most trainings the first rank alone logs."""
    line = Timeline()
    for second in range(1, 1500):
        line.read(second, pulse(second, rank=0), pulse(second, rank=1, **NO_STEP))
        line.tick(second)
    assert line.alerts == []


def test_a_promised_set_up_is_not_slow() -> None:
    """It is held to its promise by the rule for phases."""
    line = Timeline()
    line.live(1, 3000, phase="setup", phase_since=micros(0), phase_limit=3600.0, **NO_STEP)
    assert line.alerts == []


def test_each_attempt_is_told_of_once() -> None:
    """A worker that is started anew repeats nothing; the next attempt is another matter."""
    line = Timeline()
    line.live(1, 1300, **NO_STEP)
    line.restart()
    line.live(1300, 1400, **NO_STEP)
    line.read(1400, pulse(1400, alive=False, ended="interrupted", **NO_STEP))
    line.silence(1400, 1410)
    line.live(1500, 2800, attempt=1500, **{**NO_STEP, "progressed": 1500})
    assert line.said == [("slow_start", "firing", 1), ("slow_start", "resolved", 1), ("slow_start", "firing", 2)]
