"""Ending the process when it can't do its work any more: it is started anew, and reads back what it needs.

Faust outlives some of its own failures as a process that does nothing, so nothing here tries to mend it.
"""

from __future__ import annotations

import asyncio
import os
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

import structlog

#: EX_SOFTWARE of sysexits.h.
EXIT_CODE = 70
_LOOK_SECONDS = 1.0
_PATIENCE_SECONDS = 60.0
#: An event loop that has not turned for so long is told of as not alive.
_SILENT_SECONDS = 30.0

_log = structlog.get_logger(__name__)


def die(reason: str, error: BaseException | None = None, code: int = EXIT_CODE) -> NoReturn:
    """Say why, and end at once: any tidier end might acknowledge what was not done."""
    _log.critical("ending, to be started anew", reason=reason, error=repr(error) if error else None, exc_info=error)
    sys.stderr.flush()
    os._exit(code)


@contextmanager
def vital(doing: str) -> Iterator[None]:
    """Let the process die of any error inside but cancellation, which is how Faust stops a task.

    Raised, it would have Faust restart an agent on a stream that has lost its place, or go on without a task.
    """
    try:
        yield
    except asyncio.CancelledError:
        raise
    except BaseException as error:  # noqa: BLE001 -- what is not done is not acknowledged: begin anew
        die(f"{doing} failed", error)


class Watchdog(threading.Thread):
    """Looks at a Faust app from outside its event loop, in which `beat` is called about once a second."""

    def __init__(self, app: Any) -> None:
        super().__init__(name="watchdog", daemon=True)
        self._app = app
        self._beaten = self._settled = time.monotonic()

    def beat(self) -> None:
        """Note that the event loop turns."""
        self._beaten = time.monotonic()

    def trouble(self) -> str | None:
        """Return why the worker does not seem to be alive, None if it does. Any thread may call it."""
        silent = time.monotonic() - self._beaten
        if self.is_alive() and silent > _SILENT_SECONDS:
            return f"the event loop has stood still for {silent:.0f} s"
        return None

    def run(self) -> None:
        """Look until the app stops."""
        while not self._app.should_stop:
            time.sleep(_LOOK_SECONDS)
            now = time.monotonic()
            if not self._app.rebalancing:
                self._settled = now
            consumer = self._app._consumer  # noqa: SLF001 -- asking for `consumer` would make one
            crashed = consumer is not None and (consumer.crashed or consumer._thread.crashed)  # noqa: SLF001
            if self._app.crashed or crashed:
                die("Faust crashed", self._app._crash_reason)  # noqa: SLF001
            if now - self._settled > _PATIENCE_SECONDS:
                die(f"a rebalance does not end within {_PATIENCE_SECONDS:.0f} s")
            if now - self._beaten > _PATIENCE_SECONDS:
                die(f"the event loop has stood still for {_PATIENCE_SECONDS:.0f} s")
