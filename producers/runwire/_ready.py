"""Telling whoever started this program that it is ready."""

from __future__ import annotations

import contextlib
import os

#: Names the inherited file descriptor on which a line is awaited; unset, nobody waits.
READY_FD = "RUNWIRE_READY_FD"


def tell() -> None:
    """Write the line ``ready`` to the descriptor that ``RUNWIRE_READY_FD`` names, once; without one, do nothing."""
    number = os.environ.pop(READY_FD, None)  # popped: neither a second call nor a child of ours is to write again
    if number is None:
        return
    descriptor = int(number)
    with contextlib.suppress(BrokenPipeError):  # whoever waited has gone, which is no matter of this program's
        os.write(descriptor, b"ready\n")
    os.close(descriptor)
