"""The rule for GPUs that are held and not used."""

from __future__ import annotations

from typing import Any

from samples import sample
from timeline import Timeline, micros, pulse

from runwire_alerting.declarations import Declaration


def run(line: Timeline, begin: int, end: int, *gpus: float, **more: Any) -> None:
    """Let a run live whose GPUs are used so much, sampled each 15 s."""
    for second in range(begin, end):
        metrics = sample(**{f"gpu__{index}__utilisation": used for index, used in enumerate(gpus)})
        line.read(second, pulse(second, metrics=metrics if second % 15 == 0 else {}, **more))
        line.tick(second)


def test_a_gpu_that_is_not_used_for_half_an_hour_is_told_of_and_use_resolves_it() -> None:
    """Though the run makes steps all the while."""
    line = Timeline()
    run(line, 0, 600, 90.0)
    run(line, 600, 2600, 1.0)
    run(line, 2600, 2700, 80.0)
    assert line.said == [("gpu_idle", "firing", 1), ("gpu_idle", "resolved", 1)]
    alert = line.alerts[0]
    assert micros(600 + 1800) <= alert.fired_at <= micros(600 + 1875)
    assert (alert.severity, alert.value, alert.title) == ("warning", 1.0, "bold-mlp has not used its GPU for 30 min")


def test_an_hour_is_the_longest_time_that_can_be_set() -> None:
    """Minutes are kept for as long."""
    line = Timeline(given=[Declaration(name="gpu_idle", params={"after": 3600})])
    run(line, 0, 4000, 1.0)
    assert [alert.fired_at for alert in line.alerts] == [micros(3600)]


def test_the_end_of_a_next_attempt_that_is_not_sampled_resolves_it() -> None:
    """As where sampling was turned off."""
    line = Timeline()
    run(line, 0, 2000, 0.0)
    line.read(2001, pulse(2001, attempt=2000))
    line.read(2002, pulse(2002, attempt=2000, alive=False, ended="finished"))
    assert line.said == [("gpu_idle", "firing", 1), ("gpu_idle", "resolved", 1)]


def test_one_gpu_of_several_that_is_used_is_enough() -> None:
    """A process may see GPUs that are others'."""
    line = Timeline()
    run(line, 0, 3000, 0.0, 50.0)
    assert line.alerts == []


def test_a_run_without_gpus_or_steps_or_in_a_phase_is_not_judged() -> None:
    """Evaluation on the processors, set-up, and machines without GPUs."""
    for more in ({"steps": 0, "step": None}, {"phase": "eval", "phase_since": micros(0), "phase_limit": 9e9}):
        line = Timeline()
        run(line, 0, 3000, 0.0, **more)
        assert {alert.rule for alert in line.alerts} <= {"slow_start"}
    line = Timeline()
    run(line, 0, 3000)
    assert line.alerts == []


def test_a_run_that_is_stalled_is_not_called_idle_besides() -> None:
    """One cause, one alert."""
    line = Timeline()
    run(line, 0, 60, 90.0)
    run(line, 60, 3000, 0.0, progressed=59)
    assert line.said == [("stalled", "firing", 1)]


def test_the_end_of_the_run_resolves_it() -> None:
    """Nobody is to be told that GPUs are idle which are free."""
    line = Timeline()
    run(line, 0, 2000, 0.0)
    line.read(2000, pulse(2000, alive=False, ended="finished"))
    assert line.said == [("gpu_idle", "firing", 1), ("gpu_idle", "resolved", 1)]
