"""What the values of a config's key are, over runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from runwire.wire import dumps

Kind = Literal["number", "log number", "boolean", "category", "number in groups"]

#: Numbers above zero that span more than this are looked at by their logarithm.
_LOG_RATIO = 100
#: Keys with more categories than this name runs rather than set them.
_CATEGORIES_MAX = 20
#: Numbers that some runs lack are cut into so many groups of like size.
_GROUPS = 8

MISSING = "(missing)"


@dataclass(frozen=True)
class Column:
    """A key that varies.

    Attributes:
        values: for each run a number, or of a category its name; of a key that some runs lack, `MISSING` is one.
        numbers: for each run the number by which it ranks, None where it has none; None if the key has no order.
        distinct: how many values there are.
        missing: how many runs lack it.
    """

    key: str
    kind: Kind
    values: Sequence[float | str]
    numbers: Sequence[float | None] | None
    distinct: int
    missing: int


def columns(configs: Sequence[Mapping[str, Any]]) -> tuple[list[Column], dict[str, str]]:
    """Return the keys that vary over runs, and of the others that do why they are left out."""
    found: list[Column] = []
    ignored: dict[str, str] = {}
    for key in sorted({key for config in configs for key in config}):
        values = [config.get(key) for config in configs]
        column = _column(key, values)
        if isinstance(column, str):
            ignored[key] = column
        elif column is not None:
            found.append(column)
    return found, ignored


def _column(key: str, values: Sequence[Any]) -> Column | str | None:
    """Return a column, why there is none, or None if the values do not vary."""
    there = [value for value in values if value is not None]
    missing = len(values) - len(there)
    numeric = all(isinstance(value, (int, float)) and not isinstance(value, bool) for value in there)
    distinct = len({float(value) if numeric else dumps(value) for value in there})
    if distinct + (missing > 0) < 2:
        return None
    if numeric:
        return _numbers(key, [None if value is None else float(value) for value in values], distinct)
    if distinct > _CATEGORIES_MAX:
        return f"{distinct} different values that are no numbers"
    names = [MISSING if value is None else dumps(value).decode() for value in values]
    if all(isinstance(value, bool) for value in there):
        return Column(key, "boolean", names, [None if v is None else float(v) for v in values], distinct, missing)
    return Column(key, "category", names, None, distinct, missing)


def _numbers(key: str, numbers: Sequence[float | None], distinct: int) -> Column:
    known = [number for number in numbers if number is not None]
    if missing := len(numbers) - len(known):
        return Column(key, "number in groups", _groups(numbers, known), numbers, distinct, missing)
    log = min(known) > 0 and max(known) / min(known) > _LOG_RATIO
    return Column(key, "log number" if log else "number", known, numbers, distinct, 0)


def _groups(numbers: Sequence[float | None], known: Sequence[float]) -> list[float | str]:
    """Return numbers as names of groups of like size, equal numbers in the same, beside the group of the missing."""
    order = sorted(known)
    starts = sorted({order[len(order) * group // _GROUPS] for group in range(_GROUPS)})
    return [
        MISSING if number is None else f"from {max(start for start in starts if start <= number):g}"
        for number in numbers
    ]
