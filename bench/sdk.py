"""What the SDK costs a training, beside the least that any logger must do, and beside other loggers.

    python bench/sdk.py [--others PYTHON] [--part NAME …] [--kafka HOST:PORT] [--json FILE]

``log``: rows of 1, 10, 100 and 1,000 scalars, each call by itself, each logger in a process of its own: ``log()``
offline, ``log()`` while the shipper carries every row to Kafka (where there is one: ``--kafka``, or one that this bench
starts), a bare ``orjson.dumps`` + CRC + ``os.write`` of the same dict, and, where PYTHON has them installed, wandb
offline and Trackio. What the clock itself costs (some 50 ns a call) is in every number.
``start``: ``import runwire`` in new processes, ``init()`` the first time in new processes and again in one.
``train``: a training of 200 steps a second, with all that a run records, of which every other step logs.
``grow``: the memory of a process that logs three million rows.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from loggers import MARK, beside

FOLDER = Path(__file__).parent
OURS, OTHERS = ("bare", "offline", "shipping"), ("wandb", "trackio")
NAMES = {
    "bare": "orjson + CRC + write",
    "offline": "log(), offline",
    "shipping": "log(), shipper at work",
    "wandb": "wandb, offline",
    "trackio": "Trackio",
}
SCALARS = (1, 10, 100, 1000)
#: Calls by scalars; the others, which take ten times as long and more, get a tenth.
CALLS = {1: 200_000, 10: 200_000, 100: 40_000, 1000: 10_000}
IMPORTS, FIRST_INITS, INITS = 20, 5, 20
GROW_ROWS = 3_000_000
PAIRS = 4000
PARTS = ("log", "start", "train", "grow")

_IMPORT = "import time; t = time.perf_counter(); import runwire; print((time.perf_counter() - t) * 1e3)"
_INIT = """
import sys, time, runwire
for _ in range(int(sys.argv[1])):
    t = time.perf_counter()
    run = runwire.init(project="bench", settings={"finish_timeout": 0})
    print((time.perf_counter() - t) * 1e3)
    run.finish()
"""


def main() -> None:
    """Run the bench."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--others", metavar="PYTHON", default=sys.executable, help="that has wandb and trackio")
    parser.add_argument("--part", choices=PARTS, action="append", help="these alone")
    parser.add_argument("--scale", type=float, default=1.0, help="of calls, pairs and rows")
    parser.add_argument("--kafka", metavar="HOST:PORT", help="a Kafka with Runwire's topics; none: one is started")
    parser.add_argument("--json", metavar="FILE", type=Path, help="write the same as data")
    args = parser.parse_args()
    results: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder, _kafka(args.kafka, Path(folder)) as kafka:
        bench = Bench(Path(folder), kafka, args.scale, args.others)
        for part in args.part or PARTS:
            results[part] = getattr(bench, part)()
    if args.json:
        machine = {"python": platform.python_version(), "cpus": os.cpu_count(), "machine": platform.machine()}
        args.json.write_text(json.dumps({"bench": "sdk", **machine, "results": results}, indent=2))


