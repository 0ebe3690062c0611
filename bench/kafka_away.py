"""What a training feels while Kafka does not answer, and what is there afterwards.

A process logs rows at a set rate and times each `log()` while Kafka is stopped (SIGSTOP: whoever asks it waits) for ten
minutes; then Kafka goes on, the run finishes, and what was logged is compared with what is stored.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

from pipeline import Figures, Pipeline, arguments, memory_megabytes, pipeline, show, wait_until

RATE, METRICS = 200, 10
#: s, before and after the outage.
AROUND = 20.0
PATIENCE = 600.0
#: Logs rows of known values at a rate. For each line of its input it prints what `log()` took since the last one, and
#: how many rows there are; at the end of its input it finishes.
TRAINER = """
import select, statistics, sys, time, runwire
rate, metrics = int(sys.argv[1]), int(sys.argv[2])
run = runwire.init(project="bench", id="away", rank=0, settings={"system_interval": 0, "finish_timeout": 600})
print("ready", flush=True)
row, took, began = 0, [], time.perf_counter()
while True:
    data = {f"m{number}": row + number / 16 for number in range(metrics)}
    before = time.perf_counter()
    run.log(data, step=row)
    took.append(time.perf_counter() - before)
    row += 1
    time.sleep(max(0.0, began + row / rate - time.perf_counter()))
    if select.select([sys.stdin], [], [], 0)[0]:
        if not sys.stdin.readline():
            break
        took.sort()
        print(row, statistics.median(took), took[int(0.99 * len(took))], took[-1], flush=True)
        took.clear()
began = time.perf_counter()
run.finish()
print(row, time.perf_counter() - began, flush=True)
"""


class Trainer:
    """The process that logs."""

    def __init__(self, up: Pipeline) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", TRAINER, str(RATE), str(METRICS)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=up.environment(),
            text=True,
        )
        self.pid = self._process.pid
        self._read()

    def phase(self, seconds: float) -> tuple[float, ...]:
        """Let it go on; return its rows so far, and the median, 99th percentile and longest of `log()`, µs."""
        time.sleep(seconds)
        assert self._process.stdin is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        row, *took = map(float, self._read().split())
        return row, *(1e6 * one for one in took)

    def finish(self) -> tuple[int, float]:
        """Have it finish; return how many rows it logged, and how long that took, s."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        row, took = self._read().split()
        self._process.wait()
        return int(row), float(took)

    def _read(self) -> str:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"the training ended with exit code {self._process.wait()}")
        return line


def main() -> None:
    """Measure and print."""
    parser = arguments(__doc__)
    parser.add_argument("--minutes", type=float, default=10.0, help="how long Kafka does not answer")
    args = parser.parse_args()
    rows, memory = [], []
    with pipeline() as up:
        trainer = Trainer(up)

        def look(phase: str, seconds: float) -> None:
            logged, *took = trainer.phase(seconds)
            rows.append((phase, int(logged), *took))
            shipper = up.programs().get("shipper", [])
            memory.append((phase, memory_megabytes(trainer.pid), *map(memory_megabytes, shipper)))

        look("before", AROUND)
        (kafka,) = up.programs()["kafka"]
        os.kill(kafka, signal.SIGSTOP)
        try:
            look("meanwhile", 60 * args.minutes)
        finally:
            os.kill(kafka, signal.SIGCONT)
        resumed = time.perf_counter()
        look("after", AROUND)
        logged, finishing = trainer.finish()
        client = up.store()
        count = "SELECT count() FROM runwire.points WHERE run = 'away'"
        wait_until(lambda: client.query(count).result_rows[0][0] >= logged * METRICS, PATIENCE, "all points are stored")
        stored = time.perf_counter() - resumed
        check = (
            "SELECT count(), countDistinct(metric, step), countIf(value != step + toUInt32(substring(metric, 2)) / 16)"
            " FROM runwire.points WHERE run = 'away'"
        )
        points, places, wrong = client.query(check).result_rows[0]
    show(
        args.json,
        Figures(
            f"log() of {METRICS} metrics at {RATE} rows/s; Kafka is frozen for {args.minutes:g} min",
            ("Kafka", "rows so far", "median, µs", "p99, µs", "longest, µs"),
            rows,
        ),
        Figures("Memory, MB", ("Kafka", "training", "shipper"), memory),
        Figures(
            "Afterwards",
            (
                "points logged",
                "stored",
                "of as many places",
                "with another value",
                "finish(), s",
                "all stored after, s",
            ),
            [(logged * METRICS, points, places, wrong, finishing, stored)],
            "The last is from when Kafka went on, and includes the time that the run still logged.",
        ),
    )


if __name__ == "__main__":
    main()
