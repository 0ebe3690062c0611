"""Where a run comes from: its code's commit and changes, the packages around it, its machine.

It is found out by a process of its own (``python -m runwire.surroundings``), which takes some tenths of a second that
are then not the training's. Whatever cannot be found out is left out.
"""

from __future__ import annotations

import os
import select
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from runwire._spawn import spawn
from runwire.errors import WireError
from runwire.wire.json import loads

_READ_BYTES = 1 << 16

_found: dict[tuple[int, tuple[str, ...]], Finding] = {}


def asks(*, code: bool, packages: bool, machine: bool) -> tuple[str, ...]:
    """Return what is to be found out, as arguments of the process that does; nothing if it is not needed."""
    program = getattr(sys.modules.get("__main__"), "__file__", None) or ""
    asked = {f"--code={program}": code, "--packages": packages, "--machine": machine}
    return tuple(argument for argument, wanted in asked.items() if wanted)


def find(asked: tuple[str, ...], log: Path) -> Finding:
    """Begin to find out; once a process, for all of its runs come from the same place.

    Args:
        asked: by `asks`.
        log: the file that gets what goes wrong.

    Raises:
        OSError: no process can be started.
    """
    key = os.getpid(), asked
    if key not in _found:
        _found[key] = Finding(asked, log)
    return _found[key]


class Finding:
    """What is being found out."""

    def __init__(self, asked: Sequence[str], log: Path) -> None:
        self._fd, end = os.pipe()
        try:
            os.set_blocking(self._fd, False)
            self._child = spawn(__name__, asked, log, stdout=end)
        except OSError:
            os.close(self._fd)
            raise
        finally:
            os.close(end)
        self._lock = threading.Lock()
        self._data = b""
        self._told: dict[str, Any] | None = None

    def look(self, seconds: float = 0.0) -> dict[str, Any] | None:
        """Return what was found out, None while that is not known.

        Args:
            seconds: for so long it is waited for at most.
        """
        end = time.monotonic() + seconds
        with self._lock:
            while self._fd >= 0 and not self._read() and (left := end - time.monotonic()) > 0:
                ready = select.poll()
                ready.register(self._fd)
                ready.poll(left * 1000)
            if self._fd >= 0 and self._read():
                os.close(self._fd)
                self._fd = -1
                with suppress(ChildProcessError):  # somebody else's wait() took it
                    os.waitpid(self._child, 0)
                with suppress(WireError):
                    told = loads(self._data)
                    self._told = told if isinstance(told, dict) else None
            return self._told

    def _read(self) -> bool:
        """Return whether all is read that will come."""
        try:
            while part := os.read(self._fd, _READ_BYTES):
                self._data += part
        except BlockingIOError:
            return False
        except OSError:
            return True
        return True
