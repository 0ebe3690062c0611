"""The real parts that tests run against, started by the product's own launcher on free loopback ports."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import pytest

from runwire._ready import READY_FD
from runwire_server.local import home as homes
from runwire_server.local import launch, ports, topics

T = TypeVar("T")

PATIENCE = 120.0  # seconds, for the slowest thing a test may wait for


def until(condition: Callable[[], T | None], what: str, timeout: float = PATIENCE) -> T:
    """Return the first true value of ``condition``; fails the test, naming ``what``, if none comes in time."""
    end = time.monotonic() + timeout
    while not (value := condition()):
        if time.monotonic() > end:
            pytest.fail(f"{what}: not within {timeout:.0f} s")
        time.sleep(0.02)
    return value


@dataclass
class Pipeline:
    """A running ``runwire up``.

    Attributes:
        home: its home.
        process: the supervisor.
        said: the file that holds what it printed.
        kafka: ``host:port``.
        clickhouse: URL.
        server: URL.
    """

    home: Path
    process: subprocess.Popen[bytes]
    said: Path
    kafka: str
    clickhouse: str
    server: str

    def pid(self, program: str) -> int:
        """The process id of one of its programs, once it is ready."""
        until(lambda: self._told(program)["state"] == "ready", f"{program} ready")
        return int(self._told(program)["pid"])

    def wait_for_run(self, run: str) -> None:
        """Wait until the server knows a run: what is logged takes a moment, and until then it is an address unknown."""

        def known() -> bool:
            with contextlib.suppress(urllib.error.HTTPError), urllib.request.urlopen(f"{self.server}/api/runs/{run}"):
                return True
            return False

        until(known, f"run {run} known")

    def kill(self, program: str) -> int:
        """SIGKILL one of its programs; returns the process id that it had."""
        pid = self.pid(program)
        os.kill(pid, signal.SIGKILL)
        until(lambda: self._told(program)["pid"] != pid, f"{program} missed")
        return pid

    def _told(self, program: str) -> dict[str, Any]:
        """What the supervisor wrote down of a program."""
        found: dict[str, Any] = next(row for row in homes.state(self.home)["programs"] if row["name"] == program)
        return found


def own(argv: list[str], **options: object) -> subprocess.Popen[bytes]:
    """Start a process that dies with this test session, however that ends."""
    return subprocess.Popen(launch.command(argv), **options)  # type: ignore[call-overload,no-any-return]


def end(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError):
        process.terminate()
    try:
        process.wait(60)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        pytest.fail(f"{process.args!r} did not stop within 60 s of SIGTERM")


@contextlib.contextmanager
def broker(home: Path) -> Iterator[str]:
    """A Kafka with Runwire's topics; ``host:port``."""
    home.mkdir(parents=True, exist_ok=True)
    port = ports.free()
    with (home / "kafka.log").open("wb") as log:
        process = own(
            [sys.executable, "-m", "runwire", "kafka", "--home", str(home), "--port", str(port)], stdout=log, stderr=log
        )
    try:
        topics.create(f"{ports.HOST}:{port}", timeout=PATIENCE)
        yield f"{ports.HOST}:{port}"
    finally:
        end(process)


@contextlib.contextmanager
def ready(
    command: list[str],
    log: Path,
    env: dict[str, str] | None = None,
    start: Callable[..., subprocess.Popen[bytes]] = subprocess.Popen,
) -> Iterator[subprocess.Popen[bytes]]:
    """A process of the product that has said that it is ready; killed afterwards. What it says is added to ``log``."""
    ours, theirs = os.pipe()
    with log.open("ab") as out:
        environment = {**os.environ, **(env or {}), READY_FD: str(theirs)}
        process = start(command, stdout=out, stderr=out, pass_fds=[theirs], env=environment)
    os.close(theirs)
    try:
        heard, _, _ = select.select([ours], [], [], PATIENCE)
        if not heard or not os.read(ours, 16):
            pytest.fail(f"{' '.join(command)} did not become ready:\n{log.read_text()}")
        yield process
    finally:
        os.close(ours)
        process.send_signal(signal.SIGCONT)
        process.kill()
        process.wait()


@contextlib.contextmanager
def running(home: Path, *flags: str, env: dict[str, str] | None = None) -> Iterator[Pipeline]:
    """``runwire up`` on ``home`` with a free port for the server, ready; stopped, and all of it gone, afterwards."""
    home.mkdir(parents=True, exist_ok=True)
    said = home / "said.txt"
    command = [sys.executable, "-m", "runwire", "up", "--home", str(home), "--port", str(ports.free()), *flags]
    with ready(command, said, env, own) as process:
        try:
            where = homes.addresses(home)
            assert where is not None
            yield Pipeline(home, process, said, where.kafka, where.clickhouse, where.server)
        finally:
            end(process)
