"""Nested data, flat: what a config and a summary are to whoever stores or judges them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any


def leaves(data: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield what stands at the ends of nested objects, in order: its keys joined by ``.``, and the value.

    A list is an end, and so is an empty object. Objects may be nested deeper than Python calls: whoever can write to
    Kafka may say so, and it ends nobody.
    """
    stack = list(reversed(data.items()))
    while stack:
        path, value = stack.pop()
        if isinstance(value, dict) and value:
            stack += [(f"{path}.{key}", inner) for key, inner in reversed(value.items())]
        else:
            yield path, value
