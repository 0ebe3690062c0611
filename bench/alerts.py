"""How long from a NaN, or a killed training process, to the webhook, while another run logs at full speed."""

from __future__ import annotations

import os
import signal
import statistics
import subprocess
import sys
import time

from pipeline import Figures, Pipeline, arguments, pipeline, show, wait_until
from webhook import Receiver

#: Logs at full speed until it is killed.
LOAD = """
import random, sys, runwire
values = [{f"m{i}": random.random() for i in range(10)} for _ in range(1000)]
run = runwire.init(project="bench", id="load", settings={"system_interval": 0})
for step in range(10**9):
    run.log(values[step % 1000])
"""

#: Logs ten steps a second; told "nan", it logs one and prints when.
VICTIM = """
import math, select, sys, time, runwire
run = runwire.init(project="bench", id=sys.argv[1])
step = 0
while True:
    run.log({"loss": 1 / (1 + step)})
    step += 1
    if select.select([sys.stdin], [], [], 0.1)[0]:
        sys.stdin.readline()
        print(time.time(), flush=True)
        run.log({"loss": math.nan})
"""


def victim(up: Pipeline, run: str) -> subprocess.Popen[str]:
    """Start a training process that waits to go wrong, and return once its points are queryable."""
    process = subprocess.Popen(
        [sys.executable, "-c", VICTIM, run],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=up.environment(),
        text=True,
    )
    wait_until(lambda: up.scalar(f"SELECT count() FROM series WHERE run = '{run}'") == 1, 60, f"{run}'s points")
    return process


def main() -> None:
    """Measure and print."""
    parser = arguments(__doc__)
    parser.add_argument("--rounds", type=int, default=10)
    args = parser.parse_args()
    receiver = Receiver()
    after_nan, after_kill = [], []
    with pipeline("--alert-webhook", f"http://127.0.0.1:{receiver.server_port}/") as up:
        load = subprocess.Popen([sys.executable, "-c", LOAD], stderr=subprocess.DEVNULL, env=up.environment())
        try:
            for number in range(args.rounds):
                run, other = f"nan-{number}", f"killed-{number}"  # what follows a NaN in its run is no page of its own
                process, doomed = victim(up, run), victim(up, other)
                assert process.stdin is not None
                assert process.stdout is not None
                process.stdin.write("nan\n")
                process.stdin.flush()
                logged = float(process.stdout.readline())
                after_nan.append(receiver.wait_for(run, "nonfinite", 30) - logged)
                killed = time.time()
                os.kill(doomed.pid, signal.SIGKILL)
                doomed.wait()
                after_kill.append(receiver.wait_for(other, "crash", 30) - killed)
                process.kill()
                process.wait()
            load_points = up.scalar("SELECT sum(last_step + 1) FROM series WHERE run = 'load'")
        finally:
            load.kill()
            load.wait()
    rows = [
        (what, len(times), statistics.median(times), max(times), goal)
        for what, times, goal in (("NaN logged", after_nan, 1.0), ("process killed", after_kill, 3.0))
    ]
    show(
        args.json,
        Figures(
            f"From cause to webhook, beside a run that stored {load_points:,} points meanwhile",
            ("cause", "rounds", "median, s", "longest, s", "goal, s"),
            rows,
        ),
    )


if __name__ == "__main__":
    main()
