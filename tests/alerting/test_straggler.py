"""The rule for ranks that hold back all others."""

from __future__ import annotations

from timeline import Timeline, micros, pulse

from runwire.wire import MetricPulse


def train(line: Timeline, begin: int, end: int, *locals_: float, stages: tuple[int, ...] = ()) -> None:
    """Let ranks train that need so many seconds of a step for themselves."""
    for second in range(begin, end, 10):
        for rank, local in enumerate(locals_):
            seen = MetricPulse(2, local, local, local, 2 * local)
            stage = stages[rank] if stages else None
            line.read(second, pulse(second, rank=rank, host=f"node-{rank}", stage=stage,
                metrics={"perf/local_seconds": seen}))  # fmt: skip
        line.tick(second)


def test_a_rank_that_is_slow_for_a_quarter_of_an_hour_is_named_until_it_keeps_pace() -> None:
    """Three spans of five minutes in a row."""
    line = Timeline()
    train(line, 0, 600, 0.3, 0.3, 0.3, 0.3)
    train(line, 600, 1800, 0.3, 0.3, 0.5, 0.3)
    train(line, 1800, 2700, 0.3, 0.3, 0.3, 0.3)
    assert line.said == [("straggler", "firing", 1), ("straggler", "resolved", 1)]
    alert = line.alerts[0]
    assert (alert.rank, alert.host, alert.severity, alert.value) == (2, "node-2", "warning", 0.5)
    assert alert.fired_at == micros(1500)
    assert "its peers 60 % of that, for 15 min." in alert.text


def test_a_moment_of_slowness_and_small_differences_are_no_straggler() -> None:
    """Ten minutes, and a tenth."""
    line = Timeline()
    train(line, 0, 300, 0.3, 0.3, 0.33)
    train(line, 300, 900, 0.3, 0.3, 0.9)
    train(line, 900, 2700, 0.3, 0.3, 0.33)
    assert line.alerts == []


def test_stages_of_unequal_work_are_not_compared() -> None:
    """Each with its own peers; two ranks have no odd one."""
    line = Timeline()
    train(line, 0, 2700, 0.2, 0.2, 0.2, 0.6, 0.6, 0.6, 0.2, 0.9, stages=(0, 0, 0, 1, 1, 1, 2, 2))
    assert line.alerts == []


def test_one_rank_with_little_to_do_makes_no_stragglers_of_the_others() -> None:
    """Peers are their median, not their best."""
    line = Timeline()
    train(line, 0, 2700, 0.05, 0.3, 0.3, 0.3)
    assert line.alerts == []
