"""Of values that are to be the same on all ranks of a run: one step a pulse, the same on all ranks mostly.

Ranks' pulses come at different moments, so the last value of each is of another step, and all values would be too many.
The steps of a pulse are put in an order that is always the same and has nothing to do with their size; the first one in
it is told. Two ranks whose pulses cover nearly the same steps find the same first one in most of them.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from runwire.spool import Rows
from runwire.spool.format import HEADER

_STEP = HEADER.size // 8 + 1
_VALUES = _STEP + 2
#: So many metrics are told of at most, by the order of their names.
_METRICS_MAX = 16
#: 2^32 divided by the golden ratio: multiples of it, without what is above 2^32, lie evenly wherever one begins.
_GOLDEN = 2_654_435_769


class Replicated:
    """Picks the step, and its values, of which the next pulse tells.

    Args:
        metrics: the names of those that are replicated.

    Attributes:
        metrics: the same.
    """

    def __init__(self, metrics: Collection[str] = ()) -> None:
        self.metrics = tuple(metrics)
        self._picked: dict[str, tuple[int, float]] = {}

    def __bool__(self) -> bool:
        """Whether there are such metrics at all: of others nothing is looked at."""
        return bool(self.metrics)

    def define(self, definitions: Mapping[str, Any]) -> None:
        """Take in what the run says that metrics are, by name."""
        known = set(self.metrics)
        for name, said in definitions.items():
            if isinstance(said, dict) and said.get("role") == "replicated":
                known.add(name)
            else:
                known.discard(name)
        self.metrics = tuple(sorted(known)[:_METRICS_MAX])

    def add(self, rows: Rows) -> None:
        """Take in rows, in the order in which they were logged."""
        places = [(key, place) for place, key in enumerate(rows.keys, _VALUES) if key in self.metrics]
        if not places:
            return
        words = _VALUES + len(rows.keys)
        steps = rows.data.cast("q")[_STEP::words].tolist()
        # Of a step that was logged twice the later value counts.
        first = min(range(len(steps)), key=lambda index: (_order(steps[index]), -index))
        floats, step = rows.data.cast("d"), steps[first]
        for key, place in places:
            before = self._picked.get(key)
            if before is None or _order(step) <= _order(before[0]):
                self._picked[key] = step, floats[first * words + place]

    def drain(self) -> dict[str, tuple[int, float]] | None:
        """Return of each metric the step and value to tell since the last pulse; None if there are none."""
        picked, self._picked = self._picked, {}
        return picked or None


def _order(step: int) -> int:
    return step * _GOLDEN & 0xFFFFFFFF
