"""How long from a cause to the webhook, beside a thousand runs that pulse, and what alerting takes for it.

Cases: with nothing else logged; beside a run that logs at full speed; with the stream worker frozen; with ClickHouse
frozen. In each, NaNs are logged and processes killed, one after the other. In the first, nodes end as well: a node is a
training and its shipper under a host name of their own, in a process namespace that the kernel ends as a whole.
"""

from __future__ import annotations

import math
import os
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext, suppress
from pathlib import Path
from types import TracebackType

from load import Shape, training
from meter import Meter
from pipeline import Figures, Pipeline, arguments, pipeline, show, wait_until
from webhook import Receiver

PROCESSES = 4
HEARTBEAT_AFTER = 10.0
GOALS = {"nan": 1.0, "kill": 3.0, "node": HEARTBEAT_AFTER + 2.0}
WORDS = {"nan": "NaN logged", "kill": "process killed", "node": "node gone"}
CPU_GOAL = 30.0
PATIENCE = 60.0
AUTOGROUP = Path("/proc/sys/kernel/sched_autogroup_enabled")
#: Logs at full speed until it is killed.
LOAD = """
import random, runwire
values = [{f"m{i}": random.random() for i in range(10)} for _ in range(1000)]
run = runwire.init(project="bench", id="load", settings={"system_interval": 0})
for step in range(10**9):
    run.log(values[step % 1000])
"""

#: Has so many runs, each of which logs two rows a second; told a run's number, it logs a NaN in it and prints when.
VICTIM = """
import math, select, sys, time, runwire
name, count = sys.argv[1], int(sys.argv[2])
runs = [
    runwire.init(project="bench", id=f"{name}-{i}", rank=0, reinit="create_new", settings={"system_interval": 0})
    for i in range(count)
]
step = 0
while True:
    for run in runs:
        run.log({"loss": 1 + 1 / (1 + step)}, step=step)
    step += 1
    if select.select([sys.stdin], [], [], 0.5)[0]:
        run = runs[int(sys.stdin.readline())]
        print(time.time(), flush=True)
        run.log({"loss": math.nan}, step=step)
"""
NODE = ("unshare", "--map-root-user", "--uts", "--pid", "--mount-proc", "--fork", "--kill-child")


class Victims:
    """Training processes that wait to go wrong, one after the other.

    Args:
        up: where they log.
        name: their runs are NAME-….
        count: how many runs there are for each cause.
    """

    def __init__(self, up: Pipeline, name: str, count: Mapping[str, int]) -> None:
        self._up, self._name, self._count = up, name, count
        self._processes: dict[str, list[subprocess.Popen[str]]] = {}
        self._after = ExitStack()

    def __enter__(self) -> Victims:  # noqa: PYI034 -- Self is not in Python 3.10
        with self._after:  # until all of them are there
            for cause, count in self._count.items():
                one = cause == "nan"  # a process survives its NaN
                self._processes[cause] = [
                    self._start(f"{self._name}-{cause}-{number}", count if one else 1, node=cause == "node")
                    for number in range(1 if one else count)
                ]
            client, wanted = self._up.store(), sum(self._count.values())
            sql = f"SELECT count() FROM runwire.series WHERE startsWith(run, '{self._name}-')"
            wait_until(lambda: client.query(sql).result_rows[0][0] == wanted, PATIENCE, f"the runs {self._name}-…")
            self._after = self._after.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._after.close()

    def happen(self, cause: str, receiver: Receiver) -> list[float]:
        """Let a cause happen to its runs, one after the other; return the seconds from each to the webhook."""
        return [self._happen(cause, number, receiver) for number in range(self._count[cause])]

    def _happen(self, cause: str, number: int, receiver: Receiver) -> float:
        if cause != "nan":
            began = time.time()
            self._processes[cause][number].kill()
            run, rule = f"{self._name}-{cause}-{number}-0", "host_lost" if cause == "node" else "crash"
            return receiver.wait_for(run, rule, PATIENCE) - began
        process = self._processes[cause][0]
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(f"{number}\n")
        process.stdin.flush()
        began = float(process.stdout.readline())
        return receiver.wait_for(f"{self._name}-nan-0-{number}", "nonfinite", PATIENCE) - began

    def _start(self, name: str, runs: int, *, node: bool) -> subprocess.Popen[str]:
        command = [sys.executable, "-c", VICTIM, name, str(runs)]
        environment = self._up.environment()
        if node:
            command = [*NODE, "sh", "-c", 'hostname "$0" && exec "$@"', name, *command]
            environment["RUNWIRE_HOME"] = str(self._up.home / name)
        pipe = subprocess.PIPE
        process = subprocess.Popen(
            command, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL, env=environment, text=True
        )
        self._after.callback(process.communicate)
        self._after.callback(process.kill)
        return process


