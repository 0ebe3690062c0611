"""What is told of the exception that ended a run."""

from __future__ import annotations

import traceback as traceback_module
from types import TracebackType
from typing import Any

from runwire import _values

_TRACEBACK_LINES_MAX = 30
_TRACEBACK_LINE_MAX = 500
_MESSAGE_MAX = 2000


def told(kind: type[BaseException], error: BaseException, traceback: TracebackType | None) -> dict[str, Any]:
    """Return an exception as an event has it: its class, its message, and the last lines of its traceback.

    Args:
        kind: its class.
        error: itself.
        traceback: where it was raised.
    """
    lines = "".join(traceback_module.format_exception(kind, error, traceback)).splitlines()
    last = "\n".join(line[:_TRACEBACK_LINE_MAX] for line in lines[-_TRACEBACK_LINES_MAX:])
    return {
        "kind": kind.__name__,
        "message": str(_values.plain(_text_of(error)[:_MESSAGE_MAX])),
        "traceback": str(_values.plain(last)),
    }


def _text_of(error: BaseException) -> str:
    try:
        return str(error)
    except Exception:  # noqa: BLE001 -- a broken __str__ is not what ended the run
        return f"<{type(error).__name__} without a readable message>"
