"""Spans of time as people write them: ``30s``, ``5m``, ``1h 30m``, ``1d``, or a number of seconds."""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_WRITTEN = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|m|h|d)")


def seconds(given: Any) -> Any:
    """Return a span in seconds; what is none is returned as it is, for a model to refuse.

    Raises:
        ValueError: it is a text that says no span, or yes or no.
    """
    if not isinstance(given, (str, bool)):
        return given
    if isinstance(given, bool) or not given.strip() or _WRITTEN.sub("", given).strip():
        raise ValueError("write a time as 30s, 5m, 2h or 1d, or as a number of seconds")
    return sum(float(number) * _UNITS[unit] for number, unit in _WRITTEN.findall(given))


#: Seconds, more than none.
Duration = Annotated[float, BeforeValidator(seconds), Field(gt=0, allow_inf_nan=False)]
