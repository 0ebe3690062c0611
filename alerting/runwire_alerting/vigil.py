"""Whether alerting itself sees, and how others learn of it when it does not: by an alert, and by silence."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from runwire.wire import Alert
from runwire_alerting.blindness import Blindness
from runwire_alerting.deadman import DeadMan
from runwire_alerting.errors import ReceiverError
from runwire_alerting.metrics import BLIND_SECONDS
from runwire_alerting.settings import Settings

_REPLY_SECONDS_MAX = 6.0


class Vigil:
    """Looks to it that blindness is told of.

    Args:
        worker: the worker's name.
        folder: for a file of its own.
        settings: after which time it is told, and who is asked for while all is well.
        lacks: returns what this worker does not see, None if it sees everything.
        unread: returns the partitions with which the group as a whole does not keep up.
        notify: tells the receivers of an alert.

    Raises:
        ReceiverError: the address of the dead man's switch is none.
    """

    def __init__(
        self,
        worker: str,
        folder: Path,
        settings: Settings,
        *,
        lacks: Callable[[], str | None],
        unread: Callable[[], Awaitable[list[int]]],
        notify: Callable[[Alert], None],
    ) -> None:
        self._lacks, self._unread, self._notify = lacks, unread, notify
        self._blindness = Blindness(worker, folder / f"{worker}.blind.json", settings.blind_after, _now())
        self._dead_man: DeadMan | None = None
        if settings.dead_man_url is not None:
            url = settings.dead_man_url.get_secret_value()
            try:
                self._dead_man = DeadMan(url, settings.dead_man_interval, settings.post_timeout, self._unseen)
            except ReceiverError as error:
                raise ReceiverError(f"RUNWIRE_ALERT_DEAD_MAN_URL takes {error}") from None

    @property
    def alert(self) -> Alert | None:
        """The alert about this worker's blindness, as it was told last; None if there never was one."""
        return self._blindness.alert

    def look(self) -> None:
        """Tell of blindness that has lasted, and of its end; to be called once a second, whatever else waits."""
        alert = self._blindness.look(self._lacks(), _now())
        BLIND_SECONDS.set(self._blindness.seconds)
        if alert is not None:
            self._notify(alert)

    def delivered(self, alert: Alert, receiver: str) -> None:
        """Note that a receiver (its digest) took a notice, of whatever alert."""
        self._blindness.delivered(alert, receiver, _now())

    async def reassure(self) -> None:
        """Tell the dead man's switch that all is well, if there is one, for as long as it is."""
        if self._dead_man is not None:
            await self._dead_man.run()

    async def close(self) -> None:
        """Let go of connections."""
        if self._dead_man is not None:
            await self._dead_man.close()

    async def _unseen(self) -> str | None:
        lacks = self._lacks()
        if lacks is not None:
            return lacks
        try:
            behind = await asyncio.wait_for(self._unread(), _REPLY_SECONDS_MAX)
        except (asyncio.TimeoutError, OSError, RuntimeError):
            return "Kafka does not say how far alerting has read"
        return f"not all is read of partitions {behind}" if behind else None


def _now() -> int:
    return time.time_ns() // 1000
