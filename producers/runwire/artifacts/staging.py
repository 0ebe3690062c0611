"""Where the files of an artifact lie until it is logged: copies of what they were when they were added."""

from __future__ import annotations

import fcntl
import itertools
import os
import weakref
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from runwire import _addresses
from runwire.spool.files import Files, clear

_LOCK = "lock"


class Staging:
    """A folder of an artifact's own in the home, which goes with it; what killed processes left there goes, too.

    It lies where spools do, so that logging its files copies none of them once more.

    Args:
        home: the home.

    Attributes:
        files: keeps files there.

    Raises:
        OSError: it cannot be made.
    """

    def __init__(self, home: Path) -> None:
        root = home / "staging" / _addresses.hostname()
        root.mkdir(parents=True, exist_ok=True)
        _sweep(root)
        self._folder, lock = _begin(root)
        self._names = itertools.count()
        self.files = Files(self._folder)
        self.close = weakref.finalize(self, _remove, self._folder, lock, os.getpid())

    @contextmanager
    def new(self) -> Iterator[Path]:
        """Give the path of a file that is to be written; it is removed afterwards."""
        path = self._folder / f"{next(self._names)}.new"
        try:
            yield path
        finally:
            path.unlink(missing_ok=True)


def _begin(root: Path) -> tuple[Path, int]:
    """Make a folder, and return it and the descriptor of its lock, which is held."""
    while True:
        folder = root / os.urandom(8).hex()
        folder.mkdir()
        lock = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        fcntl.flock(lock, fcntl.LOCK_EX)
        if os.fstat(lock).st_nlink:
            return folder, lock
        os.close(lock)  # somebody swept it before it was locked


def _remove(folder: Path, lock: int, pid: int) -> None:
    with suppress(OSError):
        os.close(lock)
    if os.getpid() == pid:  # a forked child's copy of the artifact goes, not the parent's files
        _clear(folder)


def _sweep(root: Path) -> None:
    """Remove the folders of processes that are gone: nobody holds their lock."""
    for folder in root.iterdir():
        # Its process lives, or is just making it.
        with suppress(OSError), (folder / _LOCK).open("rb") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            _clear(folder)


def _clear(folder: Path) -> None:
    with suppress(OSError):
        clear(folder)
        for path in folder.iterdir():
            path.unlink()
        folder.rmdir()
