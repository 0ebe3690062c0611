"""The rules for disks and memory that fill up, and for GPUs that wait for the processors."""

from __future__ import annotations

from collections.abc import Callable

from samples import sample
from timeline import Timeline, micros, pulse

from runwire.wire import MetricPulse


def run(line: Timeline, begin: int, end: int, at: Callable[[int], dict[str, MetricPulse]]) -> None:
    """Let a run live whose machine is sampled each 15 s."""
    for second in range(begin, end, 15):
        line.read(second, pulse(second, interval=15.0, metrics=at(second)))
        line.tick(second)


def test_a_disk_that_is_nearly_full_is_told_of_until_there_is_room() -> None:
    """By its share and by what is left: a tenth of a large disk is room."""
    line = Timeline()
    run(line, 0, 60, lambda _: sample(disk__percent=95.0, disk__free=900e9))
    assert line.said == []
    run(line, 60, 120, lambda _: sample(disk__percent=95.0, disk__free=9e9))
    run(line, 120, 180, lambda _: sample(disk__percent=80.0, disk__free=36e9))
    assert line.said == [("disk_full", "firing", 1), ("disk_full", "resolved", 1)]
    assert "9.0 GB are left" in line.alerts[0].text


def test_memory_that_rises_to_be_full_within_an_hour_is_told_of() -> None:
    """A percent a minute from 30 on: after ten minutes it is known that an hour is left, and some."""
    line = Timeline()
    run(line, 0, 1500, lambda second: sample(memory_percent=30 + second / 60))
    [alert] = line.alerts
    assert alert.rule == "memory_creep"
    assert micros(600) <= alert.fired_at <= micros(700)
    assert "at this pace all of it in" in alert.text
    run(line, 1500, 1530, lambda _: sample(memory_percent=20.0))
    assert line.said[1:] == [("memory_creep", "resolved", 1)]


def test_memory_that_is_nearly_full_is_told_of_at_once_and_memory_that_rests_is_not() -> None:
    """Also what rises slowly, or jumps once, is well."""
    line = Timeline()
    run(line, 0, 30, lambda _: sample(memory_percent=96.0))
    assert line.said == [("memory_creep", "firing", 1)]
    for course in (lambda _: 80.0, lambda second: 50 + second / 600, lambda second: 40.0 if second < 900 else 85.0):
        line = Timeline()
        run(line, 0, 3000, lambda second, course=course: sample(memory_percent=course(second)))  # type: ignore[misc]
        assert line.alerts == []


def test_gpus_that_wait_for_busy_processors_are_told_of_until_they_are_fed() -> None:
    """In over half the samples of ten minutes."""
    line = Timeline()
    run(line, 0, 900, lambda second: sample(gpu__0__utilisation=5.0 if second % 60 else 80.0, cpu=97.0))
    run(line, 900, 1500, lambda _: sample(gpu__0__utilisation=90.0, cpu=97.0))
    assert line.said == [("input_bottleneck", "firing", 1), ("input_bottleneck", "resolved", 1)]
    assert micros(600) <= line.alerts[0].fired_at <= micros(660)


def test_gpus_that_are_used_or_idle_beside_idle_processors_wait_for_nothing() -> None:
    """What else they may be, a bottleneck of the input is none."""
    line = Timeline()
    run(line, 0, 1500, lambda _: sample(gpu__0__utilisation=60.0, cpu=97.0))
    run(line, 1500, 3000, lambda _: sample(gpu__0__utilisation=6.0, cpu=20.0))
    assert line.alerts == []
