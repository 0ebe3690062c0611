"""How a training process ends, as far as Python tells: by an exception, by ``sys.exit``, or at the end of its code.

SIGTERM keeps its default action (`_sigterm`), and ``os._exit`` and SIGKILL leave no time: the spool's lock tells the
shipper of these. A forked child is told apart, so that it neither logs into nor ends its parent's run.
"""

from __future__ import annotations

import atexit
import os
import sys
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Any, Protocol

#: What a shell says of a process that ended by SIGINT.
EXIT_SIGINT = 130


class Ending(Protocol):
    """What is told of the process's end."""

    def end(self, exit_code: int) -> None:
        """The process ends."""

    def raised(self, kind: type[BaseException], error: BaseException, traceback: TracebackType | None) -> None:
        """An exception ends the process."""

    def forked(self) -> None:
        """This is a forked child of the process whose run it was."""


_living: Callable[[], Sequence[Ending]] = list
_installed = False
_exit_code = 0


def watch(living: Callable[[], Sequence[Ending]]) -> None:
    """From here on tell each of ``living()`` of this process's end."""
    global _living, _installed  # noqa: PLW0603 -- a process has one end
    _living = living
    if _installed:
        return
    _installed = True
    _wrap_excepthook()
    _wrap_exit()
    atexit.register(_at_exit)
    os.register_at_fork(after_in_child=_in_child)


def code(value: Any) -> int:
    """Return the exit code that ``sys.exit(value)`` gives a process."""
    return value if isinstance(value, int) else 0 if value is None else 1


def _wrap_excepthook() -> None:
    before = sys.excepthook

    def hook(kind: type[BaseException], error: BaseException, traceback: TracebackType | None) -> None:
        global _exit_code  # noqa: PLW0603
        _exit_code = EXIT_SIGINT if issubclass(kind, KeyboardInterrupt) else 1
        for run in _living():
            run.raised(kind, error, traceback)
        before(kind, error, traceback)

    sys.excepthook = hook


def _wrap_exit() -> None:
    # Python tells nobody with which code it ends; without this, sys.exit(1) would be recorded as a success.
    before = sys.exit

    def leave(status: Any = None, /) -> None:
        global _exit_code  # noqa: PLW0603
        _exit_code = code(status)
        before(status)

    sys.exit = leave  # type: ignore[assignment]


def _at_exit() -> None:
    for run in _living():
        run.end(_exit_code)


def _in_child() -> None:
    for run in _living():
        run.forked()
