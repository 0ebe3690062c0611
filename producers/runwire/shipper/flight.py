"""What is on its way to Kafka from one spool, in order, and how far everything before it is acknowledged."""

from __future__ import annotations

from collections import deque
from typing import Generic, TypeVar

from runwire.shipper.batch import Batch

_Mark = TypeVar("_Mark")


class Flight(Generic[_Mark]):
    """Batches in the order in which they were sent, each with the mark that holds once it is acknowledged.

    Args:
        mark: what holds from the start.
    """

    def __init__(self, mark: _Mark) -> None:
        self._acknowledged = mark
        self._sent: deque[tuple[Batch, _Mark]] = deque()

    def __len__(self) -> int:
        """Return how many batches are on their way."""
        self._settle()
        return len(self._sent)

    @property
    def acknowledged(self) -> _Mark:
        """The mark behind every batch that is acknowledged with all before it."""
        self._settle()
        return self._acknowledged

    def age(self, now: float) -> float:
        """Return how long the oldest batch has been on its way, seconds, at ``now`` by the monotonic clock."""
        return now - self._sent[0][0].at if self else 0.0

    def add(self, batch: Batch, mark: _Mark) -> None:
        """Take in the batch of a message that was sent after all others."""
        if self._sent and self._sent[-1][0] is batch:
            self._sent.pop()
        self._sent.append((batch, mark))

    def skip(self, mark: _Mark) -> None:
        """Move the mark where nothing was to be sent: it holds once all that is on its way is acknowledged."""
        if self:
            self._sent[-1] = (self._sent[-1][0], mark)
        else:
            self._acknowledged = mark

    def _settle(self) -> None:
        while self._sent and self._sent[0][0].acknowledged:
            self._acknowledged = self._sent.popleft()[1]
