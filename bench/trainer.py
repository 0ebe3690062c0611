"""A training process of the benches: logs as many rows as it is told to, of one run or of many.

It prints "ready" when its runs have begun. Each line that it reads is a number of rows, which each of its runs then
logs; when they are logged, it prints how many seconds that took. At the end of its input it finishes its runs.

Several runs in one process are `runwire.Run` objects, each with its own spool, lock and thread, as those of so many
processes would be; 500 processes of 40 MB each would not fit beside the pipeline.
"""

from __future__ import annotations

import argparse
import os
import random
import resource
import sys
import time
from collections.abc import Sequence

import runwire

#: Floats that are made beforehand. A row takes a slice of them, each row another one, so that no metric repeats itself
#: within as many rows, and what is stored is as hard to compress as noise.
FLOATS = 1 << 18
_STRIDE, _STRIDE_OF_RUNS = 161_803, 98_765  # odd, so that they come by every place
#: A paced trainer that is ahead by less goes on: a sleep would overshoot.
AHEAD_SECONDS = 0.001


def begin(name: str, count: int) -> list[runwire.Run]:
    """Begin the runs."""
    if count == 1:
        return [runwire.init(project="bench", id=f"{name}-0", rank=0)]
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))  # each run has two files open
    return [
        runwire.init(project="bench", id=f"{name}-{number}", rank=0, reinit="create_new") for number in range(count)
    ]


class Source:
    """Rows of so many metrics, each made of other floats."""

    def __init__(self, seed: str, metrics: int) -> None:
        draw = random.Random(seed).gauss
        self._floats = [draw(0, 1) for _ in range(FLOATS)]
        self._floats += self._floats[:metrics]
        self._names = [f"m{number}" for number in range(metrics)]

    def fill(self, data: dict[str, float], row: int, run: int) -> None:
        """Put a row's values into ``data``."""
        start = (row * _STRIDE + run * _STRIDE_OF_RUNS) % FLOATS
        data.update(zip(self._names, self._floats[start : start + len(self._names)]))  # noqa: B905 -- as many of each


def log(runs: Sequence[runwire.Run], source: Source, rows: range, *, every: int, rate: float, probe: bool) -> None:
    """Log rows of each run, evenly at ``rate`` rows a second of all runs together; 0 is as fast as may be."""
    began = time.perf_counter()
    logged = 0
    data: dict[str, float] = {}
    for row in rows:
        for number, run in enumerate(runs):
            source.fill(data, row, number)
            if probe:
                data["probe"] = time.time()
            run.log(data, step=row * every)
            if rate:
                logged += 1
                ahead = began + logged / rate - time.perf_counter()
                if ahead > AHEAD_SECONDS:
                    time.sleep(ahead)


def main() -> None:
    """Do as told."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", help="the runs are NAME-0, NAME-1, …")
    parser.add_argument("--runs", type=int, default=1)
    parser.add_argument("--metrics", type=int, default=10, help="of a row")
    parser.add_argument("--every", type=int, default=1, help="steps between two rows")
    parser.add_argument("--first", type=int, default=0, help="rows that the run has behind it")
    parser.add_argument("--rate", type=float, default=0.0, help="rows a second of all its runs; 0: as fast as may be")
    parser.add_argument("--probe", action="store_true", help="log the time of day, too, as the metric `probe`")
    args = parser.parse_args()
    os.environ["RUNWIRE_FINISH_TIMEOUT"] = "0"  # whether all arrives is for the bench to see
    os.environ["RUNWIRE_SYSTEM_INTERVAL"] = "0"  # it counts the points that it logs
    source = Source(args.name, args.metrics)
    runs = begin(args.name, args.runs)
    print("ready", flush=True)
    first = args.first
    for line in sys.stdin:
        began = time.perf_counter()
        rows = range(first, first + int(line))
        log(runs, source, rows, every=args.every, rate=args.rate, probe=args.probe)
        first = rows.stop
        print(time.perf_counter() - began, flush=True)
    for run in runs:
        run.finish()


if __name__ == "__main__":
    main()
