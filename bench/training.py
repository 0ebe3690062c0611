"""The parts of ``bench/sdk.py`` that train: how much slower a training is with us, and how its memory grows.

    python bench/training.py train --pairs 4000
    python bench/training.py grow --rows 3000000

The training is the demo's multilayer perceptron. One of its own steps takes a fraction of a millisecond, so that many
of them make a step of which 200 a second are logged.

Two trainings one after the other differ by a tenth and more, for the machine is not the same for a minute. So one
training, with a run that captures all that it can, logs every other step, and which of two it is is drawn: what comes
back each so many steps, as the demo's validation, falls on both alike. What a step takes longer in which it logs is
`log()` with all that it does to the caches. What goes on meanwhile either way is told besides: the CPU time of the
process's other threads. The shipper beside it has a processor of its own or takes some of the training's; what it takes
is in the table of `log()`.
"""

from __future__ import annotations

import argparse
import itertools
import json
import random
import statistics
import sys
import time
from typing import Any

from loggers import resident_mb

import runwire

STEPS_A_SECOND = 200
_WARM_SECONDS = 1.0


def main() -> None:
    """Run a part."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parts = parser.add_subparsers(dest="part", required=True)
    parts.add_parser("train").add_argument("--pairs", type=int, default=4000, help="of a step with and one without")
    parts.add_parser("grow").add_argument("--rows", type=int, default=3_000_000)
    args = parser.parse_args()
    sys.stdout.write(json.dumps(train(args.pairs) if args.part == "train" else grow(args.rows)))


def train(pairs: int) -> dict[str, Any]:
    """Train so many pairs of steps, one logged and one not.

    Returns:
        ``ratio``: how much longer a logged step takes, median over the pairs (0.01 is one percent), and ``error``, its
        standard error; ``others``, the CPU time of the process's other threads, as a share of the time; ``log_us``, the
        median of `log()` by itself; the ``steps_per_second``, the ``pairs`` and the ``inner`` steps of each.
    """
    from threadpoolctl import threadpool_limits  # noqa: PLC0415 -- what only trainings need

    from runwire_server.demo.training import train as perceptron  # noqa: PLC0415

    steps = perceptron(lambda _: 0.05, steps=sys.maxsize, seed=0)
    step, logged, ratios, took = 0, 0.0, [], {True: 0.0, False: 0.0}
    with threadpool_limits(1):
        inner = _inner(steps)
        run = runwire.init(project="bench", config={"inner": inner})
        calls = []
        began, all_cpu, own_cpu = time.perf_counter(), time.process_time(), time.thread_time()
        for _ in range(pairs):
            first = random.random() < 0.5
            for logs in (first, not first):
                before = time.perf_counter()
                for row in itertools.islice(steps, inner):
                    last = row
                if logs:
                    logged = time.perf_counter()
                    run.log(last, step=step)
                after = time.perf_counter()
                took[logs] = after - before
                if logs:
                    calls.append(after - logged)
                step += 1
            ratios.append(took[True] / took[False] - 1)
        seconds = time.perf_counter() - began
        others = time.process_time() - all_cpu - (time.thread_time() - own_cpu)
    run.finish()
    return {
        "ratio": statistics.median(ratios),
        "error": 1.25 * statistics.stdev(ratios) / pairs**0.5,
        "others": others / seconds,
        "log_us": 1e6 * statistics.median(calls),
        "steps_per_second": step / seconds,
        "pairs": pairs,
        "inner": inner,
    }


def grow(rows: int) -> dict[str, Any]:
    """Return how much memory a process has that logs so many rows of ten scalars, after a tenth and at the end."""
    run = runwire.init(project="bench")
    names = [f"group/metric{index}" for index in range(10)]
    early = 0.0
    for step in range(rows):
        run.log(dict.fromkeys(names, step / 7), step=step)
        if step == rows // 10:
            early = resident_mb()
    late = resident_mb()
    run.finish()
    return {"rows": rows, "early_mb": early, "late_mb": late}


def _inner(steps: Any) -> int:
    """Return how many steps of the perceptron take as long as one that is logged."""
    next(steps)  # loads the data
    began, count = time.perf_counter(), 0
    while time.perf_counter() - began < _WARM_SECONDS:
        next(steps)
        count += 1
    return max(round(count / _WARM_SECONDS / STEPS_A_SECOND), 1)


if __name__ == "__main__":
    main()
