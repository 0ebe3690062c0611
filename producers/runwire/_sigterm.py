"""Telling an end by SIGTERM (a scheduler's, a cloud's, a person's) from a crash, without changing it.

A handler in Python would run only when the main thread comes back to the interpreter: a training that hangs in a
collective would no longer die of the signal. And others look whether there is a handler: what finds one calls it, or
leaves its own out. So there is none. The interpreter's own ``faulthandler`` writes where the program is into a file of
the spool from within the signal, at once, and lets the default action end the process as ever. The shipper reads
from that file why the process is gone.
"""

from __future__ import annotations

import faulthandler
import os
import signal
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from runwire.spool import TERMINATED

#: Where SIGTERM is noted down, and where it is if it must not be; -1 before the first run.
_fd = _nowhere = -1


def note(folders: Sequence[Path]) -> None:
    """Have a SIGTERM noted down in these spools; nothing is done where the program has its own way with the signal.

    Args:
        folders: those of all runs of this process.
    """
    global _fd, _nowhere  # noqa: PLW0603 -- a process has one action for a signal
    if not hasattr(faulthandler, "register") or not _free():
        return
    first, *others = folders
    before = _fd
    try:
        if _nowhere < 0:
            _nowhere = os.open(os.devnull, os.O_WRONLY | os.O_CLOEXEC)
            os.register_at_fork(before=_hide, after_in_parent=_show, after_in_child=_forget)
        _fd = os.open(first / TERMINATED, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        if not _caught():
            faulthandler.unregister(signal.SIGTERM)  # what was installed for an earlier run was taken away since
        _write_to(_fd)
    except OSError:  # a full disk: then it looks like a crash
        return
    if before not in (-1, _nowhere):
        os.close(before)
    for folder in others:
        with suppress(OSError):
            (folder / TERMINATED).unlink(missing_ok=True)
            os.link(first / TERMINATED, folder / TERMINATED)


def _write_to(fd: int) -> None:
    # Of what is registered already only the file changes; the action, which may be the program's own by now, does not.
    faulthandler.register(signal.SIGTERM, file=fd, all_threads=False, chain=True)


def _hide() -> None:
    """Let a child that is about to be forked, and may be ended in its first moment, note down nothing of its parent."""
    if _fd >= 0:
        _write_to(_nowhere)


def _show() -> None:
    if _fd >= 0:
        _write_to(_fd)


def _forget() -> None:
    global _fd  # noqa: PLW0603
    if _fd not in (-1, _nowhere):
        os.close(_fd)
        _fd = _nowhere


def _free() -> bool:
    """Return whether SIGTERM has its default action, or what an earlier run put there."""
    return signal.getsignal(signal.SIGTERM) is signal.SIG_DFL and (_fd >= 0 or not _caught())


def _caught() -> bool:
    """Return whether something handles SIGTERM, also below Python, where a library may do so; False if not known."""
    try:
        with open("/proc/self/status", encoding="ascii") as status:  # noqa: PTH123 -- init() waits for it
            masks = [line for line in status if line.startswith("SigCgt:")]
        return bool(int(masks[0].split()[1], 16) >> (signal.SIGTERM - 1) & 1)
    except (OSError, ValueError, IndexError):
        return False
