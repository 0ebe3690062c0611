"""The rule for GPUs that are slowed down, on samples as they travel; what NVML tells of a hot GPU is not seen here."""

from __future__ import annotations

import math
from collections.abc import Callable

import pynvml
from samples import sample
from timeline import Timeline, micros, pulse

from runwire.wire import MetricPulse
from runwire_alerting.machine import SLOWED

IDLE, POWER, HARDWARE, HEAT = 1, 4, 8, 64


def run(line: Timeline, begin: int, end: int, at: Callable[[int], dict[str, MetricPulse]], every: int = 15) -> None:
    """Let a run live whose machine is sampled so often."""
    for second in range(begin, end, every):
        line.read(second, pulse(second, interval=float(every), metrics=at(second)))
        line.tick(second)


def test_a_gpu_that_is_slowed_in_most_samples_is_named_until_it_is_not() -> None:
    """With the reasons, how often, and its clock; the other GPU of the rank is well."""
    line = Timeline()
    run(line, 0, 600, lambda _: sample(gpu__0__throttle=IDLE, gpu__3__throttle=0))
    run(line, 600, 1500, lambda second: sample(gpu__0__throttle=0, gpu__3__clock=345.0,
        gpu__3__throttle=HARDWARE | HEAT if second % 60 else POWER))  # fmt: skip
    run(line, 1500, 2400, lambda _: sample(gpu__0__throttle=0, gpu__3__throttle=POWER))
    assert line.said == [("throttle", "firing", 1), ("throttle", "resolved", 1)]
    alert, end = line.alerts[0], line.alerts[-1]
    assert micros(600 + 0.6 / 0.75 * 600) <= alert.fired_at <= micros(600 + 0.6 / 0.75 * 600 + 60)
    assert (alert.severity, alert.title) == ("warning", "bold-mlp: GPU 3 on node-1 is slowed down")
    assert alert.text.endswith(
        "GPU 3 was slowed down in 60 % of the samples of the last 10 min, by hardware, heat. Its clock is 345 MHz now."
    )
    assert alert.value is not None
    assert 0.6 <= alert.value < 0.63
    assert micros(1500 + 300) <= (end.resolved_at or 0) <= micros(1500 + 480)


def test_what_somebody_chose_is_no_trouble_nor_is_a_moment_or_what_is_no_number() -> None:
    """Limits of power, an idle GPU, five minutes of heat; and no sample may end the worker."""
    line = Timeline()
    run(line, 0, 1200, lambda second: sample(gpu__0__throttle=(POWER, IDLE, 2, 16, 256, math.nan)[second // 15 % 6]))
    run(line, 1200, 1500, lambda _: sample(gpu__0__throttle=HEAT))
    run(line, 1500, 3000, lambda _: sample(gpu__0__throttle=0))
    assert line.alerts == []


def test_two_samples_are_no_share() -> None:
    """Of a machine that is sampled each five minutes."""
    line = Timeline()
    run(line, 0, 3000, lambda _: sample(gpu__0__throttle=HEAT), every=300)
    assert line.alerts == []


def test_the_reasons_are_those_of_nvml() -> None:
    """By the constants of NVIDIA's own binding."""
    assert set(SLOWED) == {
        pynvml.nvmlClocksEventReasonHwSlowdown,
        pynvml.nvmlClocksEventReasonSwThermalSlowdown,
        pynvml.nvmlClocksEventReasonHwThermalSlowdown,
        pynvml.nvmlClocksEventReasonHwPowerBrakeSlowdown,
    }
