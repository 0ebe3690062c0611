"""What a way to tell people is to the rest of alerting."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from runwire_alerting.notifiers.notice import Notice


@dataclass(frozen=True)
class Answer:
    """What came of one attempt.

    Attributes:
        words: what came back, without any secret.
        taken: whether the notice has arrived.
        retry_after: for how many seconds the receiver asks to be left alone.
    """

    words: str
    taken: bool = False
    retry_after: float | None = None


class Channel(Protocol):
    """Sends notices to one place.

    Attributes:
        concurrency: how many may be under way at a time.
        passed: whether it tells also of states that have passed meanwhile: a program keeps count of all of them, people
            are to be told what holds.
    """

    concurrency: int
    passed: bool

    async def send(self, notice: Notice) -> Answer:
        """Try once. It raises nothing that the world may cause, and ends within its time-out."""

    async def close(self) -> None:
        """Let go of connections."""
