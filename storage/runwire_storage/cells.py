"""Rows of tables as the JSON in which they lie in the store.

ClickHouse takes a dot in a key for a level unless it is written %2E, and then reads every %2E as a dot. What looks like
one from the start is told apart, as ``%252E``: else a name such as ``a%2Eb`` would be read as another, and beside
``a.b`` the store would refuse the row, and all that comes behind it.
"""

from __future__ import annotations

import re
from typing import Any

from runwire.wire import dumps, loads

_LIKE_A_DOT = re.compile(r"%(?=(?:25)*2E)")
_TOLD_APART = re.compile(r"%25(?=(?:25)*2E)")


def pack(row: dict[str, Any]) -> bytes:
    """Return a row, its cells by column, for the store."""
    data = dumps(row)
    return data if b"2E" not in data else dumps(_renamed(row, _LIKE_A_DOT, "%25"))


def unpack(text: str) -> dict[str, Any]:
    """Return a row as it was packed."""
    row: dict[str, Any] = loads(text)
    return row if "2E" not in text else _renamed(row, _TOLD_APART, "%")


def _renamed(value: Any, pattern: re.Pattern[str], by: str) -> Any:
    if isinstance(value, dict):
        return {pattern.sub(by, key): _renamed(item, pattern, by) for key, item in value.items()}
    if isinstance(value, list):
        return [_renamed(item, pattern, by) for item in value]
    return value
