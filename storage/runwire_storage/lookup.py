"""Conditions by which the store finds ranges of many series in its primary key.

A range that all series share is a plain BETWEEN. Others are cut into aligned stretches, for intDiv by a constant is a
function of a key's column that ClickHouse can invert; a stretch may hold more than the range, so whoever asks filters
what comes. What comes from outside is bound; the numbers in conditions are ours.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from runwire_storage.cover import Part, Parts
from runwire_storage.rows import Series

#: Returns what a SELECT answers, in the Native format; parameters are bound as literals, ``%(name)s``.
Ask: TypeAlias = Callable[[str, Mapping[str, Any]], bytes]

#: So many keys are named in one query.
_KEYS_MAX = 5_000
#: Wider stretches than 2^this are not cut: they hold the whole series anyway.
_WIDTH_MAX = 60


@dataclass(frozen=True)
class Lookup:
    """A condition, and the keys that are bound to it by name."""

    condition: str
    keys: Mapping[str, tuple[Any, ...]]


def named(names: Sequence[Series]) -> Iterator[Lookup]:
    """Yield conditions that hold for every row of the series."""
    for start in range(0, len(names), _KEYS_MAX):
        yield Lookup("(run, metric, rank) IN %(keys)s", {"keys": tuple(names[start : start + _KEYS_MAX])})


def lookups(column: str, names: Sequence[Series], parts: Parts) -> Iterator[Lookup]:
    """Yield conditions that together hold for every row of the parts.

    Args:
        column: the position's.
        names: the series.
        parts: by place in ``names``.
    """
    said: list[str] = []
    keys: dict[str, tuple[Any, ...]] = {}
    room = _KEYS_MAX
    for condition, wanted in _conditions(column, names, parts):
        start = 0
        while start < len(wanted):
            name = f"keys{len(keys)}"
            said.append(f"({condition} IN %({name})s)")
            keys[name] = tuple(wanted[start : start + room])
            start += room
            room -= len(keys[name])
            if not room:
                yield Lookup(" OR ".join(said), keys)
                said, keys, room = [], {}, _KEYS_MAX
    if said:
        yield Lookup(" OR ".join(said), keys)


def _conditions(column: str, names: Sequence[Series], parts: Parts) -> Iterator[tuple[str, Sequence[Any]]]:
    """Yield conditions up to their IN, and the keys that belong behind it."""
    shared: dict[tuple[int, ...], list[Part]] = defaultdict(list)
    apart: dict[tuple[int, int], list[tuple[int, Part]]] = defaultdict(list)
    for part, places in _places(parts).items():
        width = (part.end - part.start).bit_length()
        if len(places) > 1 or len(parts) == 1 or width > _WIDTH_MAX:
            shared[tuple(places)].append(part)
        else:
            apart[part.level, width].append((places[0], part))
    for owners, some in shared.items():
        within = " OR ".join(_within(column, part.level, part.start, part.end) for part in some)
        yield f"({within}) AND (run, metric, rank)", [names[place] for place in owners]
    for (level, width), ranges in apart.items():
        within = _within(column, level, min(part.start for _, part in ranges), max(part.end for _, part in ranges))
        stretches = [
            (*names[place], quotient)
            for place, part in ranges
            for quotient in range(_quotient(part.start, width), _quotient(part.end, width) + 1)
        ]
        yield f"{within} AND (run, metric, rank, intDiv({column}, {1 << width}))", stretches


def _places(parts: Parts) -> dict[Part, list[int]]:
    """Return which series each part is of."""
    places: dict[Part, list[int]] = defaultdict(list)
    for place, some in parts.items():
        for part in some:
            places[part].append(place)
    return places


def _within(column: str, level: int, start: int, end: int) -> str:
    between = f"{column} BETWEEN {start} AND {end}"
    return f"(level = {level} AND {between})" if level else f"({between})"


def _quotient(position: int, width: int) -> int:
    """Return what ClickHouse's intDiv does, which rounds towards zero."""
    return position >> width if position >= 0 else -(-position >> width)
