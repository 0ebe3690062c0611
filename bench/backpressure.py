"""What happens while ClickHouse does not answer, or hardly does, and training goes on: memory, lag, alerts, and after.

ClickHouse is stopped (SIGSTOP), for good or for nine tenths of each second, while a trainer logs at a set rate and a
run of this process logs a NaN now and then, each of another metric. Then it goes on, and what was logged is counted.
"""

from __future__ import annotations

import logging
import math
import os
import queue
import signal
import statistics
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np
from kafka import KafkaConsumer, TopicPartition
from load import Load, Shape, training
from pipeline import Figures, Pipeline, arguments, memory_megabytes, pipeline, show
from webhook import Receiver

import runwire
from runwire.wire import ALERTS, ARTIFACTS, CONSOLE, EVENTS, METRICS, TABLES
from runwire_stream.app import GROUP

#: A tenth of what the pipeline is to take, points/s.
RATE = 100_000.0
LOOK_SECONDS = 5.0
#: Before the outage: how many NaNs, and how far apart, s.
ROUNDS_BEFORE = 6
PAUSE_BEFORE = 5.0
#: During the outage, s.
PAUSE_DURING = 30.0
ALERT_GOAL = 1.0
#: An alert that has not come by then counts as lost, s.
PATIENCE = 60.0
#: Of a slow ClickHouse's time, s.
STOPPED, GOING = 0.9, 0.1


@dataclass
class Phase:
    """What was seen before the outage, during it, or after.

    Attributes:
        began: when it did (`time.perf_counter`).
        memory: when one looked, s since it began, and the megabytes of each program then.
        lag: records that Kafka holds and the stream worker has not acknowledged, at each look.
        latencies: from a NaN's log() to the webhook, s.
        lost: how many alerts did not come.
    """

    began: float = field(default_factory=time.perf_counter)
    memory: list[tuple[float, dict[str, float]]] = field(default_factory=list)
    lag: list[int] = field(default_factory=list)
    latencies: list[float] = field(default_factory=list)
    lost: int = 0

    def growth(self, program: str) -> float:
        """Return by how much a program's memory grew in the second half, MB/min."""
        half = [sample for sample in self.memory if sample[0] >= self.memory[-1][0] / 2]
        if len(half) < 2:
            return math.nan
        slope = np.polyfit([at for at, _ in half], [told[program] for _, told in half], 1)[0]
        return float(60 * slope)


class Lag:
    """How far the stream worker is behind."""

    def __init__(self, kafka: str) -> None:
        self._consumer = KafkaConsumer(bootstrap_servers=kafka, group_id=GROUP, enable_auto_commit=False)
        self._places = [
            TopicPartition(topic, partition)
            for topic in (METRICS, TABLES, CONSOLE, ARTIFACTS, EVENTS, ALERTS)
            for partition in self._consumer.partitions_for_topic(topic) or ()
        ]

    def records(self) -> int:
        """Return how many records are not acknowledged."""
        ends = self._consumer.end_offsets(self._places)
        return sum(ends[place] - (self._consumer.committed(place) or 0) for place in self._places)


class Watch:
    """Looks and logs NaNs, phase after phase."""

    def __init__(self, up: Pipeline, load: Load, receiver: Receiver) -> None:
        self._up, self._load, self._receiver = up, load, receiver
        self._lag = Lag(up.kafka)
        self._nans = 0
        self._run = runwire.init(
            project="bench", id="probe", rank=0, dir=up.home, kafka=up.kafka, settings={"system_interval": 0}
        )

    def close(self) -> None:
        """Finish the run."""
        self._run.finish()

    def phase(self, seconds: float, pause: float) -> Phase:
        """Look for so long, and log a NaN every ``pause`` seconds."""
        phase = Phase()
        next_look = next_nan = 0.0
        while (now := time.perf_counter() - phase.began) < seconds:
            if now >= next_look:
                next_look = now + LOOK_SECONDS
                self.look(phase)
            if now >= next_nan:
                next_nan = now + pause
                self._nan(phase)
            time.sleep(0.1)
        self.look(phase)
        return phase

    def look(self, phase: Phase) -> None:
        """Note what each program takes now, and the lag."""
        programs = {**self._up.programs(), "trainers": self._load.pids}
        memory = {name: sum(map(memory_megabytes, pids)) for name, pids in programs.items()}
        phase.memory.append((time.perf_counter() - phase.began, memory))
        phase.lag.append(self._lag.records())

    def _nan(self, phase: Phase) -> None:
        self._nans += 1
        metric = f"probe{self._nans}/loss"
        logged = time.time()
        self._run.log({metric: math.nan})
        try:
            phase.latencies.append(self._receiver.wait_for("probe", "nonfinite", PATIENCE, metric) - logged)
        except queue.Empty:
            phase.lost += 1


