"""When to try again: pauses that grow, and a circuit breaker for a receiver that takes nothing.

Pauses are drawn from the whole range up to a limit that doubles ("full jitter", Marc Brooker, AWS Architecture Blog,
2015), so that what failed together does not come back together. The breaker is Michael Nygard's ("Release It!", 2007):
closed, open after some failures in a row, half-open for one probe.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable

#: So many failures in a row open the breaker.
FAILURES_MAX = 5
_PAUSE_SECONDS_FIRST, _PAUSE_SECONDS_MAX = 0.5, 60.0
#: A receiver may ask to be left alone for so long at most.
_RETRY_AFTER_SECONDS_MAX = 3600.0


def pause(failures: int) -> float:
    """Return for how many seconds to wait after so many failures in a row, at least one."""
    limit = min(_PAUSE_SECONDS_FIRST * 2 ** min(failures - 1, 16), _PAUSE_SECONDS_MAX)
    return random.uniform(0, limit)  # noqa: S311 -- jitter is no secret


class Breaker:
    """Says whether a receiver may be asked. Times are of the monotonic clock, seconds.

    Args:
        pause: says for how many seconds to wait after so many failures in a row.
    """

    def __init__(self, pause: Callable[[int], float] = pause) -> None:
        self._pause = pause
        self._failures = 0
        self._probing = False
        self._until = 0.0

    @property
    def open(self) -> bool:
        """Whether the receiver is asked by single probes only."""
        return self._failures >= FAILURES_MAX

    def wait(self, now: float) -> float:
        """Return for how long nobody may ask; infinity while a probe is under way."""
        return math.inf if self._probing else max(self._until - now, 0.0)

    def ask(self) -> bool:
        """Note that somebody asks. Return whether that is a probe, by which the breaker stays open or not."""
        self._probing = self.open
        return self._probing

    def taken(self) -> None:
        """Note that the receiver took something."""
        self._failures, self._probing, self._until = 0, False, 0.0

    def refused(self, now: float, retry_after: float | None = None, *, probe: bool = False) -> None:
        """Note that it did not, when, for how many seconds it asked to be left alone, and whether it was a probe."""
        # What was asked before the breaker opened, and fails behind that, is the same failure.
        if probe or not self.open:
            self._failures += 1
            self._probing = False
            if self.open:
                self._until = now + self._pause(self._failures - FAILURES_MAX + 1)
        if retry_after is not None:
            self._until = max(self._until, now + min(retry_after, _RETRY_AFTER_SECONDS_MAX))
