"""The last values of a metric, in the order of steps and in that of size."""

from __future__ import annotations

from array import array
from bisect import bisect_left, insort
from collections.abc import Iterator, Mapping
from typing import Any


class Window:
    """At most ``size`` values with their steps; a quantile of them costs no more than a look.

    Arrays of machine numbers: 24 bytes a value. To move the half of 128 of them is one small copy in memory, cheaper
    than any tree.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._steps = array("q")
        self._values = array("d")
        self._sorted = array("d")

    def __len__(self) -> int:
        return len(self._values)

    def __iter__(self) -> Iterator[tuple[int, float]]:
        return zip(self._steps, self._values, strict=True)

    @property
    def median(self) -> float:
        """The middle value, or the mean of the two middle ones; there must be one."""
        middle = len(self._sorted) // 2
        if len(self._sorted) % 2:
            return self._sorted[middle]
        return (self._sorted[middle - 1] + self._sorted[middle]) / 2

    @property
    def max(self) -> float:
        """The largest value."""
        return self._sorted[-1]

    def quantile(self, share: float) -> float:
        """Return the value below which ``share`` (0 to 1) of the others lie."""
        return self._sorted[round(share * (len(self._sorted) - 1))]

    def push(self, step: int, value: float) -> None:
        """Take in a value; the oldest one goes if there are too many."""
        if len(self._values) == self._size:
            self._drop(0)
        self._steps.append(step)
        self._values.append(value)
        insort(self._sorted, value)

    def back_to(self, step: int) -> None:
        """Forget the values of ``step`` and later ones, which will come anew."""
        while self._steps and self._steps[-1] >= step:
            self._drop(len(self._steps) - 1)

    def clear(self) -> None:
        """Forget all."""
        self.load({"steps": [], "values": []})

    def dump(self) -> dict[str, Any]:
        """Return the state, as JSON can hold it."""
        return {"steps": self._steps.tolist(), "values": self._values.tolist()}

    def load(self, state: Mapping[str, Any]) -> None:
        """Put back a state that `dump` returned; of a larger window the last values stay."""
        self._steps = array("q", state["steps"][-self._size :])
        self._values = array("d", state["values"][-self._size :])
        self._sorted = array("d", sorted(self._values))

    def _drop(self, index: int) -> None:
        del self._steps[index]
        del self._sorted[bisect_left(self._sorted, self._values.pop(index))]
