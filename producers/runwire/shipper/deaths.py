"""Told by the kernel that a process has ended, at once, where it can tell (Linux): one system call for all of them."""

from __future__ import annotations

import os
import select
import sys
import time
from contextlib import suppress


class Deaths:
    """Waits for the end of processes, each known by a descriptor of it (pidfd).

    That is no proof of whose process it was, which may have another number where it runs (a container), nor of a run's
    end: it says when to look at the lock at once.
    """

    def __init__(self) -> None:
        self._poll = select.epoll() if sys.platform == "linux" else None

    def watch(self, pid: int) -> int:
        """Return a descriptor that `wait` tells of once the process has ended; -1 where that cannot be told.

        Whoever closes it ends the watch.
        """
        if sys.platform != "linux" or self._poll is None or pid <= 0:
            return -1
        try:
            fd = os.pidfd_open(pid)
        except OSError:  # it is gone already, or the kernel is old
            return -1
        try:
            self._poll.register(fd, select.EPOLLIN)
        except OSError:
            os.close(fd)
            return -1
        return fd

    def wait(self, seconds: float) -> set[int]:
        """Return the descriptors of processes that have ended, each once; wait for one for at most so long."""
        if sys.platform != "linux" or self._poll is None:
            time.sleep(seconds)
            return set()
        ended = {fd for fd, _ in self._poll.poll(seconds)}
        for fd in ended:
            with suppress(OSError):
                self._poll.unregister(fd)
        return ended
