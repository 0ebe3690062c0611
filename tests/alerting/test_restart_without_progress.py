"""The rules for runs that crash again and again."""

from __future__ import annotations

from typing import Any

from timeline import Timeline, event, pulse


def attempts(line: Timeline, steps: list[int], *, every: int = 300, ranks: int = 1, **more: Any) -> None:
    """Let attempts begin each ``every`` seconds, come to ``steps`` and crash, each rank of them."""
    for number, step in enumerate(steps):
        begin = number * every
        line.read(begin + 1, *(pulse(begin + 1, attempt=begin, rank=rank, step=step, **more) for rank in range(ranks)))
        line.read(begin + 2, *(event(begin + 2, "lost", attempt=begin, rank=rank) for rank in range(ranks)))
        line.tick(begin + 3)


def loops(line: Timeline) -> list[tuple[str, str]]:
    """Return what the two rules said."""
    told = ("restart_without_progress", "restart_storm")
    return [(alert.rule, alert.state) for alert in line.alerts if alert.rule in told]


def test_three_attempts_that_come_no_further_are_told_once() -> None:
    """By the furthest step; the fourth that crashes there is no news, and a further step resolves."""
    line = Timeline()
    attempts(line, [150, 148, 150, 149])
    assert loops(line) == [("restart_without_progress", "firing")]
    alert = line.alerts[-1] if line.alerts[-1].rule == "restart_without_progress" else line.alerts[-2]
    line.read(2000, pulse(2000, attempt=1990, step=151))
    line.tick(2001)
    assert loops(line)[1:] == [("restart_without_progress", "resolved")]
    fired = next(alert for alert in line.alerts if alert.rule == "restart_without_progress")
    assert fired.title == "bold-mlp crashed 3 times without getting further"
    assert fired.text.endswith("3 attempts crashed in 10 min, none after a further step than 150.")
    assert alert.step == 150


def test_attempts_that_come_further_are_no_loop() -> None:
    """However often they crash."""
    line = Timeline()
    attempts(line, [10, 20, 30, 40, 50, 60], every=3600)
    assert loops(line) == []


def test_a_run_that_saves_checkpoints_is_judged_by_them() -> None:
    """Steps beyond the last checkpoint are made again, however many; a newer checkpoint is progress."""
    line = Timeline()
    attempts(line, [150, 160, 170], checkpoint_step=100)
    assert loops(line) == [("restart_without_progress", "firing")]
    line.read(2000, pulse(2000, attempt=1990, step=200, checkpoint_step=200))
    line.tick(2001)
    assert loops(line)[1:] == [("restart_without_progress", "resolved")]


def test_a_script_that_never_makes_a_step_is_a_loop() -> None:
    """Three attempts that die before the first."""
    line = Timeline()
    for begin in (0, 300, 600):
        line.read(begin + 1, event(begin + 1, "start", attempt=begin, place=1))
        line.read(begin + 2, event(begin + 2, "exception", attempt=begin, kind="ImportError"))
        line.tick(begin + 3)
    assert loops(line) == [("restart_without_progress", "firing")]


def test_many_ranks_that_die_are_one_attempt() -> None:
    """A job of 64 ranks that crashed twice has crashed twice."""
    line = Timeline()
    attempts(line, [150, 150], ranks=64)
    assert loops(line) == []


def test_what_is_read_again_is_not_counted_twice() -> None:
    """Nor is an alert that stands told again by a worker that was started anew."""
    line = Timeline()
    attempts(line, [150, 150])
    again = [pulse(301, attempt=300, step=150), event(302, "lost", attempt=300)]
    line.read(303, *again)
    line.tick(304)
    assert loops(line) == []
    attempts(line, [150, 150, 150])
    line.restart()
    line.read(700, pulse(601, attempt=600, step=150), event(602, "lost", attempt=600))
    line.tick(701)
    assert loops(line) == [("restart_without_progress", "firing")]


def test_a_last_pulse_after_the_word_of_a_death_tells_how_far_that_attempt_came() -> None:
    """Events and pulses come by different topics: the last steps of the first attempt are not the second's progress."""
    line = Timeline()
    for begin in (0, 300, 600):
        line.read(begin + 1, pulse(begin + 1, attempt=begin, step=140))
        line.read(begin + 2, event(begin + 2, "lost", attempt=begin))
        line.read(begin + 2, pulse(begin + 2, attempt=begin, step=150, alive=False, ended="killed"))
        line.tick(begin + 3)
    assert loops(line) == [("restart_without_progress", "firing")]


def test_five_crashes_in_half_an_hour_are_a_storm_and_a_long_life_resolves_it() -> None:
    """Though each attempt came further."""
    line = Timeline()
    attempts(line, [10, 20, 30, 40, 50])
    assert loops(line) == [("restart_storm", "firing")]
    for second in range(1500, 1500 + 1900, 10):
        line.read(second, pulse(second, attempt=1500))
        line.tick(second)
    assert loops(line)[1:] == [("restart_storm", "resolved")]


def test_a_storm_is_not_over_because_nothing_is_heard() -> None:
    """An attempt that falls silent has not lived."""
    line = Timeline()
    attempts(line, [10, 20, 30, 40, 50])
    line.read(1500, pulse(1500, attempt=1500))
    line.silence(1501, 6000)
    assert loops(line) == [("restart_storm", "firing")]


def test_five_crashes_in_a_day_are_no_storm() -> None:
    """They have half an hour."""
    line = Timeline()
    attempts(line, [10, 20, 30, 40, 50], every=5000)
    assert loops(line) == []
