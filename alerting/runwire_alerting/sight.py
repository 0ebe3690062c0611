"""Whether a worker sees everything there is of a partition, so that silence in it is a run's and not its own."""

from __future__ import annotations

from collections.abc import Mapping

_SECOND = 1_000_000
#: A longer pause between two looks is a time when nothing was seen: the process was frozen, or its host slept.
_LOOK_GAP_MAX = 5 * _SECOND

#: A topic and one of its partitions.
Place = tuple[str, int]


class Sight:
    """Follows how far each (topic, partition) was handled against what Kafka said that it holds.

    A partition number is in sight when everything that its topics held at the last look has been handled by this one.
    While it is behind it is not, but that begins nothing anew: whatever was said meanwhile waits in Kafka, and is
    handled before it is in sight again. Else a worker that has much to do would never see for how long a run is silent.
    """

    def __init__(self, positions: Mapping[Place, int], now: int) -> None:
        self._handled: dict[Place, int] = dict(positions)
        self._ends: Mapping[Place, int] | None = None
        self._looked = now
        self._moved = now
        self._since: dict[int, int] = {}

    def handled(self, topic: str, partition: int, offset: int, now: int) -> None:
        """Note that a record was handled."""
        self._handled[(topic, partition)] = offset + 1
        self._moved = now

    def look(self, ends: Mapping[Place, int] | None, now: int) -> dict[int, int]:
        """Take in what Kafka holds now, None if it did not answer. Return what is in sight, and since when."""
        if ends is None or not 0 <= now - self._looked <= _LOOK_GAP_MAX:
            self._since.clear()
        elif self._ends is not None:
            for partition in {partition for _, partition in self._handled} - self.behind():
                self._since.setdefault(partition, now)
        behind = self.behind()
        if not behind:
            self._moved = now
        self._ends = ends
        self._looked = now
        return {partition: since for partition, since in self._since.items() if partition not in behind}

    def behind(self) -> set[int]:
        """Return the partitions of which something was there at the last look that is not handled yet."""
        ends = self._ends or {}
        return {place[1] for place, end in ends.items() if self._handled.get(place, 0) < end}

    def stuck(self, now: int) -> float:
        """Return for how many seconds nothing was handled although something was there."""
        return (now - self._moved) / _SECOND if self.behind() else 0.0
