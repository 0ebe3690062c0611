"""The processes of a pipeline, as things that can be killed, frozen and multiplied."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from parts import Pipeline, own, running

from faults.disk import Disk, small
from runwire.shipper.start import LOCK
from runwire.spool import folder
from runwire.spool.lock import held
from runwire_server.local import home as homes

#: A fault in progress: it yields how many seconds to wait before it goes on, and returns whether it happened.
Course = Generator[float, None, bool]

_POLL_SECONDS = 0.05
_PATIENCE_SECONDS = 60.0


@dataclass(frozen=True)
class Host:
    """Where processes log: a home with a shipper of its own, as if it were another machine's.

    Attributes:
        home: the home.
        kafka, server: what its processes are told; None for the home's own `up`.
        small: whether its disk is the one that is filled.
    """

    home: Path
    kafka: str | None = None
    server: str | None = None
    small: bool = False

    def shipper(self) -> int | None:
        """Return the process id of the shipper, if one runs."""
        for path in self.home.glob("spool/*/shipper.json"):
            pid = folder.read_json(path).get("pid")
            if isinstance(pid, int) and held(path.with_name(LOCK)):
                return pid
        return None


class Programs:
    """The processes of ``runwire up``, and more workers of one kind beside them.

    Attributes:
        up: the pipeline.
        folder: where everything lies.
    """

    #: The module of the workers beside.
    worker = "runwire_stream"

    def __init__(self, up: Pipeline, folder: Path) -> None:
        self.up, self.folder = up, folder
        self._workers: list[subprocess.Popen[bytes]] = []
        self._frozen: set[int] = set()

    def ready(self, program: str) -> Generator[float, None, int]:
        """Wait until one of `up`'s programs is ready; return its process id."""
        end = time.monotonic() + _PATIENCE_SECONDS
        while time.monotonic() < end:
            for told in homes.state(self.up.home).get("programs", ()):
                if told["name"] == program and told["state"] == "ready":
                    return int(told["pid"])
            yield _POLL_SECONDS
        raise TimeoutError(f"{program} did not become ready within {_PATIENCE_SECONDS:.0f} s")

    def workers(self) -> list[int]:
        """Return the process ids of the workers beside `up`'s own."""
        self._workers = [worker for worker in self._workers if worker.poll() is None]
        return [worker.pid for worker in self._workers]

    def add_worker(self) -> None:
        """Start one more worker."""
        command = [sys.executable, "-m", self.worker, "--home", str(self.up.home), *self._flags()]
        with (self.folder / "workers.log").open("ab") as log:
            self._workers.append(own(command, stdout=log, stderr=log, env={**os.environ, **self._environment()}))

    def _flags(self) -> list[str]:
        return ["--kafka", self.up.kafka]

    def _environment(self) -> dict[str, str]:
        return {}

    def signal(self, pid: int, number: signal.Signals) -> bool:
        """Send a signal; False if there is no such process any more."""
        with suppress(ProcessLookupError):
            os.kill(pid, number)
            return True
        return False

    def freeze(self, pid: int | None, seconds: float) -> Course:
        """SIGSTOP, and SIGCONT after a while."""
        if pid is None or pid in self._frozen or not self.signal(pid, signal.SIGSTOP):
            return False
        self._frozen.add(pid)
        try:
            yield seconds
        finally:
            self._frozen.discard(pid)
            self.signal(pid, signal.SIGCONT)
        return True

    def close(self) -> None:
        """End the workers beside `up`."""
        for worker in self._workers:
            worker.terminate()
        for worker in self._workers:
            try:
                worker.wait(20)
            except subprocess.TimeoutExpired:  # noqa: PERF203 -- one that hangs is not the next one's fault
                worker.kill()
                worker.wait()


class Cluster(Programs):
    """``runwire up``, stream workers beside it, and hosts that log to it.

    Attributes:
        disk: the small disk.
        hosts: `up`'s own home, and another.
        small: a host whose disk is the small one.
    """

    def __init__(self, up: Pipeline, disk: Disk, folder: Path) -> None:
        super().__init__(up, folder)
        self.disk = disk
        self.hosts = [Host(up.home), Host(folder / "elsewhere", up.kafka, up.server)]
        self.small = Host(disk.home, up.kafka, up.server, small=True)

    def _flags(self) -> list[str]:
        return [*super()._flags(), "--clickhouse", self.up.clickhouse]


@contextmanager
def started(where: Path) -> Iterator[Cluster]:
    """A cluster in a folder, ready; all of it is gone afterwards, but for the folder."""
    where.mkdir(parents=True, exist_ok=True)
    with small(where / "small") as disk, running(where / "home") as up:
        cluster = Cluster(up, disk, where)
        try:
            yield cluster
        finally:
            cluster.close()
