"""The rule for processes that live and make no progress."""

from __future__ import annotations

import pytest
from timeline import Timeline, micros, pulse

from runwire_alerting.rules.stalled import Stalled


def fired_at(line: Timeline) -> list[float]:
    return [(alert.fired_at - micros(0)) / 1e6 for alert in line.alerts]


def test_a_fast_run_that_hangs_fires_after_two_minutes_and_resolves_when_it_moves() -> None:
    """Steps of 0.1 s, the last at 20 s: fires once the pause is over 120 s, resolves with the next step, once each."""
    line = Timeline()
    line.live(1, 21)
    line.live(21, 300, progressed=20, step=200)
    line.live(300, 310)
    assert line.said == [("stalled", "firing", 1), ("stalled", "resolved", 1)]
    assert fired_at(line)[0] == 141
    alert = line.alerts[0]
    assert (alert.severity, alert.rank, alert.step, alert.caused_at) == ("critical", 0, 200, micros(20))
    assert alert.title == "bold-mlp makes no progress since step 200"


@pytest.mark.parametrize(
    ("longest", "limit"), [(0.1, 120), (None, 120), (30, 150), (60, 300), (100, 300), (200, 400), (1000, 2000)]
)
def test_the_limit_follows_the_runs_own_pace(longest: float | None, limit: float) -> None:
    """Five of the longest recent steps, at least 120 s, at most 300 s (before NCCL aborts), never below two."""
    assert Stalled.Params().limit(longest) == limit


def test_checkpoints_and_slow_steps_are_no_stall() -> None:
    """Pauses of 110 s among fast steps, and steps of 100 s each, are what training looks like."""
    line = Timeline()
    for start in range(0, 1000, 115):
        line.live(start + 1, start + 6)
        line.live(start + 6, start + 115, progressed=start + 5)
    assert line.alerts == []
    line = Timeline()
    for second in range(1000):
        line.read(second, pulse(second, progressed=second - second % 100, steps=50, step_seconds_max=100))
        line.tick(second)
    assert line.alerts == []


def test_the_first_steps_are_not_judged() -> None:
    """Before five steps the pace is not known: a long compilation of the first step is no stall."""
    line = Timeline()
    line.live(1, 1000, progressed=0, steps=4, step_seconds_max=None)
    assert line.alerts == []


def test_silence_neither_fires_nor_resolves_a_stall() -> None:
    """A stalled run whose pulses stop stays stalled, and is missed besides; a run that was well is only missed."""
    line = Timeline()
    line.live(1, 160, progressed=20)
    line.silence(160, 1000)
    assert line.said == [("stalled", "firing", 1), ("host_lost", "firing", 1)]
    line = Timeline()
    line.live(1, 30)
    line.silence(30, 1000)
    assert line.said == [("host_lost", "firing", 1)]


def test_a_host_that_slept_is_no_stalled_run() -> None:
    """After a laptop's night the first pulse shows a step of hours ago; nobody saw a pause, so nothing fires."""
    line = Timeline()
    line.live(1, 30)
    night = 8 * 3600
    line.read(night, pulse(night, progressed=29))
    line.tick(night, seen=night)
    line.live(night + 1, night + 100, progressed=29, seen=night)
    assert line.alerts == []
    line.live(night + 100, night + 200, progressed=29, seen=night)
    assert line.said == [("stalled", "firing", 1)]


def test_many_ranks_that_hang_are_one_alert_until_all_move() -> None:
    """Ranks wait for one another, so they hang together: one alert; one that hangs on is told when the first moves."""
    line = Timeline()
    for second in range(1, 160):
        line.read(second, *(pulse(second, rank=rank, progressed=min(second, 20)) for rank in range(8)))
        line.tick(second)
    assert [(alert.rule, alert.rank) for alert in line.alerts] == [("stalled", 0)]
    for second in range(160, 170):
        line.read(second, *(pulse(second, rank=rank, progressed=20 if rank == 5 else second) for rank in range(8)))
        line.tick(second)
    assert [(alert.state, alert.rank) for alert in line.alerts[1:]] == [("resolved", 0), ("firing", 5)]


def test_a_worker_that_reads_old_pulses_again_does_not_call_them_stalls() -> None:
    """After a restart, a stall that was resolved is not fired again from the pulses that led to it."""
    line = Timeline()
    line.live(1, 160, progressed=20)
    line.live(160, 170)
    line.restart()
    for second in range(140, 170):
        line.read(200, pulse(second, progressed=20 if second < 160 else second))
        line.tick(200, seen=200)
    assert line.said == [("stalled", "firing", 1), ("stalled", "resolved", 1)]


def test_a_stall_is_not_judged_while_the_reader_lags() -> None:
    """Out of sight there may be a later pulse that shows progress, so nothing is said until it was read."""
    line = Timeline()
    line.live(1, 160, progressed=20, seen=None)
    assert line.alerts == []
    line.read(160, pulse(160))
    line.tick(161, seen=160)
    assert line.alerts == []


def test_an_alert_says_from_where_the_run_could_go_on() -> None:
    """Its last checkpoint, as of what the alert is about."""
    line = Timeline()
    line.live(1, 21)
    line.live(21, 300, progressed=20, step=200, checkpoint_step=150, checkpoint_at=micros(15))
    assert line.alerts[0].text.endswith("Its last checkpoint is of step 150, saved 2 min before.")
