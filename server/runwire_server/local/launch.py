"""Becomes another program, which the kernel kills when the process that started it ends.

Run as ``launch.py PARENT NICE PROGRAM [ARGUMENT]…`` by the supervisor, in a process of its own and the first of its
session: the settings are made by the very process they are for, with no Python code between a fork and an exec. They
outlive the exec, and those that follow.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import time
from collections.abc import Sequence

_PR_SET_PDEATHSIG = 1
#: The kernel has the niceness of sessions changed ten times a second at most.
_TRIES, _PAUSE = 10, 0.1


def command(argv: Sequence[str], nice: int = 0) -> list[str]:
    """Return the command that becomes ``argv`` and dies with this process; it gives way to others by ``nice``."""
    # -I -S: this module needs nothing but ctypes, and is gone in 20 ms.
    return [sys.executable, "-I", "-S", __file__, str(os.getpid()), str(nice), *argv]


def main(parent: int, nice: int, argv: list[str]) -> None:
    """Ask for the signal, make sure that ``parent`` still lives, give way by ``nice``, and become ``argv``."""
    if sys.platform == "linux":
        if ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL) != 0:
            sys.exit(f"prctl: {os.strerror(ctypes.get_errno())}")
        if os.getppid() != parent:  # it died before the kernel knew of our wish
            sys.exit("the supervisor has gone")
    if nice:
        os.nice(nice)
        _give_way(nice)
    os.execvp(argv[0], argv)  # noqa: S606 - no shell: that is the point


def _give_way(nice: int) -> None:
    """Have the session give way, too: Linux may share processors out by sessions, and by niceness only within one.

    See sched(7), "The autogroup feature". Where it is off, or there is none, niceness alone does it.
    """
    for _ in range(_TRIES):
        try:
            with open("/proc/self/autogroup", "w") as autogroup:  # noqa: PTH123 -- pathlib takes longer than all else
                autogroup.write(str(nice))
        except BlockingIOError:  # noqa: PERF203 -- for that it is a loop
            time.sleep(_PAUSE)
        except OSError:
            return
        else:
            return


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:])
