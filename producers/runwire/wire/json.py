"""JSON that keeps NaN and the infinities.

orjson writes them as null without a word, and NaN is what this system exists to see. Here they are the strings
``"NaN"``, ``"Infinity"`` and ``"-Infinity"``; readers turn them back with `number` where a number is expected. This
is the only module that may import orjson.
"""

from __future__ import annotations

import math
from typing import Any

import orjson  # noqa: TID251 -- this is the one encoder

from runwire.errors import WireError

_NAMES = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}


def dumps(value: Any) -> bytes:
    """Encode plain data (dicts with string keys, lists, strings, numbers, booleans, None) as UTF-8 JSON.

    Raises:
        WireError: the value holds something that is not plain data, or an integer beyond 64 bits.
    """
    try:
        data = orjson.dumps(value)
        # orjson writes NaN and the infinities as null: where there is no null there was none, and nothing to look for.
        return orjson.dumps(_named(value)) if b"null" in data else data
    except (TypeError, ValueError) as error:
        raise WireError(f"cannot be written as JSON: {error}") from error


def loads(data: bytes | bytearray | memoryview | str) -> Any:
    """Decode JSON; named non-finite numbers stay strings, see `number`.

    Raises:
        WireError: the data is no JSON.
    """
    try:
        return orjson.loads(data)
    except ValueError as error:
        raise WireError(f"no JSON: {error}") from error


def number(value: Any) -> float:
    """Return the float that a decoded JSON value stands for.

    Raises:
        WireError: it stands for none.
    """
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return float(value)
    if isinstance(value, str) and value in _NAMES:
        return _NAMES[value]
    raise WireError(f"expected a number, got {value!r:.80}")


def _named(value: Any) -> Any:
    if isinstance(value, float):
        if math.isfinite(value):
            return value
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    if isinstance(value, dict):
        return {key: _named(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_named(item) for item in value]
    return value
