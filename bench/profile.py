"""Where each program's time goes while runs log as fast as may be.

py-spy samples the programs that are Python. In Kafka, and in ClickHouse's engine beneath its Python, it sees nothing:
there, the kernel says what each thread took.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from contextlib import ExitStack, suppress
from pathlib import Path

from load import Shape, training
from meter import Meter
from pipeline import Figures, arguments, pipeline, show

PY_SPY = Path(sys.executable).with_name("py-spy")
#: Samples a second.
RATE = 100
#: So many functions of each program are shown, by their own time and by that with what they call.
SHOWN = 10
BLIND = ("kafka", "clickhouse")
#: Logged before it is looked at, s.
WARM = 2.0


def record(pid: int, seconds: int, file: Path) -> subprocess.Popen[bytes]:
    """Start py-spy on a process: folded stacks into ``file``."""
    command = [str(PY_SPY), "record", "--pid", str(pid), "--duration", str(seconds), "--rate", str(RATE)]
    # Not stopping the process for each sample leaves it its speed, and tells threads that wait from those that work.
    command += ["--nonblocking", "--format", "raw", "--function", "--output", str(file)]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


def shares(file: Path) -> tuple[list[tuple[str, float, float]], int]:
    """Return the functions that took most, and how many samples there are.

    Of each: its name, its own percentage of all samples, and that with what it calls; by the latter, our own functions
    alone are chosen, since that of the event loop's and the threads' says nothing.
    """
    own: Counter[str] = Counter()
    below: Counter[str] = Counter()
    ours: Counter[str] = Counter()
    for line in file.read_text().splitlines():
        stack, _, count = line.rpartition(" ")
        frames = stack.split(";")
        own[_brief(stack.rpartition(";")[2])] += int(count)
        for name in {_brief(frame) for frame in frames}:
            below[name] += int(count)
        for name in {_brief(frame) for frame in frames if "(runwire" in frame}:
            ours[name] += int(count)
    everything = own.total() or 1
    most = dict.fromkeys(name for counter in (own, ours) for name, _ in counter.most_common(SHOWN))
    rows = [(name, 100 * own[name] / everything, 100 * below[name] / everything) for name in most]
    return sorted(rows, key=lambda row: row[1:], reverse=True), own.total()


def _brief(frame: str) -> str:
    """Return ``name (file)`` with the file's last two parts, and no line."""
    name, _, file = frame.partition(" (")
    file = re.sub(r":\d+$", "", file.rstrip(")"))
    return f"{name} ({'/'.join(file.split('/')[-2:])})" if file else name


def thread_seconds(pid: int) -> dict[str, float]:
    """Return the CPU seconds of a process by its threads' names, numbers left out."""
    found: dict[str, float] = defaultdict(float)
    for task in Path(f"/proc/{pid}/task").iterdir():
        with suppress(FileNotFoundError, ProcessLookupError):  # a thread that ended just now
            before, _, after = (task / "stat").read_text().rpartition(")")
            fields = after.split()
            name = re.sub(r"[\d#]+", "*", before.partition("(")[2])
            found[name] += (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return found


def main() -> None:
    """Measure and print."""
    parser = arguments(__doc__)
    parser.add_argument("--seconds", type=int, default=20, help="how long it is looked at")
    parser.add_argument("--processes", type=int, default=1, help="how many log")
    parser.add_argument("--runs", type=int, default=1, help="of each process")
    parser.add_argument("--metrics", type=int, default=10, help="of a row")
    parser.add_argument("--rate", type=float, default=0.0, metavar="POINTS/S", help="else as fast as may be")
    parser.add_argument("--folder", type=Path, help="keep py-spy's files there, folded stacks")
    args = parser.parse_args()
    tables = []
    with ExitStack() as after:
        folder = args.folder or Path(after.enter_context(tempfile.TemporaryDirectory()))
        folder.mkdir(parents=True, exist_ok=True)
        up = after.enter_context(pipeline())
        load = after.enter_context(training(up, "load", Shape(args.processes, args.runs, args.metrics, rate=args.rate)))
        load.log(10**9)
        time.sleep(WARM)
        programs = {**up.programs(), "trainers": load.pids}
        before = {name: thread_seconds(programs[name][0]) for name in BLIND}
        with Meter(programs) as meter:
            spies = {
                name: record(pids[0], args.seconds, folder / f"{name}.txt")
                for name, pids in programs.items()
                if name not in BLIND
            }
            for name, spy in spies.items():
                _, said = spy.communicate()
                if spy.returncode:
                    raise RuntimeError(f"py-spy cannot look into {name}: {said.decode()[-500:]}")
        after_it = {name: thread_seconds(programs[name][0]) for name in BLIND}
        load.kill()
        for name, spent in meter.cpu.items():
            title = f"{name}: {100 * spent / meter.seconds:.0f} % of a core"
            if name in BLIND:
                took = {thread: used - before[name].get(thread, 0.0) for thread, used in after_it[name].items()}
                most = sorted(took.items(), key=lambda item: item[1], reverse=True)[:SHOWN]
                rows = [(thread, 100 * used / meter.seconds) for thread, used in most]
                note = "Threads of the same name together, those that still are; py-spy sees nothing here."
                tables.append(Figures(title, ("thread", "CPU, % of a core"), rows, note))
            else:
                functions, samples = shares(folder / f"{name}.txt")
                columns = ("function", "itself, %", "with what it calls, %")
                note = f"Of {samples} samples of threads at work, {RATE} a second. Few samples tell little."
                tables.append(Figures(title, columns, functions, note))
    show(args.json, *tables)


if __name__ == "__main__":
    main()