class Bench:
    """The parts, which print what they measure and return it as data.

    Args:
        folder: where homes are put.
        kafka: ``host:port``.
        scale: of calls, pairs and rows.
        others: the Python that may have other loggers.
    """

    def __init__(self, folder: Path, kafka: str, scale: float, others: str) -> None:
        self._folder, self._kafka, self._scale, self._others = folder, kafka, scale, others
        self._marks = 0

    def log(self) -> list[dict[str, Any]]:
        """Time each call of each logger."""
        found = []
        print("rows logged one by one; times in µs; CPU in seconds a million points, of the process and beside it\n")
        print(f"{'':26}{'scalars':>8}{'p50':>9}{'p99':>9}{'max':>10}{'CPU':>8}{'beside':>8}{'MB':>6}{'finish s':>10}")
        there = [name for name in OTHERS if self._has(name)]
        for scalars in SCALARS:
            for name in (*OURS, *there):
                calls = int(CALLS[scalars] * self._scale / (10 if name in OTHERS else 1))
                one = {"logger": name, **self._timed(name, scalars, calls)}
                found.append(one)
                print(
                    f"{NAMES[name]:26}{scalars:8,}{one['p50_us']:9.2f}{one['p99_us']:9.2f}{one['max_us']:10.0f}"
                    f"{one['cpu_s_per_million_points']:8.2f}{one['beside_cpu_s_per_million_points']:8.2f}"
                    f"{one['beside_mb']:6.0f}{one['finish_s']:10.2f}",
                    flush=True,
                )
        for name in OTHERS:
            if name not in there:
                print(f"{NAMES[name]}: {self._others} does not have it (--others)")
        print("goals for 10 scalars: p50 <= 5 and p99 <= 20 µs\n")
        return found

    def start(self) -> dict[str, Any]:
        """Time the import, and the beginning of runs."""
        with self._environment() as environment:
            imports = [_times(environment, _IMPORT)[0] for _ in range(IMPORTS)]
        firsts = []
        for _ in range(FIRST_INITS):
            with self._environment() as environment:
                firsts += _times(environment, _INIT, "1")
        with self._environment() as environment:
            later = _times(environment, _INIT, str(INITS + 1))[1:]
        found = {}
        for name, times in (("import runwire", imports), ("the first init()", firsts), ("a later init()", later)):
            found[name] = {"p50_ms": sorted(times)[len(times) // 2], "max_ms": max(times)}
            print(f"{name}: p50 {found[name]['p50_ms']:.1f} ms, at most {max(times):.1f} of {len(times)}")
        print("goals: import <= 60 ms, init() <= 50 ms\n")
        return found

    def train(self) -> dict[str, Any]:
        """Compare steps of a training that log with such that do not."""
        with self._environment() as environment:
            words = [sys.executable, str(FOLDER / "training.py"), "train", "--pairs", str(int(PAIRS * self._scale))]
            found: dict[str, Any] = json.loads(_output(words, environment))
        print(
            f"a training of {found['steps_per_second']:.0f} steps/s, of {found['inner']} small ones each: a step that "
            f"logs takes {found['ratio']:+.2%} (± {found['error']:.2%}), log() {found['log_us']:.0f} µs of it; the "
            f"process's other threads take {found['others']:.2%}; {found['pairs']:,} pairs of steps"
        )
        print("goal: <= 1 %\n")
        return found

    def grow(self) -> dict[str, Any]:
        """Measure how a process grows."""
        with self._environment() as environment:
            words = [sys.executable, str(FOLDER / "training.py"), "grow", "--rows", str(int(GROW_ROWS * self._scale))]
            found: dict[str, Any] = json.loads(_output(words, environment))
        grown = found["late_mb"] - found["early_mb"]
        print(f"{found['rows']:,} rows of 10: {found['early_mb']:.1f} MB after a tenth, {grown:+.1f} MB at the end")
        print("goal: <= 20 MB\n")
        return found

    def _timed(self, name: str, scalars: int, calls: int) -> dict[str, Any]:
        with self._environment() as environment:
            python = self._others if name in OTHERS else sys.executable
            words = [python, str(FOLDER / "loggers.py"), name, "--scalars", str(scalars), "--calls", str(calls)]
            found: dict[str, Any] = json.loads(_output([*words, "--folder", environment["RUNWIRE_HOME"]], environment))
            return found

    def _has(self, module: str) -> bool:
        done = subprocess.run([self._others, "-c", f"import {module}"], capture_output=True, check=False)
        return done.returncode == 0

    @contextlib.contextmanager
    def _environment(self) -> Iterator[dict[str, str]]:
        """Give the environment of a home of its own; whatever was started in it ends afterwards."""
        self._marks += 1
        home = self._folder / f"home-{self._marks}"
        home.mkdir()
        environment = {name: value for name, value in os.environ.items() if not name.startswith("RUNWIRE_")}
        environment |= {"RUNWIRE_HOME": str(home), "RUNWIRE_CONFIG": str(home / "none.toml"), MARK: home.name}
        environment |= {"RUNWIRE_KAFKA": self._kafka, "TRACKIO_DIR": str(home), "WANDB_SILENT": "true"}
        try:
            yield environment
        finally:
            for pid in beside(home.name):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, 9)


def _output(words: list[str], environment: dict[str, str]) -> str:
    done = subprocess.run(words, env=environment, capture_output=True, check=False)
    if done.returncode:
        sys.exit(f"{' '.join(words)} failed:\n{done.stderr.decode(errors='replace')}")
    return done.stdout.decode()


def _times(environment: dict[str, str], code: str, *words: str) -> list[float]:
    return [float(line) for line in _output([sys.executable, "-c", code, *words], environment).splitlines()]


@contextlib.contextmanager
def _kafka(given: str | None, folder: Path) -> Iterator[str]:
    if given:
        yield given
        return
    from runwire_server.local import ports, topics  # noqa: PLC0415 -- only where one is started

    home = folder / "kafka"
    home.mkdir()
    address = f"{ports.HOST}:{ports.free()}"
    command = [sys.executable, "-m", "runwire", "kafka", "--home", str(home), "--port", address.rpartition(":")[2]]
    with (home / "said").open("wb") as said, subprocess.Popen(command, stdout=said, stderr=said) as process:
        try:
            topics.create(address, timeout=120)
            yield address
        finally:
            process.terminate()


if __name__ == "__main__":
    main()
