"""Ending the process when it can't do its work any more: it is started anew, and reads back what it needs.

Faust survives some of its own failures as a process that lives and does nothing, so nothing here tries to mend it.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from typing import Any, NoReturn

import structlog

_log = structlog.get_logger(__name__)

#: EX_SOFTWARE of sysexits.h.
EXIT_CODE = 70
_PATIENCE_SECONDS = 60.0
_LOOK_SECONDS = 1.0


def die(reason: str, error: BaseException | None = None) -> NoReturn:
    """Say why and end at once, without the tidying up that could acknowledge what was not done."""
    _log.critical("ending, to be started anew", reason=reason, error=repr(error) if error else None, exc_info=error)
    sys.stderr.flush()
    os._exit(EXIT_CODE)


class Watchdog(threading.Thread):
    """Looks at a Faust app from outside of its event loop; ``beat`` is to be called from inside, about every second."""

    def __init__(self, app: Any) -> None:
        super().__init__(name="watchdog", daemon=True)
        self._app = app
        self._beat = time.monotonic()
        self._settled = time.monotonic()

    def beat(self) -> None:
        """Note that the event loop turns."""
        self._beat = time.monotonic()

    def run(self) -> None:
        """Look until the app stops."""
        while not self._app.should_stop:
            time.sleep(_LOOK_SECONDS)
            now = time.monotonic()
            if not self._app.rebalancing:
                self._settled = now
            consumer = self._app._consumer  # noqa: SLF001 -- `app.consumer` would make one
            crashed = consumer is not None and (consumer.crashed or consumer._thread.crashed)  # noqa: SLF001
            if self._app.crashed or crashed:
                die("Faust crashed", self._app._crash_reason)  # noqa: SLF001
            if now - self._settled > _PATIENCE_SECONDS:
                die("the rebalance does not end")
            if now - self._beat > _PATIENCE_SECONDS:
                die("the event loop stands still")
