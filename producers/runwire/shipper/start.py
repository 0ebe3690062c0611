"""Starts the host's shipper from a training process, without waiting for it."""

from __future__ import annotations

import time
from pathlib import Path

from runwire._spawn import spawn
from runwire.spool.lock import held

LOCK, STATUS, LOG = "shipper.lock", "shipper.json", "shipper.log"
#: Touched by whoever starts a shipper: the other ranks of a job that begin at the same moment let that one come up.
_CLAIM, _CLAIM_SECONDS = "shipper.start", 1.5


def running(spools: Path) -> bool:
    """Return whether a shipper of these spools runs, in another process."""
    return held(spools / LOCK)


def claim(spools: Path, *, again: bool = False) -> bool:
    """Return whether it is on the caller to start a shipper; False if another process began to do so just now.

    Args:
        spools: of this host.
        again: whether the caller's own start is on its way, and others are to go on waiting for it.

    Raises:
        OSError: the folder cannot be written.
    """
    path = spools / _CLAIM
    try:
        path.touch(0o600, exist_ok=False)
    except FileExistsError:
        if not again and 0 <= time.time() - path.stat().st_mtime < _CLAIM_SECONDS:
            return False
        path.touch()
    return True


def start(home: Path, spools: Path) -> int:
    """Start a shipper for the spools of this host. Return the process id of what becomes its parent and ends at once.

    It makes itself a process of its own (session, descriptors, log) when it is up, so this costs a training process
    with many gigabytes no more than a spawn. Should two start, one finds the lock taken and ends.

    Raises:
        OSError: it cannot be started.
    """
    return spawn("runwire.shipper", ["--home", str(home), "--detach"], spools / LOG)
