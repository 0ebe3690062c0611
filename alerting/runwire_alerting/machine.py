"""What a rank's samples said of its machine: a summary of each of the last minutes."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field

from runwire.wire import MetricPulse
from runwire.wire.names import SYSTEM

#: A process's own figures are in each sample.
_SAMPLED = f"{SYSTEM}process/cpu"
_GPU = f"{SYSTEM}gpu/"
#: An hour, the first and the last of its minutes in part.
_MINUTES_MAX = 61
MINUTE = 60_000_000
#: A GPU that is used less than this, while the processors are used more than that, waits for them, percent.
_GPU_STARVED, _CPU_BUSY = 10.0, 90.0
#: Why a GPU is slower than it should be, by NVML's bits: hardware or heat. Others are somebody's choice, as a limit of
#: its power is, or usual, as that it has nothing to do.
SLOWED: Mapping[int, str] = {0x08: "hardware", 0x20: "heat", 0x40: "heat", 0x80: "the power brake"}
_SLOWED = sum(SLOWED)


@dataclass(slots=True)
class Minute:
    """The samples of one minute; percent. What no sample told is None.

    Attributes:
        number: minutes since the epoch, by the host's clock.
        samples: how many there were.
        starved: how many showed GPUs that wait while the processors are busy.
        slowed: how many showed a GPU that is slowed, by its number and the bits of `SLOWED`.
        gpu: the most that any of the rank's GPUs was used.
        memory: the most of the host's memory that was taken.
    """

    number: int
    samples: int = 0
    starved: int = 0
    slowed: dict[tuple[str, int], int] = field(default_factory=dict)
    gpu: float | None = None
    memory: float | None = None


@dataclass(slots=True)
class Machine:
    """The last hour of one rank's samples.

    Attributes:
        minutes: oldest first.
        gpus: the numbers, on its host, of the GPUs of which the last sample told.
        clocks: their clocks, MHz, as far as they are known.
        disk_percent, disk_free: how full the home's disk is, percent, and bytes that are free; None if not known.
    """

    minutes: deque[Minute] = field(default_factory=lambda: deque(maxlen=_MINUTES_MAX))
    gpus: frozenset[str] = frozenset()
    clocks: dict[str, float] = field(default_factory=dict)
    disk_percent: float | None = None
    disk_free: float | None = None

    def take(self, sent: int, metrics: Mapping[str, MetricPulse]) -> None:
        """Take in a pulse that has samples, see `sampled`."""
        number = sent // MINUTE
        if not self.minutes or self.minutes[-1].number < number:
            self.minutes.append(Minute(number))
        minute = self.minutes[-1]
        minute.samples += 1
        gpus: dict[str, dict[str, float]] = {"utilisation": {}, "clock": {}, "throttle": {}}
        for name, seen in metrics.items():
            if name.startswith(_GPU):
                gpu, _, figure = name.removeprefix(_GPU).partition("/")
                if figure in gpus:
                    gpus[figure][gpu] = seen.last
        used, self.clocks = gpus["utilisation"], gpus["clock"]
        self.gpus = frozenset(used)
        for gpu, reasons in gpus["throttle"].items():
            if bits := int(reasons if math.isfinite(reasons) else 0) & _SLOWED:
                minute.slowed[gpu, bits] = minute.slowed.get((gpu, bits), 0) + 1
        most = max(used.values(), default=0.0)
        if used:
            minute.gpu = max(most, minute.gpu or 0.0)
        cpu, memory = metrics.get(f"{SYSTEM}cpu"), metrics.get(f"{SYSTEM}memory_percent")
        if used and cpu is not None and most < _GPU_STARVED and cpu.last > _CPU_BUSY:
            minute.starved += 1
        if memory is not None:
            minute.memory = max(memory.last, minute.memory or 0.0)
        percent, free = metrics.get(f"{SYSTEM}disk/percent"), metrics.get(f"{SYSTEM}disk/free")
        self.disk_percent = None if percent is None else percent.last
        self.disk_free = None if free is None else free.last

    def last(self, seconds: float, now: int, since: int) -> list[Minute]:
        """Return the minutes of the last so many seconds; none if it was not sampled for as long.

        Args:
            seconds: how long.
            now: when the last sample was taken, by the host's clock.
            since: what was before does not count.
        """
        begin = now - round(seconds * 1_000_000)
        if not self.minutes or max(self.minutes[0].number * MINUTE, since) > begin:
            return []
        return [minute for minute in self.minutes if (minute.number + 1) * MINUTE > begin]


def sampled(metrics: Mapping[str, MetricPulse]) -> bool:
    """Return whether a pulse has a sample of the machine."""
    return _SAMPLED in metrics
