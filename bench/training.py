"""The parts of ``bench/sdk.py`` that train: how much slower a training is with us, and how its memory grows.

    python bench/training.py train [--runwire]      a turn for each line on stdin
    python bench/training.py grow --rows 3000000

The training is the demo's multilayer perceptron. One of its own steps takes a fraction of a millisecond, so that many
of them make a logged step that 200 a second are logged.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import signal
import statistics
import subprocess
import sys
import time
from contextlib import suppress
from typing import IO, Any

from loggers import MARK, beside, resident_mb

import runwire

STEPS_A_SECOND = 200
_WARM_SECONDS = 1.0
_EVERY = 50


def main() -> None:
    """Run a part."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parts = parser.add_subparsers(dest="part", required=True)
    one = parts.add_parser("train")
    one.add_argument("--runwire", action="store_true", help="with a run that records all that it can")
    one.add_argument("--inner", type=int, help="steps of the perceptron a logged step (default: measured)")
    parts.add_parser("grow").add_argument("--rows", type=int, default=3_000_000)
    args = parser.parse_args()
    if args.part == "train":
        train(logs=args.runwire, inner=args.inner)
    else:
        sys.stdout.write(json.dumps(grow(args.rows)))


def train(*, logs: bool, inner: int | None) -> None:
    """Train as many logged steps as each line of stdin says, and print what they took: seconds, CPU seconds."""
    from threadpoolctl import threadpool_limits  # noqa: PLC0415 -- what only trainings need

    from runwire_server.demo.training import train as perceptron  # noqa: PLC0415

    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")  # beside what may be captured
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    steps = perceptron(lambda _: 0.05, steps=sys.maxsize, seed=0)
    with threadpool_limits(1):
        inner = inner or _inner(steps)
        run = runwire.init(project="bench", config={"inner": inner}) if logs else None
        print(inner, file=answers, flush=True)
        step = 0
        for line in sys.stdin:
            began, cpu = time.perf_counter(), time.process_time()
            for _ in range(int(line)):
                for row in itertools.islice(steps, inner):
                    last = row
                if run is not None:
                    run.log(last, step=step)
                if step % _EVERY == 0:
                    print(f"step {step}: loss {last['train/loss']:.4f}")
                step += 1
            took = time.perf_counter() - began, time.process_time() - cpu
            print(json.dumps(took), file=answers, flush=True)
    if run is not None:
        run.finish()


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


class Trainer:
    """A training in a process of its own, which goes on when it is its turn; else it and all it started stand still.

    Args:
        environment: of the process; it holds the mark.
        words: of its command line.
    """

    def __init__(self, environment: dict[str, str], *words: str) -> None:
        self._mark = environment[MARK]
        self._process = subprocess.Popen(
            [sys.executable, __file__, "train", *words],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        self.inner = int(_pipe(self._process.stdout).readline())

    def turn(self, steps: int) -> tuple[float, float]:
        """Return the seconds, and the CPU seconds of the process, that so many logged steps took."""
        self._signal(signal.SIGCONT)
        into = _pipe(self._process.stdin)
        into.write(f"{steps}\n")
        into.flush()
        seconds, cpu = json.loads(_pipe(self._process.stdout).readline())
        self._signal(signal.SIGSTOP)
        return seconds, cpu

    def end(self) -> None:
        """Let it finish."""
        self._signal(signal.SIGCONT)
        _pipe(self._process.stdin).close()
        self._process.wait()
        _pipe(self._process.stdout).close()

    def _signal(self, number: signal.Signals) -> None:
        for pid in beside(self._mark):
            with suppress(ProcessLookupError):
                os.kill(pid, number)


def slowdown(with_us: dict[str, str], without: dict[str, str], pairs: int) -> dict[str, Any]:
    """Let two trainings take turns of half a second, one with us and one without, and compare them pair by pair.

    Args:
        with_us: the environment of the one.
        without: of the other.
        pairs: how many turns each has; who comes first changes from pair to pair.

    Returns:
        ``seconds_ratio`` and ``cpu_ratio``: how much more a turn takes with us, median over the pairs (0.01 is one
        percent), each with its standard error; and the logged steps a second of both.
    """
    plain = Trainer(without)
    ours = Trainer(with_us, "--runwire", "--inner", str(plain.inner))
    steps = STEPS_A_SECOND // 2
    both = (ours, plain)
    for one in both:
        one.turn(int(STEPS_A_SECOND * _WARM_SECONDS))
    took = []
    for number in range(pairs):
        order = both if number % 2 else both[::-1]
        turns = {one: one.turn(steps) for one in order}
        took.append((turns[ours], turns[plain]))
    for one in both:
        one.end()
    result: dict[str, Any] = {"pairs": pairs, "inner": plain.inner}
    for place, name in enumerate(("seconds", "cpu")):
        ratios = [mine[place] / theirs[place] - 1 for mine, theirs in took]
        result[f"{name}_ratio"] = statistics.median(ratios)
        result[f"{name}_error"] = 1.25 * statistics.stdev(ratios) / pairs**0.5
    result["steps_per_second"] = [steps * pairs / sum(pair[place][0] for pair in took) for place in range(2)]
    return result


def _inner(steps: Any) -> int:
    """Return how many steps of the perceptron take as long as one that is logged."""
    next(steps)  # loads the data
    began, count = time.perf_counter(), 0
    while time.perf_counter() - began < _WARM_SECONDS:
        next(steps)
        count += 1
    return max(round(count / _WARM_SECONDS / STEPS_A_SECOND), 1)


def _pipe(pipe: IO[str] | None) -> IO[str]:
    assert pipe is not None
    return pipe


if __name__ == "__main__":
    main()
