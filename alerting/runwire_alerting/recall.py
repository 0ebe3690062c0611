"""What a worker reads back of the runs of its partitions, so that it goes on where another one stopped."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from itertools import chain

import structlog
from aiokafka import TopicPartition

from runwire.errors import WireError
from runwire.wire import ALERTS, EVENTS, MEMORY, PULSE, Alert, Event, Pulse
from runwire_alerting.book import Book
from runwire_alerting.history import History
from runwire_alerting.notifiers.transitions import Transitions
from runwire_alerting.watch import Watch
from runwire_faust.message import unpack
from runwire_faust.strays import home

#: A group notes once a second what it has handled; who keeps up has done so within this time.
_ACKNOWLEDGED_SECONDS = 3.0

_log = structlog.get_logger(__name__)


class Recall:
    """Reads back, in this order: alerts, what was kept of ranks, and their last minutes.

    Args:
        history: of all partitions.
        counts: by topic, how many partitions there are.
        mine: the numbers of those whose runs are meant.
    """

    def __init__(self, history: History, counts: Mapping[str, int], mine: frozenset[int]) -> None:
        self._history, self._counts, self._mine = history, counts, mine

    async def positions(self) -> dict[TopicPartition, int]:
        """Return where the group goes on reading, in all partitions of pulses and events."""
        return await self._history.positions(self._places())

    async def unread(self) -> list[int]:
        """Return the partitions, whoever's, of which the group has not acknowledged all that was there a moment ago."""
        ends = await self._history.ends(self._places())
        await asyncio.sleep(_ACKNOWLEDGED_SECONDS)
        positions = await self.positions()
        return sorted({place.partition for place, end in ends.items() if positions[place] < end})

    async def alerts(self, book: Book, passed: Transitions) -> None:
        """Fill the book, and note which states the alerts went through."""
        told: dict[tuple[int, bytes | None], list[Alert]] = {}
        async for record in self._history.all(ALERTS):
            place = record.partition, record.key
            if record.value is None:  # forgotten
                told.pop(place, None)
            elif (alert := _alert(record.value)) is not None:
                told.setdefault(place, []).append(alert)
        for alert in chain.from_iterable(told.values()):
            if self.owns(alert.run):
                book.fold(alert)
                passed.note([alert])
            else:
                book.hear(alert)

    async def ranks(self, watch: Watch, now: int) -> None:
        """Put back what was kept of ranks."""
        kept = {record.key: record.value async for record in self._history.all(MEMORY)}
        for key, value in kept.items():
            at = home((key or b"").rpartition(b"/")[0], self._counts[PULSE])
            if value is not None and self._has(at):
                with suppress(WireError):
                    watch.restore(value, at, now)

    async def recent(self, watch: Watch, positions: dict[TopicPartition, int], seconds: float, now: int) -> list[Alert]:
        """Judge once more what came in the last seconds before the positions. Return the alerts that changed.

        Of all partitions: before there were as many as there are now, a run's records lay in another one.
        """
        changed: list[Alert] = []
        async for record in self._history.recent(positions, seconds):
            for message in unpack([record])[0]:
                count = self._counts[record.topic]
                at = record.partition if message.key is None else home(message.key, count)
                if not self._has(at):
                    continue
                with suppress(WireError):
                    said = (Pulse if record.topic == PULSE else Event).parse(message.value or b"")
                    changed += watch.read([(said, at)], now)
        return changed

    def owns(self, run: str) -> bool:
        """Return whether a run is one of those that are meant."""
        return PULSE in self._counts and self._has(home(run.encode(), self._counts[PULSE]))

    def _places(self) -> list[TopicPartition]:
        return [TopicPartition(topic, number) for topic in (PULSE, EVENTS) for number in range(self._counts[topic])]

    def _has(self, partition: int) -> bool:
        return partition in self._mine


def _alert(value: bytes) -> Alert | None:
    """Return a record of an alert; None, and say so, if it is none."""
    try:
        return Alert.parse(value)
    except WireError as error:
        _log.warning("unreadable alert", reason=str(error))
        return None
