"""The shipper as a process: one a host and home, elected by a lock, and gone when there is nothing to do."""

from __future__ import annotations

import logging
import os
import resource
import signal
import time
from contextlib import suppress
from pathlib import Path
from types import FrameType

from runwire import _addresses
from runwire.shipper import tally
from runwire.shipper.host import Host
from runwire.shipper.start import LOCK, LOG, STATUS
from runwire.spool.folder import root, sweep, write_json
from runwire.spool.lock import hold

#: How long after the last work it ends, seconds.
IDLE_SECONDS = 30.0
_BUSY_POLL, _IDLE_POLL = 0.05, 0.2
#: Looking after spools takes at most so much of the time, until that makes for pauses of as long as when idle.
_LOOK_SHARE = 0.05
_STATUS_SECONDS = 1.0
_METRICS_SECONDS = 5.0
#: Metrics take at most so much of the time, however many spools lie there.
_METRICS_SHARE = 0.005
_CLOSE_SECONDS = 3.0
_LOG_BYTES_MAX = 1 << 20

log = logging.getLogger(__name__)


class Shipper:
    """A shipper's turn on one host: it holds the lock, and writes down how it does.

    Args:
        home: the home.
        kafka: where all of it goes, whatever the spools say.
        server: where all files go, likewise.
        offline: whether spools of offline runs are delivered, too.
    """

    def __init__(
        self, home: Path, kafka: str | None = None, server: str | None = None, *, offline: bool = False
    ) -> None:
        self.spools = root(home, _addresses.hostname())
        self.spools.mkdir(parents=True, exist_ok=True)
        self.host = Host(home, self.spools, kafka, server, offline=offline)
        self._lock: int | None = None
        self._next_status = self._next_metrics = 0.0
        self._status: dict[str, object] = {}

    def elect(self) -> bool:
        """Take the lock, and remove what the one before left half removed; False if another shipper has it."""
        self._lock = hold(self.spools / LOCK)
        if self._lock is None:
            return False
        sweep(self.spools)
        self._tell()
        return True

    def tick(self) -> bool:
        """Do what is to be done now. Return whether there is more at once."""
        more = self.host.tick()
        if time.monotonic() >= self._next_status:
            self._next_status = time.monotonic() + _STATUS_SECONDS
            self._tell()
        if (began := time.monotonic()) >= self._next_metrics:
            self._measure()
            took = time.monotonic() - began
            self._next_metrics = began + max(_METRICS_SECONDS, took / _METRICS_SHARE)
        return more

    @property
    def removed(self) -> bool:
        """Whether somebody removed the home: its lock is nobody's any more, and another shipper may be elected."""
        return self._lock is not None and os.fstat(self._lock).st_nlink == 0

    def pause(self) -> float:
        """Return how long there is nothing to do, seconds."""
        if not (self.host.live or self.host.hopeful):
            return _IDLE_POLL
        return min(max(_BUSY_POLL, self.host.looked_seconds / _LOOK_SHARE), _IDLE_POLL)

    def close(self) -> None:
        """Let what is on its way arrive, and let go of the lock."""
        self.host.close(_CLOSE_SECONDS)
        if self._lock is not None:
            self._measure()
            os.close(self._lock)
            self._lock = None

    def _measure(self) -> None:
        with suppress(OSError):  # as the status
            self.host.count()
            tally.write(
                self.spools,
                self.host.tally,
                waiting_bytes=self.host.waiting(),
                spools=len(self.host.deliveries),
                connected=self.host.connected,
            )

    def _tell(self) -> None:
        status: dict[str, object] = {
            "version": 1,
            "pid": os.getpid(),
            "kafka": self.host.default,
            "problem": self.host.problem,
        }
        if status != self._status:
            with suppress(OSError):  # a full disk; it is only told to people
                write_json(self.spools / STATUS, status)
                self._status = status


def serve(home: Path, idle: float = IDLE_SECONDS) -> int:
    """Ship until there has been no living run and nothing to deliver for ``idle`` seconds. Return the exit code."""
    shipper = Shipper(home)
    if not shipper.elect():
        return 0
    halted = False

    def halt(_signal: int, _frame: FrameType | None) -> None:
        nonlocal halted
        halted = True

    signal.signal(signal.SIGTERM, halt)
    signal.signal(signal.SIGINT, halt)
    _raise_file_limit()
    _trim(shipper.spools / LOG)
    log.info("ships %s, pid %d", shipper.spools, os.getpid())
    worked = time.monotonic()
    while not halted and not shipper.removed:
        more = shipper.tick()
        if more or shipper.host.live or shipper.host.hopeful:
            worked = time.monotonic()
        elif time.monotonic() - worked > idle:
            break
        shipper.host.wait(0 if more else shipper.pause())
    shipper.close()
    log.info("ends, pid %d", os.getpid())
    return 0


def detach() -> None:
    """Become a process of one's own: no parent that waits, no terminal, no descriptor of whoever started it."""
    if os.fork():
        os._exit(0)
    with suppress(OSError):
        os.setsid()
    os.closerange(3, min(resource.getrlimit(resource.RLIMIT_NOFILE)[0], 1 << 16))
    os.chdir("/")


def _raise_file_limit() -> None:
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    with suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _trim(path: Path) -> None:
    """Keep the log from growing for ever: begin it anew when it is long."""
    with suppress(OSError):
        if path.stat().st_size > _LOG_BYTES_MAX:
            os.truncate(path, 0)
