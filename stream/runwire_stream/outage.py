"""Waiting for a store that is away."""

from __future__ import annotations

import random
import time

import structlog

from runwire.errors import UnavailableError
from runwire_stream.metrics import STORE_AWAY_SECONDS, STORE_OUTAGES

_WAIT_SECONDS_MIN = 0.1
_WAIT_SECONDS_MAX = 3.0

_log = structlog.get_logger("runwire.stream")


class Outages:
    """Waits longer each time while the store is away, and says once that it is and once that it is back.

    Waiting needs no limit: meanwhile nothing is acknowledged, and Kafka holds what comes.
    """

    def __init__(self) -> None:
        self._since: float | None = None
        self._wait = _WAIT_SECONDS_MIN
        STORE_AWAY_SECONDS.set_function(self._away_seconds)

    def wait(self, error: UnavailableError) -> None:
        """Return when it is time to try again."""
        if self._since is None:
            self._since = time.monotonic()
            STORE_OUTAGES.inc()
            _log.warning("the store is away; what comes waits in Kafka", error=str(error))
        time.sleep(self._wait * random.uniform(0.5, 1))  # noqa: S311 -- spreads workers
        self._wait = min(2 * self._wait, _WAIT_SECONDS_MAX)

    def over(self) -> None:
        """Note that the store has answered."""
        if self._since is not None:
            _log.info("the store is back", away_seconds=round(time.monotonic() - self._since, 1))
            self._since = None
            self._wait = _WAIT_SECONDS_MIN

    def _away_seconds(self) -> float:
        since = self._since  # read once: a scrape comes in a thread of its own
        return 0.0 if since is None else time.monotonic() - since
