"""Points a second from the first log() to the last point queryable, everything on this machine."""

from __future__ import annotations

import subprocess
import sys
import time

from pipeline import Pipeline, arguments, cpu_seconds, pipeline, show, wait_until

#: One training process: logs ROWS rows of METRICS floats as fast as it can.
TRAINER = """
import random, sys, runwire
run_id, rows, metrics = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
names = [f"m{i}" for i in range(metrics)]
values = [{name: random.random() for name in names} for _ in range(1000)]
run = runwire.init(project="bench", id=run_id)
sys.stdin.readline()
for step in range(rows):
    run.log(values[step % 1000], step=step)
run.finish()
"""


def measure(up: Pipeline, processes: int, rows: int, metrics: int) -> tuple[float, dict[str, float]]:
    """Log from ``processes`` at once and return seconds until all is queryable, and CPU seconds by program."""
    prefix = f"b{processes}x{metrics}-"
    trainers = [
        subprocess.Popen(
            [sys.executable, "-c", TRAINER, f"{prefix}{number}", str(rows), str(metrics)],
            stdin=subprocess.PIPE,
            env=up.environment(),
            text=True,
        )
        for number in range(processes)
    ]
    wait_until(
        lambda: up.scalar(f"SELECT count() FROM runs WHERE startsWith(id, '{prefix}')") == processes, 30, "the runs"
    )
    pids = up.processes()
    before = {name: cpu_seconds(pid) for name, pid in pids.items()}
    began = time.perf_counter()
    for trainer in trainers:
        assert trainer.stdin is not None
        trainer.stdin.write("go\n")
        trainer.stdin.flush()
    ended = wait_until(
        lambda: (
            up.scalar(f"SELECT countIf(last_step = {rows - 1}) FROM series WHERE startsWith(run, '{prefix}')")
            == processes * metrics
        ),
        60 + processes * rows * metrics / 50_000,
        "all points queryable",
    )
    for trainer in trainers:
        trainer.wait(60)
    stored = up.scalar(f"SELECT count() FROM points WHERE startsWith(run, '{prefix}')")
    if stored != processes * rows * metrics:
        raise RuntimeError(f"{stored} points are stored, {processes * rows * metrics} were logged")
    return ended - began, {name: cpu_seconds(pid) - before[name] for name, pid in pids.items()}


def main() -> None:
    """Measure and print."""
    parser = arguments(__doc__)
    parser.add_argument("--rows", type=int, default=200_000, help="rows of all processes together")
    parser.add_argument("--metrics", type=int, default=10)
    args = parser.parse_args()
    table = []
    names: list[str] = []
    with pipeline() as up:
        for processes in (1, 4):
            seconds, cpu = measure(up, processes, args.rows // processes, args.metrics)
            points = args.rows // processes * processes * args.metrics
            names = list(cpu)
            table.append(
                (
                    processes,
                    args.metrics,
                    points,
                    seconds,
                    points / seconds,
                    *(value * 1e6 / points for value in cpu.values()),
                )
            )
    columns = ("processes", "metrics", "points", "seconds", "points/s", *(f"{name}, CPU s/M" for name in names))
    show("Ingest, log() to queryable", columns, table, args.json)


if __name__ == "__main__":
    main()
