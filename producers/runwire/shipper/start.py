"""Starts the host's shipper from a training process, without waiting for it."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

from runwire.spool.lock import held

LOCK, STATUS, LOG = "shipper.lock", "shipper.json", "shipper.log"
#: Touched by whoever starts a shipper: the other ranks of a job that begin at the same moment let that one come up.
_CLAIM, _CLAIM_SECONDS = "shipper.start", 1.5


def running(spools: Path) -> bool:
    """Return whether a shipper of these spools runs, in another process."""
    return held(spools / LOCK)


def claim(spools: Path) -> bool:
    """Return whether it is on the caller to start a shipper; False if another process began to do so just now.

    Raises:
        OSError: the folder cannot be written.
    """
    path = spools / _CLAIM
    try:
        path.touch(0o600, exist_ok=False)
    except FileExistsError:
        if 0 <= time.time() - path.stat().st_mtime < _CLAIM_SECONDS:
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
    if not sys.executable:
        raise OSError("this Python does not know its own program")  # an embedded interpreter
    package = str(Path(__file__).resolve().parents[2])
    path = os.environ.get("PYTHONPATH")
    environment = {
        **os.environ,
        "PYTHONPATH": f"{package}{os.pathsep}{path}" if path else package,
        "PYTHONSAFEPATH": "1",  # a module in the training's folder must not stand in for one of the shipper's
    }
    # Where a run is to be delivered stands in its spool; this process's environment must not decide for the others'.
    environment.pop("RUNWIRE_KAFKA", None)
    log = str(spools / LOG)
    return os.posix_spawn(
        sys.executable,
        [sys.executable, "-m", "runwire.shipper", "--home", str(home), "--detach"],
        environment,
        file_actions=[
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
            (os.POSIX_SPAWN_OPEN, 1, log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600),
            (os.POSIX_SPAWN_DUP2, 1, 2),
        ],
        setsigdef=[signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGPIPE],
        setsigmask=[],
    )
