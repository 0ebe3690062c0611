"""The home's own files of ``up``: its lock, where its programs are, and how they do."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from runwire_server.local.errors import HomeError

#: A start with less room than this would only fail a little later, in worse places.
LEAST_FREE = 500 << 20


@dataclass(frozen=True)
class Addresses:
    """Where the programs of a running ``up`` are, as ``up.json`` tells.

    Attributes:
        kafka: ``host:port``.
        clickhouse: a URL.
        server: a URL.
        stream, alerting: URLs at which these workers tell their metrics; empty if nobody chose them yet.
    """

    kafka: str
    clickhouse: str
    server: str
    stream: str = ""
    alerting: str = ""


def prepare(home: Path) -> None:
    """Make the folders of ``home``, and make sure that one can write and has room there.

    Raises:
        HomeError: one cannot, or has not.
    """
    try:
        for folder in (home, home / "log"):
            folder.mkdir(parents=True, exist_ok=True)
        with (home / "up.lock").open("a"):
            pass
        free = shutil.disk_usage(home).free
    except OSError as error:
        raise HomeError(
            f"The home {home} cannot be used: {error.strerror or error}. "
            "Make it writable, or name another with --home or RUNWIRE_HOME."
        ) from error
    if free < LEAST_FREE:
        raise HomeError(
            f"The disk of {home} has {free >> 20} MB left and {LEAST_FREE >> 20} MB are needed. "
            "Make room, or name another home with --home or RUNWIRE_HOME."
        )


class Lock:
    """The lock that a running ``up`` holds; the kernel releases it however the process ends."""

    def __init__(self, home: Path) -> None:
        self._file = (home / "up.lock").open("a+")
        self._home = home

    def take(self) -> None:
        """Take the lock and write this process's id into the file.

        Raises:
            HomeError: another process holds it.
        """
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise locked(self._home, holder(self._home)) from None
        self._file.truncate(0)
        self._file.write(str(os.getpid()))
        self._file.flush()


def locked(home: Path, pid: int | None) -> HomeError:
    """The error of who finds that process ``pid`` runs an ``up`` on ``home``."""
    return HomeError(
        f"home locked by another up (pid {pid or 'unknown'}): {home}. Use that one, stop it with `runwire down`, or "
        "name another home with --home or RUNWIRE_HOME."
    )


def holder(home: Path) -> int | None:
    """The process id of the ``up`` that runs on ``home``, or None if none does."""
    try:
        with (home / "up.lock").open() as file:
            try:
                # Shared, so that two who ask at once do not take each other for a running `up`.
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return int(file.read() or 0) or None
    except (FileNotFoundError, NotADirectoryError):
        pass
    except PermissionError as error:
        raise HomeError(f"The home {home} cannot be read: {error.strerror}. Name another with --home.") from error
    return None


def addresses(home: Path) -> Addresses | None:
    """Where the last ``up`` on this home had its programs, or None if that is not known."""
    told = _read(home / "up.json")
    try:
        servers = told["kafka"], told["clickhouse"], told["server"]
        return Addresses(*servers, told.get("stream", ""), told.get("alerting", ""))
    except KeyError:
        return None


def announce(home: Path, where: Addresses) -> None:
    """Write ``up.json``: the programs are ready, and here they are."""
    _write(home / "up.json", {"version": 1, "pid": os.getpid(), **asdict(where)})


def state(home: Path) -> dict[str, Any]:
    """What the supervisor last wrote down of itself (``up.state``); empty if nothing."""
    return _read(home / "up.state")


def write_state(home: Path, told: dict[str, Any]) -> None:
    """Write down how the programs do, for ``runwire status``."""
    _write(home / "up.state", told)


def _read(path: Path) -> dict[str, Any]:
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):  # not there, or torn by a full disk: then it is not known
        return {}
    return told if isinstance(told, dict) else {}


def _write(path: Path, told: dict[str, Any]) -> None:
    new = path.with_name(path.name + ".new")
    new.touch(mode=0o600)  # a ClickHouse of the user's own may have its password in its URL
    new.write_text(json.dumps(told), encoding="utf-8")
    new.replace(path)
