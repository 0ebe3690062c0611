"""Starts a process of ours from a training process: it costs a spawn, however many gigabytes the training has."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

# The module is run without the package around it, whose import takes longer than all else that such a process does.
_RUN = (
    "import runpy, sys; package = sys.modules['runwire'] = type(sys)('runwire'); package.__path__ = [sys.argv.pop(1)]; "
    "runpy.run_module(sys.argv.pop(1), run_name='__main__')"
)


def spawn(module: str, arguments: Sequence[str], log: str | os.PathLike[str], stdout: int | None = None) -> int:
    """Start what ``python -m module`` does. Return its process id; it is the caller's child.

    Args:
        module: one of this package.
        arguments: of its command line.
        log: the file that gets what it says.
        stdout: the descriptor that is its standard output; None for the log.

    Raises:
        OSError: it cannot be started.
    """
    if not sys.executable:
        raise OSError("this Python does not know its own program")  # an embedded interpreter
    package = Path(__file__).resolve().parent
    path = os.environ.get("PYTHONPATH")
    environment = {
        **os.environ,
        "PYTHONPATH": f"{package.parent}{os.pathsep}{path}" if path else str(package.parent),
        "PYTHONSAFEPATH": "1",  # a module in the training's folder must not stand in for one of ours
    }
    # Where a run is to be delivered stands in its spool; this process's environment must not decide for the others'.
    environment.pop("RUNWIRE_KAFKA", None)
    return os.posix_spawn(
        sys.executable,
        [sys.executable, "-c", _RUN, str(package), module, *arguments],
        environment,
        file_actions=[
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
            (os.POSIX_SPAWN_OPEN, 2, os.fspath(log), os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600),
            (os.POSIX_SPAWN_DUP2, 2 if stdout is None else stdout, 1),
        ],
        setsigdef=[signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGPIPE],
        setsigmask=[],
    )
