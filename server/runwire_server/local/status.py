"""How the programs of a home do, how far they are behind, and what waits here: ``runwire status``."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runwire import _addresses
from runwire.errors import UnavailableError
from runwire_server.local import home as homes

if TYPE_CHECKING:
    from rich.table import Table

    from runwire_server.local.lag import GroupLag

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
        spool_waiting_bytes: what waits in this host's spools of the home, whoever is to take it.
        programs: each of them, the supervisor first; empty when nothing runs.
        lag: how far each worker's group is behind; empty while Kafka does not tell.
        lag_problem: why it does not; None if it does, or nothing runs.
    """

    home: str
    running: bool
    ready: bool
    spool_waiting_bytes: int
    programs: list[ProgramStatus] = field(default_factory=list)
    lag: list[GroupLag] = field(default_factory=list)
    lag_problem: str | None = None

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
    waiting = _waiting(home)
    if pid is None or told.get("pid") != pid:  # none runs, or it has only just begun
        return Status(str(home), running=pid is not None, ready=False, spool_waiting_bytes=waiting)
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
    lag, problem = _lag(rows)
    return Status(
        str(home),
        running=True,
        ready=all(row["state"] == "ready" for row in rows),
        spool_waiting_bytes=waiting,
        programs=programs,
        lag=lag,
        lag_problem=problem,
    )


def _lag(rows: list[dict[str, Any]]) -> tuple[list[GroupLag], str | None]:
    """What Kafka tells of the groups, and why it tells nothing."""
    kafka = next(row for row in rows if row["name"] == "kafka")
    if kafka["state"] != "ready":
        return [], f"Kafka, which knows, is {kafka['state']}"
    from runwire_server.local.lag import lag  # noqa: PLC0415 - loads a Kafka client

    try:
        return lag(kafka["address"]), None
    except UnavailableError as error:
        return [], str(error)


def _waiting(home: Path) -> int:
    """Bytes in this host's spools that are not delivered, as their shipper last wrote down."""
    from runwire.shipper.delivery import Delivery  # noqa: PLC0415 - as above
    from runwire.spool import Meta  # noqa: PLC0415
    from runwire.spool.folder import found, root  # noqa: PLC0415

    waiting = 0
    for folder in found(root(home, _addresses.hostname())):
        meta = Meta.read(folder)
        with suppress(OSError):  # another user's
            waiting += Delivery(folder, meta).waiting() if meta is not None else 0
    return waiting


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


def as_sentences(told: Status) -> Iterator[str]:
    """What else there is to tell people, in lines."""
    states = {program.name: program.state for program in told.programs}
    for group in told.lag:
        yield behind(group, states.get(group.name))
    if told.lag_problem is not None:
        yield f"how far the workers are behind is not known: {told.lag_problem}"
    yield f"{told.spool_waiting_bytes / 1e6:.1f} MB wait in this host's spools"


def behind(group: GroupLag, state: str | None = None) -> str:
    """One group in a sentence; ``state`` is the worker's, if it is ours."""
    if state not in {None, "ready"}:
        reader = f", and its worker is {state}"
    else:
        reader = "" if group.workers or state else ", and no worker reads them"
    if not group.records:
        return f"{group.name:<10} nothing waits for it{reader}"
    age = "of unknown age" if group.seconds is None else f"the oldest {group.seconds:.1f} s old"
    return f"{group.name:<10} {group.records:,} records wait for it, {age}{reader}"


def _span(seconds: float) -> str:
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"
