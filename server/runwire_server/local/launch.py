"""Becomes another program, which the kernel kills when the process that started it ends.

Run as ``launch.py PARENT PROGRAM [ARGUMENT]…`` by the supervisor, in a process of its own: the setting is made by the
very process it is for, with no Python code between a fork and an exec. It outlives the exec, and those that follow.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def main(parent: int, argv: list[str]) -> None:
    """Ask for the signal, make sure that ``parent`` still lives, and become ``argv``."""
    if sys.platform == "linux":
        if ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL) != 0:
            sys.exit(f"prctl: {os.strerror(ctypes.get_errno())}")
        if os.getppid() != parent:  # it died before the kernel knew of our wish
            sys.exit("the supervisor has gone")
    os.execvp(argv[0], argv)  # noqa: S606 - no shell: that is the point


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])
