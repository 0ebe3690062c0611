"""A dead man's switch: an address that is asked for as long as alerting sees, and alarms its owners when it is not.

Who cannot see cannot be relied on to say so. So somebody elsewhere is told that all is well, and silence is the alarm.
All workers may have one address: none asks for it unless the group as a whole keeps up.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

import structlog

from runwire_alerting.metrics import PINGS
from runwire_alerting.notifiers.http import Address

#: While alerting does not see, it is looked so often whether it does.
_LOOK_SECONDS = 1.0

_log = structlog.get_logger(__name__)


class DeadMan:
    """Asks for one address at an interval.

    Args:
        url: the address, which is all that its service knows us by, so it is never told.
        interval: seconds between two times.
        timeout: how many seconds an answer may take.
        unseen: returns what alerting does not see, None if it sees everything.

    Raises:
        ReceiverError: the URL is no http or https address; the message says what is expected.
    """

    def __init__(self, url: str, interval: float, timeout: float, unseen: Callable[[], Awaitable[str | None]]) -> None:
        self._address = Address(url, timeout)
        self._interval, self._unseen = interval, unseen
        self._told, self._warned = time.monotonic(), False
        for outcome in ("taken", "refused"):
            PINGS.labels(outcome)  # told as 0 from the start

    async def run(self) -> None:
        """Ask for it until this is cancelled."""
        while True:
            reason = await self._unseen()
            if reason is None:
                answer = await self._address.ask("GET")
                PINGS.labels("taken" if answer.taken else "refused").inc()
                reason = None if answer.taken else answer.words
                pause = self._interval
            else:
                pause = min(_LOOK_SECONDS, self._interval)
            self._note(reason)
            await asyncio.sleep(pause)

    async def close(self) -> None:
        """Let go of connections."""
        await self._address.close()

    def _note(self, trouble: str | None) -> None:
        now = time.monotonic()
        if trouble is None:
            if self._warned:
                _log.info("the dead man's switch is told again that all is well", switch=self._address.place)
            self._told, self._warned = now, False
        elif not self._warned and now - self._told > self._interval:
            _log.warning("the dead man's switch is not told that all is well", switch=self._address.place, why=trouble)
            self._warned = True
