"""What the benches share: a pipeline of their own, how one waits, and how figures are shown."""

from __future__ import annotations

import argparse
import json
import os
import platform
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from clickhouse_connect.driver.client import Client
from rich.console import Console
from rich.table import Table

from runwire import _addresses
from runwire._ready import READY_FD
from runwire.spool.folder import read_json, root
from runwire_server.local import home as homes
from runwire_server.local import ports
from runwire_storage.client import connect


@dataclass(frozen=True)
class Pipeline:
    """A running `runwire up` in a temporary home.

    Attributes:
        home: the home.
        kafka, clickhouse, server: where its programs are, as in ``up.json``.
        workers: process ids of the stream workers beside its own.
    """

    home: Path
    kafka: str
    clickhouse: str
    server: str
    workers: tuple[int, ...] = ()

    def environment(self) -> dict[str, str]:
        """Return the environment in which a trainer logs to this pipeline and to no other."""
        return {**os.environ, "RUNWIRE_HOME": str(self.home), "RUNWIRE_KAFKA": self.kafka}

    def scalar(self, sql: str) -> Any:
        """Return the first value that a query through the server gives."""
        request = urllib.request.Request(
            f"{self.server}/api/sql", json.dumps({"sql": sql}).encode(), {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=60) as reply:
            return json.load(reply)["rows"][0][0]

    def store(self) -> Client:
        """Return a client of its ClickHouse, past the server."""
        return connect(self.clickhouse)

    def programs(self) -> dict[str, list[int]]:
        """Return the process ids of each program: ``up`` is the supervisor, the host's shipper is there if it runs."""
        told = homes.state(self.home)
        found = {"up": [told["pid"]], **{row["name"]: [row["pid"]] for row in told["programs"]}}
        found["stream"].extend(self.workers)
        if shipper := self._shipper():
            found["shipper"] = [shipper]
        return found

    def end_shipper(self) -> None:
        """End the home's shipper, which would stay a while for the next run."""
        if shipper := self._shipper():
            with suppress(ProcessLookupError):
                os.kill(shipper, signal.SIGTERM)

    def _shipper(self) -> int | None:
        pid = read_json(root(self.home, _addresses.hostname()) / "shipper.json").get("pid")
        return pid if isinstance(pid, int) and Path(f"/proc/{pid}").exists() else None


def runwire(*args: str, timeout: float = 120) -> str:
    """Run a `runwire` command and return what it printed; it must succeed."""
    return subprocess.run(
        [sys.executable, "-m", "runwire", *args], check=True, timeout=timeout, stdout=subprocess.PIPE, text=True
    ).stdout


@contextmanager
def pipeline(*flags: str, workers: int = 1) -> Iterator[Pipeline]:
    """Start `runwire up` in a temporary home and stop it again.

    Args:
        flags: of `up`.
        workers: so many stream workers in all.
    """
    with (
        tempfile.TemporaryDirectory(prefix="runwire-bench-", ignore_cleanup_errors=True) as folder,
        ExitStack() as after,
    ):
        home = Path(folder)
        runwire("up", "-d", "--home", folder, "--port", str(ports.free()), *flags, timeout=300)
        after.callback(runwire, "down", "--home", folder)
        told = json.loads((home / "up.json").read_text())
        more = tuple(after.enter_context(_worker(home)) for _ in range(workers - 1))
        up = Pipeline(home, told["kafka"], told["clickhouse"], told["server"], more)
        after.callback(up.end_shipper)
        yield up


@contextmanager
def _worker(home: Path) -> Iterator[int]:
    """Run one more stream worker, which has its partitions; yield its process id."""
    ours, theirs = os.pipe()
    command = [sys.executable, "-m", "runwire", "stream", "--home", str(home)]
    environment = {**os.environ, READY_FD: str(theirs)}
    with (home / "worker.log").open("ab") as log, os.fdopen(ours) as word:
        process = subprocess.Popen(command, stdout=log, stderr=log, env=environment, pass_fds=[theirs])
        os.close(theirs)
        try:
            if not word.readline():
                raise RuntimeError(f"a stream worker did not come up: {(home / 'worker.log').read_text()[-1000:]}")
            yield process.pid
        finally:
            process.terminate()
            process.wait()


def wait_until(condition: Callable[[], bool], seconds: float, what: str) -> float:
    """Ask ``condition`` until it is true and return when it was (`time.perf_counter`).

    Between two questions is a pause of five times what the last one took, so that asking takes little of what is
    measured, and 20 ms at least.

    Raises:
        TimeoutError: it was not within ``seconds``.
    """
    deadline = time.perf_counter() + seconds
    while True:
        asked = time.perf_counter()
        if condition():
            return time.perf_counter()
        now = time.perf_counter()
        if now > deadline:
            raise TimeoutError(f"{what}: not within {seconds:g} s")
        time.sleep(min(max(0.02, 5 * (now - asked)), 1.0))


def cpu_seconds(pid: int) -> float:
    """Return the CPU seconds that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def memory_megabytes(pid: int) -> float:
    """Return a process's proportional share of memory (PSS), which adds up over processes that share pages."""
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) / 1024
    raise RuntimeError(f"/proc/{pid}/smaps_rollup has no Pss line")


def arguments(doc: str | None) -> argparse.ArgumentParser:
    """Return the parser that every bench begins with."""
    parser = argparse.ArgumentParser(description=(doc or "").strip().splitlines()[0])
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the figures to FILE")
    return parser


@dataclass(frozen=True)
class Figures:
    """A table of what was measured.

    Attributes:
        title: what it tells.
        columns: their names, units included; the first names the row.
        rows: numbers and words.
        note: what one must know to read them.
    """

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Any]]
    note: str = ""


def show(file: Path | None, *tables: Figures) -> None:
    """Print tables, and write them as JSON where that was asked for."""
    console = Console()
    wide = Console(width=None if console.is_terminal else 200)  # a file has room for whole columns
    for figures in tables:
        table = Table()
        for place, name in enumerate(figures.columns):
            table.add_column(name, justify="right" if place else "left")
        for row in figures.rows:
            table.add_row(*map(_cell, row))
        wide.print(figures.title, style="bold", highlight=False, markup=False)
        wide.print(table)
        wide.print(figures.note + "\n" if figures.note else "", highlight=False, markup=False)
    if file is not None:
        told = {
            "machine": {"cpus": os.cpu_count(), "processor": platform.processor(), "python": platform.python_version()},
            "tables": [
                {
                    "title": figures.title,
                    "note": figures.note,
                    "rows": [dict(zip(figures.columns, row, strict=True)) for row in figures.rows],
                }
                for figures in tables
            ],
        }
        file.write_text(json.dumps(told, indent=2))


def _cell(value: Any) -> str:
    if value is None:
        return "–"
    if isinstance(value, int):
        return f"{value:,}"
    if not isinstance(value, float):
        return str(value)
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"
