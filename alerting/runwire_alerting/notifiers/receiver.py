"""One receiver of notices: what it is owed, and how it is offered that until it takes it.

At least once: a notice is offered until it is taken, and again after a restart if that was not recorded. Each carries a
key, by which a receiver knows one that it has had. A program is told of every state of an alert, in order; people are
told what holds now: of a state that passes while they take no notices its successor tells.
"""

from __future__ import annotations

import asyncio
import hashlib
import heapq
import math
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import suppress
from itertools import count

import structlog

from runwire.wire import Alert
from runwire_alerting.metrics import NOTICE_SECONDS, NOTICES
from runwire_alerting.notifiers import notice
from runwire_alerting.notifiers.breaker import Breaker, pause
from runwire_alerting.notifiers.channel import Answer, Channel
from runwire_alerting.notifiers.debts import Debts, Owed
from runwire_alerting.notifiers.plot import Plots
from runwire_alerting.routes import Want
from runwire_alerting.settings import Settings

_log = structlog.get_logger(__name__)

_SECOND = 1_000_000
#: More notices than this are not kept for a receiver that takes none; the oldest go. The book of alerts has them still,
#: so they are offered after the next start.
OWED_MAX = 10_000


class Receiver:
    """Offers notices to one channel. Whatever that does or does not do holds up no other receiver.

    Args:
        place: how logs and metrics call it.
        identity: what stands for it in the record of deliveries, as its SHA-256.
        channel: the way to it.
        wants: says whether it is to be told of an alert, and how.
        settings: for how long a notice is offered.
        server_url: where the page is, for links; None for no links.
        delivered: called with an alert and this receiver's digest when it took the notice.
        plots: who draws the pictures of notices; None for notices without.
        pause: says for how many seconds to wait after so many failures in a row.
        owed_max: how many notices wait at most.
    """

    def __init__(
        self,
        place: str,
        identity: str,
        channel: Channel,
        *,
        wants: Callable[[Alert], Want | None],
        settings: Settings,
        server_url: str | None,
        delivered: Callable[[Alert, str], Awaitable[None]],
        plots: Plots | None = None,
        pause: Callable[[int], float] = pause,
        owed_max: int = OWED_MAX,
    ) -> None:
        self.place = place
        #: What stands for the receiver in an alert's ``delivered_at``.
        self.digest = hashlib.sha256(identity.encode()).hexdigest()[:12]
        for outcome in ("taken", "refused", "given_up"):
            NOTICES.labels(place, outcome)  # told as 0 from the start
        self._channel, self._wants = channel, wants
        self._settings, self._server_url, self._plots = settings, server_url, plots
        self._delivered = delivered
        self._pause, self._owed_max = pause, owed_max
        self._breaker = Breaker(pause)
        self._owed = Debts()
        #: When which notices were taken, microseconds since the epoch. The alert's record does not know of it at once.
        self._taken: dict[str, int] = {}
        #: What is not under way, the first that is due at the top; entries that are owed no more stay until then.
        self._queue: list[tuple[float, int, Owed]] = []
        self._order = count()
        self._flying: dict[str, asyncio.Task[None]] = {}
        self._news = asyncio.Event()
        self._pump: asyncio.Task[None] | None = None
        self._closed = False

    @property
    def waiting(self) -> int:
        """How many notices are owed and due."""
        now = time.monotonic()
        return sum(owed.began <= now for owed in self._owed)

    def tell(self, alert: Alert, before: Sequence[Alert] = ()) -> None:
        """Offer the notice of an alert's present state.

        One of an earlier state that is still owed comes first where the channel tells of what has passed; else the
        present one takes its place.

        Args:
            alert: as it is.
            before: its earlier states, the oldest first, for whoever does not know yet what of them is owed.
        """
        if self._closed:
            return
        present = self._owe(alert)
        if present is None:
            self._owed.put(alert.id, [])
            return
        waiting = self._owed.of(alert.id)
        for known in waiting:
            if (known.alert.notice, known.repeat) == (present.alert.notice, present.repeat):
                known.alert = alert  # the same notice, of which more is known: what was tried counts
                return
        if not self._channel.passed:
            passed = []
        elif waiting:
            passed = [one for one in waiting if not one.repeat]  # that it went on is no news any more
        else:
            passed = self._untold(before)
        first = self._owed.first(alert.id)
        self._owed.put(alert.id, [*passed, present])
        if self._owed.first(alert.id) is not first:
            self._offer_first(alert.id)
        while len(self._owed) > self._owed_max:
            self._give_up(next(iter(self._owed)), f"more than {self._owed_max} notices wait")

    def owe(self, alerts: Iterable[tuple[Alert, Sequence[Alert]]]) -> None:
        """Owe the notices of these alerts, each with its earlier states, and of no others.

        Those too old to be offered any more are left out.
        """
        due = {alert.id: (alert, before) for alert, before in alerts if self._young(alert) or self._told(alert)}
        for id_ in self._owed.alerts():
            if id_ not in due:
                self._owed.put(id_, [])
        for alert, before in due.values():
            self.tell(alert, before)

    async def close(self) -> None:
        """Stop offering; what is still owed is offered after the next start."""
        self._closed = True
        tasks = [*self._flying.values(), *filter(None, [self._pump])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._channel.close()

    def _owe(self, alert: Alert) -> Owed | None:
        """Return what the receiver is owed of an alert's present state, None for nothing."""
        want = self._wants(alert)
        if want is None or alert.closed:
            return None
        now, told = time.monotonic(), self._told(alert)
        if not told:
            return Owed(alert, 0, now, now)
        if alert.standing != "firing" or want.repeat is None:
            return None
        # Counted from what is recorded, so that a repeat has the same key whoever sends it.
        after = told + want.repeat * _SECOND
        due = now + max(after / _SECOND - time.time(), 0.0)
        return Owed(alert, max(int((after - alert.fired_at) / (want.repeat * _SECOND)), 1), due, due)

    def _told(self, alert: Alert) -> int:
        """Return when the notice of a state was taken, microseconds since the epoch, 0 if it was not."""
        return max(alert.delivered_at.get(self.digest, 0), self._taken.get(alert.notice, 0))

    def _young(self, alert: Alert) -> bool:
        # Else a receiver that is new would be told of all that ever happened.
        return _changed_at(alert) >= (time.time() - self._settings.retry_for) * _SECOND

    def _untold(self, before: Sequence[Alert]) -> list[Owed]:
        """Return what is owed of earlier states: of those behind the last one that was taken, since all go in order."""
        found: list[Owed] = []
        for alert in reversed(before):
            if self._told(alert):
                break
            owed = self._owe(alert) if self._young(alert) else None
            found += [owed] if owed is not None else []
        return found[::-1]

    def _offer_first(self, alert: str) -> None:
        first = self._owed.first(alert)
        if first is not None and alert not in self._flying and not self._closed:
            self._push(first)

    def _push(self, owed: Owed) -> None:
        heapq.heappush(self._queue, (owed.due, next(self._order), owed))
        self._news.set()
        if self._pump is None:
            self._pump = asyncio.create_task(self._offer(), name=f"notices to {self.place}")

    async def _offer(self) -> None:
        while True:
            wait = self._start()
            with suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._news.wait(), None if wait == math.inf else wait)
            self._news.clear()

    def _start(self) -> float:
        """Send what is due and may be sent. Return after how many seconds to look again."""
        while self._queue and len(self._flying) < self._channel.concurrency:
            now = time.monotonic()
            due, _, owed = self._queue[0]
            id_ = owed.alert.id
            if self._owed.first(id_) is not owed:
                heapq.heappop(self._queue)
                continue
            wait = max(due - now, self._breaker.wait(now))
            if wait > 0:
                return wait
            heapq.heappop(self._queue)
            flight = self._fly(owed, probe=self._breaker.ask())
            self._flying[id_] = asyncio.create_task(flight, name=f"notice {id_}")
        return math.inf

    async def _fly(self, owed: Owed, *, probe: bool) -> None:
        id_ = owed.alert.id
        try:
            await self._land(owed, await self._send(owed), probe=probe)
        finally:
            # Nothing is awaited between the last look at what is owed and this, so `tell` cannot fall in between.
            del self._flying[id_]
            self._offer_first(id_)
            self._news.set()

    async def _send(self, owed: Owed) -> Answer:
        try:
            picture = await self._plots.of(owed.alert) if self._plots is not None else None
            return await self._channel.send(notice.compose(owed.alert, self._server_url, owed.repeat, picture))
        except Exception as error:  # noqa: BLE001 -- a mistake in one way to tell of an alert ends none of the others
            # Only the kind of error is told: its text may hold an address with its secret.
            return Answer(f"failed by a mistake of Runwire's ({type(error).__name__})")

    async def _land(self, owed: Owed, answer: Answer, *, probe: bool) -> None:
        alert = owed.alert
        if answer.taken:
            self._breaker.taken()
            NOTICES.labels(self.place, "taken").inc()
            if owed.repeat == 0:
                NOTICE_SECONDS.observe(max(time.time() - _changed_at(alert) / _SECOND, 0.0))
            self._note(alert)
            await self._delivered(alert, self.digest)
            if self._owed.first(alert.id) is owed:
                self._owed.remove(owed)
                if not self._owed.of(alert.id):
                    self.tell(alert)  # it may be owed again, later
            return
        now = time.monotonic()
        was_open = self._breaker.open
        self._breaker.refused(now, answer.retry_after, probe=probe)
        if self._owed.first(alert.id) is not owed:
            return
        owed.attempts += 1
        if now - owed.began > self._settings.retry_for:
            self._give_up(owed, answer.words)
            return
        NOTICES.labels(self.place, "refused").inc()
        _log.warning("notice not taken", **self._about(owed, answer.words))
        if self._breaker.open and not was_open:
            _log.warning("receiver takes nothing: it is asked now and then", receiver=self.place)
        owed.due = now + self._pause(owed.attempts)

    def _note(self, alert: Alert) -> None:
        self._taken.pop(alert.notice, None)
        self._taken[alert.notice] = round(time.time() * _SECOND)
        if len(self._taken) > self._owed_max:
            del self._taken[next(iter(self._taken))]

    def _give_up(self, owed: Owed, reason: str) -> None:
        NOTICES.labels(self.place, "given_up").inc()
        _log.error("gave up on a notice", **self._about(owed, reason))
        self._owed.remove(owed)
        self._offer_first(owed.alert.id)

    def _about(self, owed: Owed, reason: str) -> dict[str, object]:
        return {"receiver": self.place, "alert": owed.alert.id, "attempts": owed.attempts, "reason": reason}


def _changed_at(alert: Alert) -> int:
    return alert.told_at or alert.resolved_at or alert.fired_at
