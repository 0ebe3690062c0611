"""A server of the tests' own, started as a user starts it, and something in its store."""

from __future__ import annotations

import contextlib
import math
import sys
from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from parts import ready

from runwire.errors import UnavailableError
from runwire.wire import ALERTS, EVENTS, METRICS, Alert, Event, Frame, encode
from runwire_faust.message import Message
from runwire_server.local import ports
from runwire_storage.client import connect
from runwire_storage.migrations import migrate
from runwire_storage.session import Session
from runwire_stream.ingest import Ingest

PROJECT = "served"
RUN = "served-otter"
NAME = "otter"
STEPS = 5_000
NAN_STEP = 4_000
TIME = 1_700_000_000_000_000
_ROWS = 10_000


@dataclass
class Server:
    url: str
    log: Path
    pid: int


@contextlib.contextmanager
def running(clickhouse: str, home: Path, *flags: str) -> Iterator[Server]:
    """``runwire server`` on a free port, listening; stopped afterwards, with exit code 0."""
    port = ports.free()
    home.mkdir(exist_ok=True)
    log = home / "server.log"
    argv = [sys.executable, "-m", "runwire", "server", "--home", str(home), "--clickhouse", clickhouse, *flags]
    argv += ["--port", str(port)]
    with ready(argv, log) as process:
        yield Server(f"http://127.0.0.1:{port}", log, process.pid)
        process.terminate()
        assert process.wait(30) == 0, log.read_text()


@contextlib.contextmanager
def filled(clickhouse: str, home: Path) -> Iterator[Server]:
    """A server over a store that holds a run."""
    fill(clickhouse)
    with running(clickhouse, home) as server:
        yield server


def loss(step: int) -> float:
    return math.nan if step == NAN_STEP else 2.0 / (1 + step / 100)


def fill(clickhouse: str, steps: int = STEPS) -> None:
    """Store a run with two curves of so many steps, a NaN in one, and the alert that tells of it."""
    migrate(connect(clickhouse))
    data: dict[str, Any] = {
        "project": PROJECT,
        "name": NAME,
        "config": {"lr": 0.1, "layers": [64, 10]},
        "tags": ["a b"],
    }
    alert = Alert(
        id="served-alert", episode=1, state="firing", rule="nonfinite", severity="critical", run=RUN, project=PROJECT,
        name=NAME, host="here", title="train/loss is NaN", text="…", fired_at=TIME + 10, version=1, rank=0,
        metric="train/loss", step=NAN_STEP, value=math.nan, before=[(NAN_STEP - 1, 0.5)],
    )  # fmt: skip
    values = [
        (EVENTS, Event("start", RUN, 0, 1, TIME, data).encode()),
        *((METRICS, rows(range(start, min(start + _ROWS, steps)))) for start in range(0, steps, _ROWS)),
        (ALERTS, alert.encode()),
    ]
    records = [Message(topic, 0, place, None, value) for place, (topic, value) in enumerate(values)]
    assert Ingest(Session(clickhouse, _Impatient())).store(records) == []


def rows(steps: range) -> bytes:
    """One record of both curves."""
    planes = [
        array("Q", [100 + step for step in steps]).tobytes(),
        array("q", steps).tobytes(),
        array("q", [TIME + step for step in steps]).tobytes(),
        array("d", map(loss, steps)).tobytes(),
        array("d", [0.1] * len(steps)).tobytes(),
    ]
    return encode(RUN, 0, [Frame(["train/loss", "lr"], len(steps), planes)])


def log_ranks(clickhouse: str, run: str, values: list[float]) -> None:
    """Store a run whose rank r has logged ``values[r]`` as step_seconds, 500 times."""
    records = []
    for rank, value in enumerate(values):
        planes = [array("Q", range(1, 501)), array("q", range(500)), array("q", range(500)), array("d", [value] * 500)]
        frame = Frame(["step_seconds"], 500, [plane.tobytes() for plane in planes])
        records.append(Message(METRICS, 0, rank, None, encode(run, rank, [frame])))
    records.append(Message(EVENTS, 0, 0, None, Event("start", run, 0, 1, TIME, {"project": PROJECT}).encode()))
    assert Ingest(Session(clickhouse, _Impatient())).store(records) == []


class _Impatient:
    def wait(self, error: UnavailableError) -> None:
        raise error

    def over(self) -> None:
        pass
