"""Locks that tell of a process's life: the kernel lets go of them however it ends.

They are POSIX record locks: a forked child does not inherit them, so a data loader that outlives the training does
not keep a dead run alive. The price: closing *any* descriptor of the file in the holding process lets go of the lock,
so the holder opens it once and nobody in that process opens it again.
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path


def hold(path: Path) -> int | None:
    """Take the lock for as long as this process lives, or the returned descriptor is open; None if another has it."""
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.lockf(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(fd)
        return None
    except BaseException:
        os.close(fd)
        raise
    return fd


def held(path: Path) -> bool:
    """Return whether another process holds the lock; False if there is no such file."""
    probe = Probe(path)
    try:
        return probe.held()
    finally:
        probe.close()


class Probe:
    """Asks again and again whether another process holds a lock, by a file that it keeps open: a tenth of the cost.

    It is asked for by a shared lock, which two who ask at once can both have.

    Args:
        path: the lock; where there is no such file, nobody holds it.

    Raises:
        OSError: it is there and cannot be opened.
    """

    def __init__(self, path: Path) -> None:
        try:
            self._fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            self._fd = -1

    def held(self) -> bool:
        """Return whether another process holds it now. Once nobody does, or it is closed, that is the last word."""
        if self._fd < 0:
            return False
        try:
            fcntl.lockf(self._fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        self.close()
        return False

    def close(self) -> None:
        """Let go of the file."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


def flocked(path: Path) -> bool:
    """Return whether a process holds a lock that its forked children hold, too (flock); False if there is no file.

    Raises:
        OSError: it is there and cannot be opened.
    """
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(fd)
    return False
