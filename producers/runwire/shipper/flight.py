"""What is on its way to Kafka from one spool, in order, and how far everything before it is acknowledged."""

from __future__ import annotations

import time
from collections import deque
from typing import Generic, TypeVar

from runwire.shipper.link import Sent

_Mark = TypeVar("_Mark")


class Flight(Generic[_Mark]):
    """Records in the order in which they were sent, each with the mark that holds once it is acknowledged.

    Args:
        mark: what holds from the start.
    """

    def __init__(self, mark: _Mark) -> None:
        self.acknowledged = mark
        self._sent: deque[tuple[Sent, _Mark]] = deque()

    def __len__(self) -> int:
        return len(self._sent)

    @property
    def age(self) -> float:
        """How long the oldest record has been on its way, seconds."""
        return time.monotonic() - self._sent[0][0].at if self._sent else 0.0

    def add(self, sent: Sent, mark: _Mark) -> None:
        """Take in a record that was sent after all others."""
        self._sent.append((sent, mark))

    def settle(self) -> None:
        """Move the mark behind every record that is acknowledged with all before it."""
        while self._sent and self._sent[0][0].acknowledged():
            self.acknowledged = self._sent.popleft()[1]

    def skip(self, mark: _Mark) -> None:
        """Move the mark where nothing was to be sent; only while nothing is on its way."""
        if not self._sent:
            self.acknowledged = mark
