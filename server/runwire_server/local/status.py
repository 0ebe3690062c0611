"""How the programs of a home do: ``runwire status``."""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runwire_server.local import home as homes

if TYPE_CHECKING:
    from rich.table import Table

_LOOK = 0.25  # seconds over which the CPU's use is measured


@dataclass(frozen=True)
class ProgramStatus:
    """One program.

    Attributes:
        name: of the program; ``up`` is the supervisor itself.
        state: waiting, starting, ready, failed (it will be started again), stopping, stopped, or existing (a server
            that ``up`` was told to use).
        pid: its process id, if it runs here.
        since: Unix seconds at which that state began.
        restarts: how often it was started again.
        address: where it is found, if anywhere.
        memory: bytes that it takes; what it shares with others counts in parts.
        cpu: percent of a core, over a quarter of a second just now.
    """

    name: str
    state: str
    pid: int | None
    since: float | None
    restarts: int = 0
    address: str | None = None
    memory: int | None = None
    cpu: float | None = None


@dataclass(frozen=True)
class Status:
    """A home's pipeline.

    Attributes:
        home: the home.
        running: whether an ``up`` runs on it.
        ready: whether all of its programs are ready.
        programs: each of them, the supervisor first; empty when nothing runs.
    """

    home: str
    running: bool
    ready: bool
    programs: list[ProgramStatus]

    def as_json(self) -> dict[str, Any]:
        """The same as plain data."""
        return asdict(self)


def status(home: Path) -> Status:
    """How the programs of ``home`` do.

    Raises:
        HomeError: the home cannot be read.
    """
    pid = homes.holder(home)
    told = homes.state(home)
    if pid is None or told.get("pid") != pid:  # none runs, or it has only just begun
        return Status(str(home), pid is not None, ready=False, programs=[])
    rows = told["programs"]
    weights = _weigh([pid, *(row["pid"] for row in rows if row["pid"])])
    programs = [ProgramStatus("up", "ready", pid, told["since"], 0, None, *weights.get(pid, (None, None)))]
    programs += [
        ProgramStatus(
            name=row["name"],
            state=row["state"] if row["ours"] or row["state"] != "ready" else "existing",
            pid=row["pid"],
            since=row["since"],
            restarts=row["restarts"],
            address=row["address"],
            memory=weights.get(row["pid"], (None, None))[0],
            cpu=weights.get(row["pid"], (None, None))[1],
        )
        for row in rows
    ]
    return Status(str(home), running=True, ready=all(row["state"] == "ready" for row in rows), programs=programs)


def _weigh(pids: list[int]) -> dict[int, tuple[int, float]]:
    """Memory in bytes and CPU in percent of each process that is there."""
    import psutil  # noqa: PLC0415 - not for those who only want to know whether `up` runs

    looked = {}
    for pid in pids:
        with suppress(psutil.Error):  # it ended since it was written down
            looked[pid] = psutil.Process(pid)
            looked[pid].cpu_percent()  # begins the measurement
    time.sleep(_LOOK)
    weights = {}
    for pid, process in looked.items():
        with suppress(psutil.Error):
            memory = process.memory_full_info()
            weights[pid] = (getattr(memory, "pss", memory.rss), process.cpu_percent())
    return weights


def as_table(told: Status) -> Table:
    """The same for people."""
    from rich.table import Table  # noqa: PLC0415

    table = Table(box=None, pad_edge=False, header_style="dim")
    for column in ("program", "state", "pid", "for", "restarts", "memory", "cpu", "address"):
        table.add_column(column, justify="right" if column in {"pid", "for", "restarts", "memory", "cpu"} else "left")
    for program in told.programs:
        good = program.state in {"ready", "existing"}
        table.add_row(
            program.name,
            f"[{'green' if good else 'yellow'}]{program.state}[/]",
            str(program.pid or ""),
            _span(time.time() - program.since) if program.since else "",
            str(program.restarts or ""),
            f"{program.memory / 1e6:.0f} MB" if program.memory else "",
            f"{program.cpu:.0f} %" if program.cpu is not None else "",
            program.address or "",
        )
    table.add_section()
    memory = sum(program.memory or 0 for program in told.programs)
    cpu = sum(program.cpu or 0 for program in told.programs)
    table.add_row("all", "", "", "", "", f"{memory / 1e6:.0f} MB", f"{cpu:.0f} %", "")
    return table


def _span(seconds: float) -> str:
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"
