"""What people said of alerts, for the runs that come to be watched here later."""

from __future__ import annotations

from collections.abc import Iterator

from runwire.wire import Acknowledgement, Silence
from runwire_alerting.policy import KEPT, SECOND

#: A silence that is over is kept for a day, so that whoever makes it longer then is not overtaken.
_OVER = 86_400 * SECOND


class Said:
    """Acknowledgements and silences, the last of each key."""

    def __init__(self) -> None:
        self._said: dict[str, Acknowledgement | Silence] = {}

    def __iter__(self) -> Iterator[Acknowledgement | Silence]:
        return iter(list(self._said.values()))

    def take(self, said: Acknowledgement | Silence) -> None:
        """Have something hold, in place of what has the same key."""
        self._said[said.key] = said

    def expire(self, now: int) -> list[str]:
        """Forget what does not matter any more. Return the keys of it.

        A silence is over; an acknowledgement stands in its alert's record, or the alert is forgotten, too.
        """
        old = [
            key
            for key, said in self._said.items()
            if now > (said.until + _OVER if isinstance(said, Silence) else said.at + KEPT)
        ]
        for key in old:
            del self._said[key]
        return old
