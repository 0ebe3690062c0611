"""Training processes that a bench starts, tells to log, and whose points it counts."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pipeline import Pipeline, wait_until
from store import stored

TRAINER = Path(__file__).with_name("trainer.py")
#: A pipeline slower than this is taken for stuck, points/s.
RATE_MIN = 20_000


@dataclass(frozen=True)
class Shape:
    """What is logged.

    Attributes:
        processes: how many log at once.
        runs: of each process.
        metrics: of a row; a row of probes has one more.
        every: steps between two rows.
        rate: points a second of all together; 0 is as fast as may be.
        probe: whether each row tells its time of day, as the metric ``probe``.
        first: rows that the run has behind it.
    """

    processes: int = 1
    runs: int = 1
    metrics: int = 10
    every: int = 1
    rate: float = 0.0
    probe: bool = False
    first: int = 0

    @property
    def series(self) -> int:
        """How many series come of it."""
        return self.processes * self.runs * (self.metrics + self.probe)

    def rows(self, points: float) -> int:
        """Return how many rows each run logs for so many points of all together, one at least."""
        return max(1, round(points / self.series))


class Load:
    """Running training processes; made by `training`."""

    def __init__(self, up: Pipeline, name: str, shape: Shape, processes: list[subprocess.Popen[str]]) -> None:
        self._up, self.name, self._shape, self._processes = up, name, shape, processes
        self._row = shape.first

    @property
    def pids(self) -> list[int]:
        """Their process ids."""
        return [process.pid for process in self._processes]

    @property
    def points(self) -> int:
        """How many points they were told to log so far."""
        return (self._row - self._shape.first) * self._shape.series

    def log(self, rows: int) -> None:
        """Have each run log so many rows, and do not wait for it."""
        for process in self._processes:
            assert process.stdin is not None
            process.stdin.write(f"{rows}\n")
            process.stdin.flush()
        self._row += rows

    def logged(self) -> float:
        """Wait until all rows of the last `log` are logged; return the seconds that the slowest took."""
        took = []
        for process in self._processes:
            assert process.stdout is not None
            line = process.stdout.readline()
            if not line:
                raise RuntimeError(f"a trainer of {self.name} ended with exit code {process.wait()}")
            took.append(float(line))
        return max(took)

    def kill(self) -> None:
        """End them in the middle of what they do."""
        for process in self._processes:
            process.kill()

    def queryable(self, seconds: float = 60.0) -> float:
        """Wait until all that was logged is queryable; return when it was (`time.perf_counter`)."""
        step = (self._row - 1) * self._shape.every
        patience = seconds + self.points / RATE_MIN
        return stored(self._up.store(), f"{self.name}-", self._shape.series, step, patience)

    def stored(self) -> int:
        """Return how many of its points are stored, each counted once."""
        step = self._shape.first * self._shape.every
        sql = f"SELECT count() FROM runwire.points WHERE startsWith(run, '{self.name}-') AND step >= {step}"
        return int(self._up.store().query(sql).result_rows[0][0])

    def check(self) -> None:
        """Count the points that are stored.

        Raises:
            RuntimeError: they are not those that were logged.
        """
        found = self.stored()
        if found != self.points:
            raise RuntimeError(f"{found} points of {self.name} are stored, {self.points} were logged")


@contextmanager
def training(up: Pipeline, name: str, shape: Shape) -> Iterator[Load]:
    """Start training processes, whose runs are NAME-…, and return once all of their runs are known to the store."""
    rate = shape.rate / (shape.processes * (shape.metrics + shape.probe))  # rows/s of one process
    flags = ["--runs", str(shape.runs), "--metrics", str(shape.metrics), "--every", str(shape.every)]
    flags += ["--first", str(shape.first), "--rate", str(rate), *(["--probe"] if shape.probe else [])]
    processes = [
        subprocess.Popen(
            [sys.executable, str(TRAINER), f"{name}-{number}", *flags],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=up.environment(),
            text=True,
        )
        for number in range(shape.processes)
    ]
    try:
        for process in processes:
            assert process.stdout is not None
            if process.stdout.readline() != "ready\n":
                raise RuntimeError(f"a trainer of {name} ended with exit code {process.wait()}")
        client = up.store()
        runs = f"SELECT count() FROM runwire.runs WHERE startsWith(id, '{name}-')"
        begun = shape.processes * shape.runs
        wait_until(lambda: client.query(runs).result_rows[0][0] == begun, 120, f"{begun} runs of {name}")
        yield Load(up, name, shape, processes)
        for process in processes:
            process.communicate(timeout=120)
    finally:
        for process in processes:
            process.kill()
            process.communicate()
