"""By how much a real training is slower with a run beside it and all that a run captures, than without.

The demo's training (a multilayer perceptron in numpy, one thread) takes so many batches for a step that it makes about
200 steps a second, and logs each step. By turns it runs in a process without a run, in one with a run that captures
what it does by default, and in one with a run that captures nothing. Told is what the same steps take longer than in
the process without a run that came before, in time and in the process' own CPU, the companion thread's included; what
`init` and `finish` take is not.

Limits: processes that take turns meet the machine at different moments, so the median of the rounds is told with its
quartiles, and only a quiet machine can tell a percent. No pipeline is there, so the shipper looks and delivers nothing:
what delivery takes on the same host is `bench/sdk.py`'s.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from itertools import islice
from pathlib import Path
from typing import Any

from pipeline import Figures, arguments, show

import runwire
from runwire_server.demo.training import cosine, train

GOAL_PERCENT = 1.0
STEPS_A_SECOND = 200
WARM_UP = 100

#: What a run is begun with, by the word for it.
MODES: dict[str, dict[str, Any] | None] = {
    "no run": None,
    "a run, all captured": {},
    "a run, a sample each second": {"system_interval": 1},
    "a run, nothing captured": {"system_interval": 0, "code": False, "packages": False, "machine": False},
}


def main() -> None:
    """Measure and print, or be one of the processes."""
    parser = arguments(__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=1000, help="of each process")
    parser.add_argument("--mode", choices=MODES, help="train in this process")
    parser.add_argument("--batches", type=int, default=0, help="of a step; 0 for as many as make 200 steps a second")
    args = parser.parse_args()
    batches = args.batches or _batches()
    if args.mode:
        print(json.dumps(_train(args.mode, args.steps, batches)))
        return
    found: dict[str, list[dict[str, float]]] = {mode: [] for mode in MODES}
    for _ in range(args.rounds):
        for mode in MODES:
            found[mode].append(_process(mode, args.steps, batches))
    bare = found.pop("no run")
    rows = []
    for mode, rounds in found.items():
        for what in ("time", "cpu"):
            percents = [100 * (its[what] / its_bare[what] - 1) for its, its_bare in zip(rounds, bare, strict=True)]
            low, middle, high = statistics.quantiles(percents, n=4)
            rows.append((f"{mode}: {what}", low, middle, high))
    step = statistics.median(its["time"] for its in bare) / args.steps
    note = f"{args.rounds} rounds of {args.steps} steps of {1e3 * step:.2f} ms. The goal is {GOAL_PERCENT:g} %."
    columns = ("", "lower quartile", "median", "upper quartile")
    show(args.json, Figures("Slower than without a run, %", columns, rows, note))


def _process(mode: str, steps: int, batches: int) -> dict[str, float]:
    command = [sys.executable, __file__, "--mode", mode, "--steps", str(steps), "--batches", str(batches)]
    with tempfile.TemporaryDirectory(prefix="runwire-bench-", ignore_cleanup_errors=True) as home:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("RUNWIRE_")}
        environment = {**kept, "RUNWIRE_HOME": home, "RUNWIRE_CONFIG": str(Path(home) / "none.toml")}
        done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True)
    told: dict[str, float] = json.loads(done.stdout)
    return told


def _train(mode: str, steps: int, batches: int) -> dict[str, float]:
    """Train, and return what the steps took: time and CPU of this process, in seconds."""
    settings = MODES[mode]
    run = None if settings is None else runwire.init(project="bench", settings={"finish_timeout": 0, **settings})
    rows = train(cosine(0.5, (steps + WARM_UP) * batches), (steps + WARM_UP) * batches, seed=0)
    for step in range(steps + WARM_UP):
        if step == WARM_UP:
            began, used = time.perf_counter(), time.process_time()
        for row in islice(rows, batches):
            last = row
        if run is not None:
            run.log(last, step=step)
    took = {"time": time.perf_counter() - began, "cpu": time.process_time() - used}
    if run is not None:
        run.finish()
    return took


def _batches() -> int:
    """Return with how many batches a step takes as long as it is to."""
    count = 1000
    rows = train(cosine(0.5, count), count, seed=0)
    next(rows)
    began = time.perf_counter()
    for _ in rows:
        pass
    return max(1, round(count / (time.perf_counter() - began) / STEPS_A_SECOND))


if __name__ == "__main__":
    main()
