"""A home for each test, and what arrives in Kafka of a run."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from parts import until

from producers.arrival import Reading
from runwire import _addresses
from runwire.spool.folder import read_json, root
from runwire.spool.lock import held


@pytest.fixture(autouse=True)
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the settings of whoever runs the tests out of them."""
    for name in [
        name
        for name in os.environ
        if name.startswith(("RUNWIRE_", "SLURM_", "OMPI_", "PMI")) or name in {"RANK", "LOCAL_RANK"}
    ]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    for name in ("CODE", "PACKAGES", "MACHINE", "CONSOLE"):  # what comes when it comes; test_surroundings looks at it
        monkeypatch.setenv(f"RUNWIRE_{name}", "false")
    monkeypatch.setenv("RUNWIRE_SYSTEM_INTERVAL", "0")  # likewise; test_system


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A home of the test's own; its shipper, if one was started, is stopped afterwards."""
    home = tmp_path / "home"
    monkeypatch.setenv("RUNWIRE_HOME", str(home))
    yield home
    stop_shipper(home)


def spools(home: Path) -> Path:
    """This host's spools in a home."""
    return root(home, _addresses.hostname())


def shipper(home: Path) -> int | None:
    """The process id of the shipper that runs, None if none does."""
    if not held(spools(home) / "shipper.lock"):
        return None
    pid = read_json(spools(home) / "shipper.json").get("pid")
    return pid if isinstance(pid, int) else None


def stop_shipper(home: Path) -> None:
    """SIGKILL the shippers of a home until there is none."""

    def gone() -> bool:
        pid = shipper(home)
        if pid is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        return not held(spools(home) / "shipper.lock")

    until(gone, "the shipper dies")


@pytest.fixture
def train(home: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Start a training process: ``train(code, **environment)``, with its output in pipes."""
    started: list[subprocess.Popen[str]] = []

    def start(code: str, **environment: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-c", code],
            env={**os.environ, "RUNWIRE_HOME": str(home), **environment},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


@pytest.fixture
def reading(kafka: str) -> Iterator[Callable[[str], Reading]]:
    """Read what arrives of a run: ``reading(run)``."""
    with contextlib.ExitStack() as stack:

        def read(run: str) -> Reading:
            made = Reading(kafka, run)
            stack.callback(made.close)
            return made

        yield read