@contextmanager
def outage(pid: int, kind: str) -> Iterator[None]:
    """Keep a process from working, altogether ("frozen") or for most of the time ("slow")."""
    over = threading.Event()

    def stutter() -> None:
        while not over.wait(GOING):
            os.kill(pid, signal.SIGSTOP)
            over.wait(STOPPED)
            os.kill(pid, signal.SIGCONT)

    thread = threading.Thread(target=stutter, daemon=True)
    try:
        if kind == "slow":
            thread.start()
        else:
            os.kill(pid, signal.SIGSTOP)
        yield
    finally:
        over.set()
        if kind == "slow":
            thread.join()
        os.kill(pid, signal.SIGCONT)


def main() -> None:
    """Measure and print."""
    parser = arguments(__doc__)
    parser.add_argument("--minutes", type=float, default=10.0, help="how long the outage is")
    parser.add_argument("--rate", type=float, default=RATE, metavar="POINTS/S", help="what is logged meanwhile")
    parser.add_argument("--outage", choices=("frozen", "slow"), default="frozen")
    args = parser.parse_args()
    logging.getLogger("runwire").setLevel(logging.ERROR)  # the alerts are meant
    receiver = Receiver()
    shape = Shape(rate=args.rate)
    before_seconds, seconds = ROUNDS_BEFORE * PAUSE_BEFORE, 60 * args.minutes
    with (
        pipeline("--alert-webhook", receiver.url) as up,
        training(up, "load", shape) as load,
    ):
        watch = Watch(up, load, receiver)
        pids = up.programs()
        load.log(shape.rows(args.rate * (before_seconds + seconds)))
        before = watch.phase(before_seconds, PAUSE_BEFORE)
        with outage(pids["clickhouse"][0], args.outage):
            during = watch.phase(seconds, PAUSE_DURING)
        resumed = time.perf_counter()
        load.logged()
        caught_up = load.queryable() - resumed
        after = Phase()
        watch.look(after)
        missing = load.points - load.stored()
        restarted = [name for name, pid in up.programs().items() if pid != pids[name]]
        watch.close()
    show(
        args.json,
        Figures(
            f"Memory, MB: ClickHouse is {args.outage} for {args.minutes:g} min, {args.rate:,.0f} points/s are logged",
            ("program", "most before", "most meanwhile", "growth in the second half, MB/min", "after"),
            [
                (
                    name,
                    max(told.get(name, 0.0) for _, told in before.memory),
                    max(told.get(name, 0.0) for _, told in during.memory),
                    during.growth(name),
                    used,
                )
                for name, used in after.memory[-1][1].items()
            ],
            "After: when all was caught up. Kafka holds what was logged on disk.",
        ),
        Figures(
            "From a NaN's log() to the webhook, s",
            ("", "rounds", "median", "longest", "goal", "lost"),
            [
                (name, len(one.latencies), *_spread(one.latencies), ALERT_GOAL, one.lost)
                for name, one in (("before", before), ("meanwhile", during))
            ],
        ),
        Figures(
            "After it",
            (
                "points logged",
                "points missing",
                "most records waiting",
                "waiting after",
                "caught up after, s",
                "restarted",
            ),
            [(load.points, missing, max(during.lag), after.lag[-1], caught_up, ", ".join(restarted) or "none")],
            "Missing: logged less stored. A record waits until it is acknowledged, which is done once a second.",
        ),
    )


def _spread(latencies: list[float]) -> tuple[float | None, float | None]:
    return (statistics.median(latencies), max(latencies)) if latencies else (None, None)


if __name__ == "__main__":
    main()
