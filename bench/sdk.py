"""What ``log()`` costs a training, beside the least that any logger must do.

    python bench/sdk.py [--calls 200000] [--kafka HOST:PORT] [--json FILE]

Three things are timed call by call, each in a process of its own: ``log()`` of 10 scalars without a shipper, the same
while the shipper carries every row to Kafka (where there is one: ``--kafka``, or a Kafka that this bench starts), and
a bare ``orjson.dumps`` + CRC + ``os.write`` of the same dict. The ratio is ``log()`` to that. ``init()`` is timed over
20 runs. What the clock itself costs (some 50 ns a call) is in every number.
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
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from zlib import crc32

import orjson  # noqa: TID251 -- what log() is compared with

import runwire
from runwire import _addresses
from runwire.spool.folder import read_json, root
from runwire.spool.lock import hold

SCALARS = 10
INITS = 20


def main() -> None:
    """Run the bench."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=200_000, help="calls timed for each row of the table")
    parser.add_argument("--kafka", metavar="HOST:PORT", help="a Kafka with Runwire's topics; none: one is started")
    parser.add_argument("--json", metavar="FILE", type=Path, help="write the same as data")
    parser.add_argument("--part", choices=PARTS, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.part:
        sys.stdout.write(json.dumps(PARTS[args.part](args.calls)))
        return
    with tempfile.TemporaryDirectory() as folder, _kafka(args.kafka, Path(folder)) as kafka:
        results = {
            "bare": _part("bare", args.calls, Path(folder) / "bare"),
            "offline": _part("log", args.calls, Path(folder) / "offline", shipper=False),
            "shipping": _part("log", args.calls, Path(folder) / "shipping", kafka),
            "init": _part("init", INITS, Path(folder) / "init", kafka),
        }
    _print(results, args.calls)
    if args.json:
        machine = {"python": platform.python_version(), "cpus": os.cpu_count(), "machine": platform.machine()}
        args.json.write_text(json.dumps({"bench": "sdk", **machine, "calls": args.calls, "results": results}, indent=2))


def bare(calls: int) -> dict[str, Any]:
    """Time the least: JSON, checksum, one write."""
    fd = os.open(Path(os.environ["RUNWIRE_HOME"]) / "bare", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    data = _data()

    def call(step: int) -> None:
        data["step"] = step
        body = orjson.dumps(data)
        os.write(fd, len(body).to_bytes(4, "little") + crc32(body).to_bytes(4, "little") + body)

    return _timed(call, calls)


def log(calls: int) -> dict[str, Any]:
    """Time ``run.log()``, and what the shipper takes meanwhile and after."""
    run = runwire.init(project="bench")
    data = _data()
    result = _timed(lambda step: run.log(data, step=step), calls)
    began = time.perf_counter()
    run.finish()
    result["finish_s"] = time.perf_counter() - began
    pid = _shipper(_addresses.find_home())
    if pid:
        result["shipper_cpu_s_per_million_points"] = _cpu_seconds(pid) / (calls * SCALARS / 1e6)
        result["shipper_rss_mb"] = _rss_mb(pid)
        os.kill(pid, 15)
    return result


def init(calls: int) -> dict[str, Any]:
    """Time ``runwire.init()``, the first one with the start of a shipper."""
    os.environ["RUNWIRE_FINISH_TIMEOUT"] = "0"
    times = []
    for _ in range(calls):
        began = time.perf_counter_ns()
        run = runwire.init(project="bench")
        times.append(time.perf_counter_ns() - began)
        run.finish()
    pid = _shipper(_addresses.find_home())
    if pid:
        os.kill(pid, 15)
    return {"first_ms": times[0] / 1e6, "p50_ms": sorted(times)[len(times) // 2] / 1e6, "max_ms": max(times) / 1e6}


PARTS = {"bare": bare, "log": log, "init": init}


def _data() -> dict[str, float]:
    return {f"group/metric{index}": index / 7 for index in range(SCALARS)}


def _timed(call: Any, calls: int) -> dict[str, Any]:
    clock = time.perf_counter_ns
    for step in range(1000):
        call(step)
    times = [0] * calls
    cpu = time.process_time()
    for step in range(calls):
        began = clock()
        call(step)
        times[step] = clock() - began
    cpu = time.process_time() - cpu
    times.sort()
    return {
        "p50_us": times[calls // 2] / 1e3,
        "p99_us": times[calls * 99 // 100] / 1e3,
        "max_us": times[-1] / 1e3,
        "cpu_s_per_million_points": cpu / (calls * SCALARS / 1e6),
    }


def _part(part: str, calls: int, home: Path, kafka: str | None = None, *, shipper: bool = True) -> dict[str, Any]:
    spools = root(home, _addresses.hostname())
    spools.mkdir(parents=True)
    if not shipper:
        hold(spools / "shipper.lock")  # whoever holds it is the shipper: this process, which does nothing
    environment = {name: value for name, value in os.environ.items() if not name.startswith("RUNWIRE_")}
    environment |= {"RUNWIRE_HOME": str(home), "RUNWIRE_CONFIG": str(home / "none.toml")}
    if kafka:
        environment["RUNWIRE_KAFKA"] = kafka
    command = [sys.executable, __file__, "--part", part, "--calls", str(calls)]
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True)
    result: dict[str, Any] = json.loads(done.stdout)
    return result


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


def _shipper(home: Path) -> int | None:
    pid = read_json(root(home, _addresses.hostname()) / "shipper.json").get("pid")
    return pid if isinstance(pid, int) else None


def _cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _rss_mb(pid: int) -> float:
    return int(Path(f"/proc/{pid}/statm").read_text(encoding="utf-8").split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


def _print(results: dict[str, dict[str, Any]], calls: int) -> None:
    bare_p50 = results["bare"]["p50_us"]
    print(f"{calls:,} calls of {SCALARS} scalars, one by one; times in µs\n")
    print(f"{'':34}{'p50':>8}{'p99':>8}{'max':>10}{'ratio':>8}{'CPU s / million points':>26}")
    names = {"bare": "orjson + CRC + write", "offline": "log(), no shipper", "shipping": "log(), shipper at work"}
    for key, name in names.items():
        one = results[key]
        print(
            f"{name:34}{one['p50_us']:8.2f}{one['p99_us']:8.2f}{one['max_us']:10.0f}{one['p50_us'] / bare_p50:8.2f}"
            f"{one['cpu_s_per_million_points']:26.3f}"
        )
    shipping, start = results["shipping"], results["init"]
    if "shipper_cpu_s_per_million_points" in shipping:
        print(
            f"{'the shipper itself':34}{'':34}{shipping['shipper_cpu_s_per_million_points']:26.3f}"
            f"   ({shipping['shipper_rss_mb']:.0f} MB of memory)"
        )
    print(f"\nfinish() took {shipping['finish_s']:.2f} s after the last row, until all of it was in Kafka")
    print(f"init() took {start['first_ms']:.1f} ms with the start of a shipper, {start['p50_ms']:.1f} ms (p50) without")
    print("goals: log() p50 <= 10 and p99 <= 50 µs, init() <= 100 ms")


if __name__ == "__main__":
    main()