@contextmanager
def full_speed(up: Pipeline) -> Iterator[None]:
    """Have a run log at full speed."""
    with subprocess.Popen([sys.executable, "-c", LOAD], stderr=subprocess.DEVNULL, env=up.environment()) as load:
        try:
            wait_until(lambda: up.scalar("SELECT count() FROM series WHERE run = 'load'") > 0, 60, "the load's points")
            yield
        finally:
            load.kill()


@contextmanager
def frozen(up: Pipeline, program: str) -> Iterator[None]:
    """Freeze a program of `up` meanwhile."""
    pids = up.programs()[program]
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)


def sessions() -> str:
    """Return how processors are shared out, on which the times depend where all are busy (decision 0043)."""
    with suppress(OSError):
        on = AUTOGROUP.read_text().strip() != "0"
        return (
            f"Linux shares processors out by {'sessions, and then by threads' if on else 'threads'} ({AUTOGROUP.name})."
        )
    return ""


def main() -> None:
    """Measure and print."""
    parser = arguments(__doc__)
    parser.add_argument("--runs", type=int, default=1000, help="that pulse")
    parser.add_argument("--metrics", type=int, default=20, help="of each, a row a second")
    parser.add_argument("--nans", type=int, default=100, help="a case")
    parser.add_argument("--kills", type=int, default=10, help="a case, half of them where something is frozen")
    parser.add_argument("--nodes", type=int, default=3, help="in the first case")
    parser.add_argument("--seconds", type=int, default=20, help="in which CPU is measured, before anything goes wrong")
    args = parser.parse_args()
    os.environ["RUNWIRE_ALERT_HEARTBEAT_AFTER"] = str(HEARTBEAT_AFTER)
    receiver = Receiver()
    runs = args.runs // PROCESSES
    shape = Shape(PROCESSES, runs, args.metrics, rate=float(runs * PROCESSES * args.metrics))
    took, used = [], []
    with pipeline("--alert-webhook", receiver.url) as up:
        cases: dict[str, tuple[AbstractContextManager[None], dict[str, int]]] = {
            "pulses alone": (nullcontext(), {"nan": args.nans, "kill": args.kills, "node": args.nodes}),
            "a run at full speed": (full_speed(up), {"nan": args.nans, "kill": args.kills}),
            "stream frozen": (frozen(up, "stream"), {"nan": args.kills, "kill": args.kills // 2}),
            "ClickHouse frozen": (frozen(up, "clickhouse"), {"nan": args.kills, "kill": args.kills // 2}),
        }
        with training(up, "pulsing", shape) as load, ExitStack() as after:
            load.log(10**6)  # for as long as it takes
            waiting = [
                after.enter_context(Victims(up, f"victim{number}", count))
                for number, (_, count) in enumerate(cases.values())
            ]
            for victims, (case, (condition, count)) in zip(waiting, cases.items(), strict=True):
                with condition:
                    with Meter({"alerting": up.programs()["alerting"]}) as meter:
                        time.sleep(args.seconds)
                    used.append((case, 100 * meter.cpu["alerting"] / meter.seconds, meter.peak["alerting"], CPU_GOAL))
                    for cause in count:
                        seconds = sorted(victims.happen(cause, receiver))
                        place = math.ceil(0.99 * len(seconds)) - 1
                        row = (len(seconds), statistics.median(seconds), seconds[place], seconds[-1], GOALS[cause])
                        took.append((f"{WORDS[cause]}, {case}", *row))
                        print(*took[-1], file=sys.stderr, flush=True)  # it takes minutes
            load.kill()
    show(
        args.json,
        Figures(
            f"From cause to webhook, beside {runs * PROCESSES:,} runs that pulse",
            ("cause", "times", "median, s", "p99, s", "longest, s", "goal, s"),
            took,
            f"A node is called lost {HEARTBEAT_AFTER:g} s after its last pulse here. {sessions()}",
        ),
        Figures("Alerting", ("beside the pulses", "CPU, % of a core", "most memory, MB", "goal, %"), used),
    )


if __name__ == "__main__":
    main()
