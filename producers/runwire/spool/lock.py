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
    """Return whether another process holds the lock; False if there is no such file.

    It is asked for by a shared lock, which two who ask at once can both have.
    """
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.lockf(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(fd)
    return False
