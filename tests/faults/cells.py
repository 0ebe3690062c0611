"""The tables that the trainings of fault rounds log beside their rows: known by seed and number of the call alone."""

from __future__ import annotations

from typing import Any

NAME = "cells"
COLUMNS = ["call", "text", "number"]
#: A table goes with every so many calls; of these, every so many are large enough to go in several parts.
_EVERY, _LARGE_EVERY = 40, 5


def of(seed: int, call: int) -> list[list[Any]] | None:
    """Return the rows of the table that goes with a call of log(), counted from 1; None if none does."""
    if call % _EVERY:
        return None
    large = call % (_EVERY * _LARGE_EVERY) == 0
    count, width = (600, 700) if large else (1 + call % 7, 10)
    return [[call, f"{seed} {row} ".ljust(width, "x"), row / 7] for row in range(count)]
