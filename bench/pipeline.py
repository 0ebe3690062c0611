"""What the benches share: a pipeline of their own, trainers, and how figures are shown."""

from __future__ import annotations

import argparse
import json
import os
import platform
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table


@dataclass(frozen=True)
class Pipeline:
    """A running `runwire up` in a temporary home.

    Attributes:
        home: the home.
        kafka, clickhouse, server: where its programs are, as in ``up.json``.
    """

    home: Path
    kafka: str
    clickhouse: str
    server: str

    def environment(self) -> dict[str, str]:
        """Return the environment in which a trainer logs to this pipeline and to no other."""
        return {**os.environ, "RUNWIRE_HOME": str(self.home)}

    def scalar(self, sql: str) -> Any:
        """Return the first value that a query through the server gives."""
        request = urllib.request.Request(
            f"{self.server}/api/sql", json.dumps({"sql": sql}).encode(), {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=60) as reply:
            return json.load(reply)["rows"][0][0]

    def processes(self) -> dict[str, int]:
        """Return the programs' process ids by name, the supervisor's among them as ``up``."""
        status = json.loads(runwire("status", "--json", "--home", str(self.home)))
        return {item["name"]: item["pid"] for item in status["programs"]}


def runwire(*args: str, timeout: float = 120) -> str:
    """Run a `runwire` command and return what it printed; it must succeed."""
    return subprocess.run(
        [sys.executable, "-m", "runwire", *args], check=True, timeout=timeout, stdout=subprocess.PIPE, text=True
    ).stdout


@contextmanager
def pipeline(*flags: str) -> Iterator[Pipeline]:
    """Start `runwire up` in a temporary home and stop it again."""
    with tempfile.TemporaryDirectory(prefix="runwire-bench-") as folder:
        home = Path(folder)
        runwire("up", "-d", "--home", folder, "--port", str(_free_port()), *flags, timeout=300)
        try:
            told = json.loads((home / "up.json").read_text())
            yield Pipeline(home, told["kafka"], told["clickhouse"], told["server"])
        finally:
            runwire("down", "--home", folder)


def wait_until(condition: Any, seconds: float, what: str) -> float:
    """Ask ``condition`` until it is true and return when it was (`time.perf_counter`).

    Raises:
        TimeoutError: it was not within ``seconds``.
    """
    deadline = time.perf_counter() + seconds
    while not condition():
        if time.perf_counter() > deadline:
            raise TimeoutError(f"{what}: not within {seconds:g} s")
        time.sleep(0.02)
    return time.perf_counter()


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


def show(title: str, columns: Sequence[str], rows: Sequence[Sequence[Any]], file: Path | None, **more: Any) -> None:
    """Print a table, and write it as JSON where that was asked for."""
    table = Table(*columns, title=title, title_justify="left")
    for row in rows:
        table.add_row(*map(_cell, row))
    console = Console()
    Console(width=None if console.is_terminal else 160).print(table)  # a file has room for whole columns
    if file is not None:
        figures = {
            "title": title,
            "machine": {"cpus": os.cpu_count(), "processor": platform.processor(), "python": platform.python_version()},
            "rows": [dict(zip(columns, row, strict=True)) for row in rows],
            **more,
        }
        file.write_text(json.dumps(figures, indent=2))


def _cell(value: Any) -> str:
    if not isinstance(value, float):
        return str(value)
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port
