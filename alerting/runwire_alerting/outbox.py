"""What leaves a worker: changed alerts, what rules ask for besides, what is kept of ranks, and the notices."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

import structlog

from runwire.wire import ALERTS, CONTROL, DIRECTIVES, EVENTS, MEMORY, Alert
from runwire_alerting import actions, memory, metrics
from runwire_alerting.notifiers.declaration import Declared
from runwire_alerting.notifiers.receiver import Receiver
from runwire_alerting.notifiers.receivers import Delivered, receivers, webhook
from runwire_alerting.notifiers.transitions import Transitions
from runwire_alerting.policy import Policy
from runwire_alerting.settings import Settings
from runwire_alerting.watch import Watch
from runwire_faust.watchdog import vital

#: What is kept of an alert that is larger than a record may be.
_TEXT_MAX, _TAGS_MAX = 50_000, 100

_log = structlog.get_logger(__name__)


class Outbox:
    """Publishes with all replicas' word, and tells the receivers of what was published.

    Args:
        app: the Faust app.
        webhooks: addresses that are told of everything.
        declared: notifiers and routes.
        settings: the time-outs.
        server_url: where the page is; None for no links.
        delivered: called with an alert and a receiver's digest when that took the notice.

    Raises:
        ReceiverError: an address is none.
    """

    def __init__(
        self,
        app: Any,
        webhooks: list[str],
        declared: Declared,
        *,
        settings: Settings,
        server_url: str | None,
        delivered: Delivered,
    ) -> None:
        self._alerts, self._control, self._directives, self._events, self._memory = (
            app.topic(topic, internal=False) for topic in (ALERTS, CONTROL, DIRECTIVES, EVENTS, MEMORY)
        )
        self._settings, self._server_url, self._delivered = settings, server_url, delivered
        self._receivers = receivers(webhooks, declared, settings, server_url, delivered)
        #: By their addresses, those whom only some rules name.
        self._called: dict[str, Receiver] = {}
        #: Those who wait for Kafka's word on what was sent.
        self._unheard: set[asyncio.Task[None]] = set()

    def __iter__(self) -> Iterator[Receiver]:
        yield from self._receivers
        yield from self._called.values()

    def call(self, policies: Iterable[Policy]) -> None:
        """Have a receiver for each webhook that a rule names; one that is named no more is told no more.

        Raises:
            ReceiverError: an address is none.
        """
        for url in {url for policy in policies for url in policy.webhooks} - self._called.keys():
            self._called[url] = webhook(url, self._settings, self._server_url, self._delivered)

    async def tell(self, changed: list[Alert], watch: Watch, now: int) -> None:
        """Do what changed alerts ask for, publish them, and tell of them."""
        await self.publish(changed, watch, now)
        for alert in changed:
            if alert.told_at is not None:  # what is owed of one that was told before is owed as it is now
                for receiver in self._of(alert, watch):
                    receiver.tell(alert)
            if alert.told_at == now:
                _note(alert)

    def notify(self, alert: Alert) -> None:
        """Tell of an alert that is published nowhere: of the worker's own."""
        _note(alert)
        for receiver in self._receivers:
            receiver.tell(alert)

    async def publish(self, changed: list[Alert], watch: Watch, now: int) -> None:
        """Do what changed alerts ask for, and publish them, without telling anybody."""
        # Actions first, so that it is asked again if this is cut short: once the alert is published nobody would.
        for request in actions.stops(changed, watch.health, now):
            _log.info("asks to stop", run=request.run, by=request.by, reason=request.reason)
            await (await self._control.send(key=request.run.encode(), value=request.encode()))
        for event in actions.tags(changed, watch.policies, watch.health, now):
            _log.info("tags", run=event.run, tags=event.data["tags"])
            await (await self._events.send(key=event.run.encode(), value=event.encode()))
        await asyncio.gather(*[await self._state(alert) for alert in changed])

    async def note(self, alerts: list[Alert]) -> None:
        """Publish states of alerts of which nobody is told, and do not wait for Kafka to have them."""
        self._leave([await self._state(alert) for alert in alerts])

    async def keep(self, watch: Watch, expired: Iterable[str], partitions: int, now: int) -> None:
        """Keep what was learnt of some ranks, after whatever followed from it was published; and forget what is old.

        Nobody waits for Kafka to have it, which takes long where all are busy: the ranks go on, and a NaN among them is
        not to wait. What was begun the last time is waited for.

        Args:
            watch: whose ranks, and whose alerts that are forgotten.
            expired: keys of directives that do not matter any more.
            partitions: how many there are. Before there were as many an alert's records lay in another one, so it is
                forgotten in each.
            now: the time.
        """
        # Made before the first wait: records of later would tell of what nothing may have been published of.
        kept = [*memory.records(watch.health, now), *((memory.key(rank), None) for rank in watch.gone)]
        forgotten = [(id_.encode(), number) for id_ in watch.forgotten for number in range(partitions)]
        await self.heard()
        sent = [await self._memory.send(key=key, value=value) for key, value in kept]
        sent += [await self._alerts.send(key=key, value=None, partition=number) for key, number in forgotten]
        sent += [await self._directives.send(key=key.encode(), value=None) for key in expired]
        self._leave(sent)

    async def heard(self) -> None:
        """Wait until Kafka has all that was sent."""
        if self._unheard:
            await asyncio.wait(self._unheard)

    def owe(self, watch: Watch, passed: Transitions, own: Alert | None) -> None:
        """Have all receivers owed what was not taken of these runs' alerts and of the worker's own, and no more."""
        told = [(alert, passed.before(alert)) for alert in watch.book if alert.told_at is not None]
        told += [(own, [])] if own is not None else []
        for receiver in self:
            receiver.owe(one for one in told if receiver in self._of(one[0], watch))

    async def close(self) -> None:
        """Stop telling."""
        for waiting in self._unheard:
            waiting.cancel()
        for receiver in self:
            await receiver.close()

    async def _state(self, alert: Alert) -> Any:
        return await self._alerts.send(key=alert.id.encode(), value=_value(alert))

    def _leave(self, sent: list[Any]) -> None:
        """Have the process die if Kafka does not take what it was given, without waiting for its word."""
        if sent:
            waiting = asyncio.create_task(_heard(sent))
            self._unheard.add(waiting)
            waiting.add_done_callback(self._unheard.discard)

    def _of(self, alert: Alert, watch: Watch) -> list[Receiver]:
        called = watch.policies[alert.rule].webhooks if alert.rule in watch.policies else ()
        return [*self._receivers, *(self._called[url] for url in called)]


async def _heard(sent: list[Any]) -> None:
    with vital("publishing"):
        await asyncio.gather(*sent)


def _value(alert: Alert) -> bytes:
    """Return an alert's record, which is as large as its text, unless Kafka would not take it."""
    value = alert.encode()
    if len(value) <= memory.RECORD_BYTES_MAX:
        return value
    _log.warning("an alert is recorded in part, for it is too large", alert=alert.id, bytes=len(value))
    text, title = alert.text[:_TEXT_MAX], alert.title[:_TEXT_MAX]
    return replace(alert, title=title, text=text, tags=alert.tags[:_TAGS_MAX], console=[]).encode()


def _note(alert: Alert) -> None:
    _log.info(alert.state, alert=alert.id, rule=alert.rule, run=alert.run, rank=alert.rank, title=alert.title)
    metrics.ALERTS.labels(alert.rule, alert.state).inc()
