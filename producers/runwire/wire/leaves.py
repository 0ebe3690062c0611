"""Nested data, flat: what a config and a summary are to whoever stores or judges them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

#: The keys that lead to a value have so many characters at most, with the dots between them. Flat, they are repeated
#: for each value: ten thousand beneath one long key would else take gigabytes.
PATH_MAX = 512
#: Objects and lists in each other: less than JSON can be written of, and than Python calls itself to show a value.
DEPTH_MAX = 200
_CUT = "…"


def leaves(data: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield what stands at the ends of nested objects, in order: its keys joined by ``.``, and the value.

    A list is an end, and so is an empty object.
    """
    stack = list(reversed(data.items()))
    while stack:
        path, value = stack.pop()
        if isinstance(value, dict) and value:
            stack += [(f"{path}.{key}", inner) for key, inner in reversed(value.items())]
        else:
            yield path, value


def bounded(data: dict[str, Any]) -> tuple[dict[str, Any], str | None]:
    """Return nested data with no path longer than it may be, and nothing nested deeper; all else is as it was.

    A key that leads beyond `PATH_MAX` is cut there, and keeps its value unless something is nested in that; of several
    that are the same then, the later counts. Keys within lists are on a path, too: the store looks into them. What is
    nested in a key that was cut, or deeper than `DEPTH_MAX`, is cut, too.

    Returns:
        The data, a copy, and a key that was cut, as it was; None if none was.
    """
    cut: str | None = None
    begun: list[tuple[Any, Any, int, int]] = []

    def begin(value: Any, length: int, depth: int) -> Any:
        """Return a value. An object or a list is filled later, its keys behind so many characters, or it is cut."""
        if not isinstance(value, (dict, list)) or not value:
            return value
        if depth > DEPTH_MAX:
            return _CUT
        new: Any = type(value)()
        begun.append((value, new, length, depth + 1))
        return new

    whole: dict[str, Any] = begin(data, 0, 0)
    while begun:
        old, new, length, depth = begun.pop()
        if isinstance(old, list):
            new.extend(begin(one, length, depth) for one in old)
            continue
        for key, value in old.items():
            if length + len(key) <= PATH_MAX:
                new[key] = begin(value, length + len(key) + 1, depth)
            else:
                cut = key if cut is None else cut
                new[f"{key[: max(PATH_MAX - length, 0)]}{_CUT}"] = begin(value, length, DEPTH_MAX + 1)
    return whole, cut
