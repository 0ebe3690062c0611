"""What ``bench/sdk.py`` times call by call: each logger behind one function, in a process of its own.

    python bench/loggers.py NAME --scalars 10 --calls 200000

It prints what it measured as JSON. A logger is a context manager that gives the call to be timed, and whose end is its
finish; only it imports what it needs, so each runs with whatever Python it is installed for.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import Any
from zlib import crc32

#: In the environment of all that a timed process starts, however it detaches itself.
MARK = "RUNWIRE_BENCH_MARK"
_WARM = 500

Call = Callable[[int], None]


@contextmanager
def bare(folder: Path, data: dict[str, float]) -> Iterator[Call]:
    """The least that keeps a row: JSON, a checksum, one write."""
    import orjson  # noqa: PLC0415, TID251 -- what log() is compared with

    fd = os.open(folder / "bare", os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def call(step: int) -> None:
        data["step"] = step
        body = orjson.dumps(data)
        os.write(fd, len(body).to_bytes(4, "little") + crc32(body).to_bytes(4, "little") + body)

    yield call
    os.close(fd)


@contextmanager
def runwire(folder: Path, data: dict[str, float], **how: Any) -> Iterator[Call]:
    """``run.log()``, with all that a run records besides."""
    import runwire as sdk  # noqa: PLC0415

    run = sdk.init(project="bench", dir=folder, **how)
    yield lambda step: run.log(data, step=step)
    run.finish()


@contextmanager
def wandb(folder: Path, data: dict[str, float]) -> Iterator[Call]:
    """wandb, which keeps its runs on disk."""
    import wandb as sdk  # noqa: PLC0415

    run = sdk.init(project="bench", mode="offline", dir=folder)
    yield lambda step: run.log(data, step=step)
    run.finish()


@contextmanager
def trackio(folder: Path, data: dict[str, float]) -> Iterator[Call]:  # noqa: ARG001 -- TRACKIO_DIR says where
    """Trackio, which keeps its runs in SQLite on this machine."""
    import trackio as sdk  # type: ignore[import-not-found]  # noqa: PLC0415

    sdk.init(project="bench", embed=False)
    yield lambda step: sdk.log(data, step=step)
    sdk.finish()


LOGGERS: dict[str, Callable[[Path, dict[str, float]], AbstractContextManager[Call]]] = {
    "bare": bare,
    "offline": lambda folder, data: runwire(folder, data, mode="offline"),
    "shipping": lambda folder, data: runwire(folder, data, settings={"finish_timeout": 120}),
    "wandb": wandb,
    "trackio": trackio,
}


def cpu_seconds(pid: int | str) -> float:
    """Return what a process has taken so far.

    Raises:
        OSError: there is none.
    """
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident_mb(pid: int | str = "self") -> float:
    """Return the memory that a process has.

    Raises:
        OSError: there is none.
    """
    return int(Path(f"/proc/{pid}/statm").read_text(encoding="utf-8").split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


def beside(mark: str) -> list[int]:
    """Return the processes that a marked process has started, and what those started; not this one."""
    found, wanted = [], f"{MARK}={mark}".encode()
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it has ended, or is somebody else's
            if int(folder.name) != os.getpid() and wanted in (folder / "environ").read_bytes().split(b"\0"):
                found.append(int(folder.name))
    return found


def main() -> None:
    """Time one logger."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("logger", choices=LOGGERS)
    parser.add_argument("--scalars", type=int, default=10, help="of each row")
    parser.add_argument("--calls", type=int, default=200_000, help="that are timed")
    parser.add_argument("--folder", type=Path, required=True, help="an empty one, for what it writes")
    args = parser.parse_args()
    said, sys.stdout = sys.stdout, sys.stderr  # loggers print
    result = _timed(args.logger, args.folder, args.scalars, args.calls)
    said.write(json.dumps(result))
    said.flush()
    os._exit(0)  # what a logger does at the exit is no part of this; it has finished


def _timed(logger: str, folder: Path, scalars: int, calls: int) -> dict[str, Any]:
    data = {f"group/metric{index}": index / 7 for index in range(scalars)}
    clock = time.perf_counter_ns
    with LOGGERS[logger](folder, data) as call:
        for step in range(_WARM):
            call(step)
        times = [0] * calls
        cpu = time.process_time()
        for step in range(calls):
            began = clock()
            call(_WARM + step)
            times[step] = clock() - began
        cpu = time.process_time() - cpu
        ended = clock()
    finish = (clock() - ended) / 1e9
    times.sort()
    points = (calls + _WARM) * scalars / 1e6
    helpers = [pid for pid in beside(os.environ.get(MARK, "")) if pid != os.getppid()]
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    taken = children.ru_utime + children.ru_stime + sum(map(cpu_seconds, helpers))
    return {
        "scalars": scalars,
        "calls": calls,
        "p50_us": times[calls // 2] / 1e3,
        "p99_us": times[calls * 99 // 100] / 1e3,
        "max_us": times[-1] / 1e3,
        "cpu_s_per_million_points": cpu / (calls * scalars / 1e6),
        "beside_cpu_s_per_million_points": taken / points,
        "beside_mb": sum(map(resident_mb, helpers)),
        "finish_s": finish,
    }


if __name__ == "__main__":
    main()
