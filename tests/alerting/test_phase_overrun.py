"""The rule for phases that do not end."""

from __future__ import annotations

import pytest
from timeline import Timeline, event, micros, pulse


def test_a_phase_may_be_silent_as_long_as_it_promises_and_no_longer() -> None:
    """A checkpoint of ten minutes is no stall; one that breaks its promise fires, and its end resolves."""
    line = Timeline()
    line.live(1, 21)
    line.live(21, 600, progressed=20, phase="checkpoint", phase_since=micros(21), phase_limit=600.0)
    line.live(600, 700, progressed=20, phase_since=micros(600))
    assert line.said == []
    line.live(700, 1500, progressed=700, phase="checkpoint", phase_since=micros(701), phase_limit=300.0)
    assert line.said == [("phase_overrun", "firing", 1)]
    assert line.alerts[0].fired_at == micros(1002)
    assert line.alerts[0].title == "bold-mlp does not come out of its phase checkpoint"
    assert "silence in its phase checkpoint" in line.alerts[0].text
    line.live(1500, 1510, progressed=700, phase_since=micros(1500))
    assert line.said[1:] == [("phase_overrun", "resolved", 1)]


@pytest.mark.parametrize(
    ("name", "rule", "limit"),
    [
        ("setup", "phase_overrun", 1200),
        ("checkpoint", "phase_overrun", 1800),
        ("eval", "phase_overrun", 3600),
        ("warm-up", "stalled", 120),
    ],
)
def test_a_phase_without_a_promise_has_what_is_usual_for_a_first_one(name: str, rule: str, limit: int) -> None:
    """And one that is not known is held to the run's own pace."""
    line = Timeline()
    line.live(1, limit + 100, progressed=0, phase=name, phase_since=micros(1))
    assert [(alert.rule, alert.fired_at) for alert in line.alerts] == [(rule, micros(1 + limit + 1))]


def test_a_set_up_that_hangs_fires_before_the_first_step() -> None:
    """Where it promised how long it takes: the pace need not be known."""
    line = Timeline()
    line.live(1, 100, progressed=0, steps=0, step=None, step_seconds_max=None, phase="setup", phase_since=micros(0),
        phase_limit=60.0)  # fmt: skip
    assert line.said == [("phase_overrun", "firing", 1)]
    assert line.alerts[0].fired_at == micros(61)


def test_a_later_checkpoint_may_take_three_times_the_longest_so_far() -> None:
    """Checkpoints of 200 s: the next may take 600 s; what took long in one attempt is known in the next."""
    line = Timeline()
    for begin in (0, 300):
        line.live(begin + 1, begin + 201, progressed=begin, phase="checkpoint", phase_since=micros(begin))
        line.live(begin + 201, begin + 301, phase_since=micros(begin + 200))
    line.live(601, 700, attempt=600)
    line.live(700, 1400, attempt=600, progressed=699, phase="checkpoint", phase_since=micros(700))
    assert [(alert.rule, alert.fired_at) for alert in line.alerts] == [("phase_overrun", micros(1301))]
    assert "its longest so far took 200 s" in line.alerts[0].text


def test_quick_checkpoints_may_take_five_minutes_for_once() -> None:
    """Three times a second would be no time to wait for a store that is busy."""
    line = Timeline()
    line.live(1, 2, phase="checkpoint", phase_since=micros(1))
    line.live(2, 10, phase_since=micros(2))
    line.live(10, 300, progressed=9, phase="checkpoint", phase_since=micros(10))
    assert line.alerts == []


def test_ranks_that_wait_for_one_in_a_phase_are_not_called_stalled() -> None:
    """The first rank saves for five minutes, or evaluates and logs; the others say nothing meanwhile, and are well."""
    line = Timeline()
    line.live(1, 20)
    for second in range(20, 320):
        line.read(second, pulse(second, phase="checkpoint", phase_since=micros(20), phase_limit=900.0))
        line.read(second, *(pulse(second, rank=rank, progressed=19, step=190) for rank in (1, 2)))
        line.tick(second)
    assert line.alerts == []


def test_an_event_tells_of_a_phase_before_a_pulse_does() -> None:
    """What a phase took is learned from either."""
    line = Timeline()
    line.live(1, 10)
    line.read(10, event(10, "phase", phase="eval", limit=None))
    line.live(10, 110, progressed=9)
    line.read(110, event(110, "phase", phase=None, limit=None))
    rank = line.watch.health.get("run", 0)
    assert rank is not None
    assert rank.phases == {"eval": 100.0}
