"""The alerting process: a Faust app over pulses and events.

Everything that changes what is known goes through one queue and one task, in order: records, ticks of the clock,
deliveries, and new assignments. For each batch of records: judge, publish the changed alerts (acks=all), tell the
receivers, acknowledge the batch. So a kill at any point repeats records, which the rules recognise, and loses none.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from contextlib import suppress
from itertools import groupby
from pathlib import Path
from typing import Any

import structlog
from aiokafka import TopicPartition

from runwire import _ready
from runwire.errors import WireError
from runwire.wire import ALERTS, CONTROL, DIRECTIVES, EVENTS, MEMORY, PULSE, Alert, Event, Pulse, RuleSet, Silence
from runwire.wire.directives import Directive
from runwire_alerting import actions, memory, metrics, rulesfile
from runwire_alerting.bulletin import Bulletin
from runwire_alerting.errors import DeclarationError
from runwire_alerting.history import History
from runwire_alerting.inbox import Assigned, Came, Delivered, Heard, Tick, letters, parse, read_alert
from runwire_alerting.notifiers import declaration
from runwire_alerting.notifiers.receiver import Receiver
from runwire_alerting.notifiers.receivers import receivers, webhook
from runwire_alerting.rules import rules
from runwire_alerting.said import Said
from runwire_alerting.settings import Settings, load
from runwire_alerting.sight import Sight
from runwire_alerting.watch import Watch
from runwire_faust import app, logs
from runwire_faust.deadletter import DeadLetters
from runwire_faust.endpoint import Endpoint
from runwire_faust.lag import Lag
from runwire_faust.message import Message, unpack
from runwire_faust.partitions import Partitions
from runwire_faust.slot import Slot
from runwire_faust.strays import Strays, home
from runwire_faust.watchdog import Watchdog, die, vital

GROUP = "runwire.alerting"
_TICK_SECONDS = 1.0
#: When one rank of several tells of a NaN, the others' pulses are under way: wait, to name the first offender.
_COMPANY_SECONDS = 0.1
_INBOX_MAX = 1000
#: How long Kafka may take to say what it holds before the worker counts as blind.
_LOOK_SECONDS_MAX = 3.0
_STUCK_SECONDS_MAX = 60.0

_log = structlog.get_logger(__name__)


def run(
    kafka: str,
    webhooks: Sequence[str],
    datadir: Path,
    server_url: str | None = None,
    settings: Settings | None = None,
    *,
    metrics_host: str = "127.0.0.1",
    metrics_port: int | None = None,
) -> int:
    """Watch runs and tell of their alerts until SIGTERM or SIGINT; return the exit code.

    Args:
        kafka: "host:port" of the brokers, several with commas.
        webhooks: where alerts are posted, besides where the settings say.
        datadir: a folder for Faust, made if need be; nothing of value lies there.
        server_url: where the page is, for links in notices.
        settings: numbers of the rules; None for the environment's.
        metrics_host: the address at which metrics and health are told.
        metrics_port: the port; None to tell them nowhere.

    Raises:
        ConfigError: a webhook or a setting is not what it must be.
    """
    logs.configure()
    datadir.mkdir(parents=True, exist_ok=True)
    alerting = Alerting(kafka, webhooks, datadir, server_url, settings or load())
    if metrics_port is not None:
        Endpoint(metrics_host, metrics_port, alive=alerting.trouble, ready=alerting.lacks).start()
    return app.run(alerting.app)


class Alerting:
    """One worker: its Faust app, what it knows, and the receivers that it tells.

    Attributes:
        app: the Faust app.
        trouble: says why the worker does not seem to be alive, None if it does; any thread may call it.
    """

    def __init__(
        self, kafka: str, webhooks: Sequence[str], datadir: Path, server_url: str | None, settings: Settings
    ) -> None:
        self._slot = Slot(datadir)
        self.app = app.make(
            GROUP,
            kafka,
            datadir,
            self._slot.name,
            session_seconds=6,  # the least that a Kafka allows unless told
            buffer_records=1024,
            poll_records=500,
        )
        self._settings = settings
        hooks = [*webhooks, *(url.get_secret_value() for url in settings.webhooks)]
        declared = declaration.read(settings.file)
        self._receivers = receivers(hooks, declared, settings, server_url, self._delivered)
        self._history = History(kafka, GROUP)
        self._server_url = server_url
        #: By their addresses, those whom only some rules name.
        self._called: dict[str, Receiver] = {}
        self._bulletin = Bulletin(kafka)
        self._said = Said()
        self._rules = rules(settings)
        #: Whether these are all that were applied: what is not known of them is not to end their alerts.
        self._rules_known = True
        self._watch = Watch(self._rules)
        self._sight = Sight({}, _now())
        self._assigned: frozenset[TopicPartition] = frozenset()
        self._blind: set[int] = set()
        self._inbox: asyncio.Queue[Any] = asyncio.Queue(_INBOX_MAX)
        self._watchdog = Watchdog(self.app)
        self.trouble = self._watchdog.trouble
        self._lag = Lag(self.app, kafka, GROUP, (PULSE, EVENTS))
        self._alerts = self.app.topic(ALERTS, internal=False)
        self._control = self.app.topic(CONTROL, internal=False)
        self._events = self.app.topic(EVENTS, internal=False)
        self._memory = self.app.topic(MEMORY, internal=False)
        self._directives = self.app.topic(DIRECTIVES, internal=False)
        self._dead_letters = DeadLetters(self.app, self._slot.unreadable)
        self._partitions = Partitions(self.app, (PULSE, EVENTS))
        self._strays = Strays(self.app, self._partitions, (PULSE, EVENTS))
        app.read(self.app, (PULSE, EVENTS), self._receive, self._lag)
        self.app.task(self._work)
        self.app.task(self._watch_partitions)
        self.app.task(self._clock)
        self._connected = asyncio.Event()
        self.app.task(self._follow)
        self.app.on_partitions_assigned.connect(self._on_assigned)
        self.app.on_before_shutdown.connect(self._close)

    def lacks(self) -> str | None:
        """Return what the worker lacks to do its part of the work, None if nothing. Any thread may call it."""
        blind = self._blind
        return self._lag.lacks() or (f"not all is seen of partitions {sorted(blind)}" if blind else None)

    async def _receive(self, event: Any) -> None:
        await self._inbox.put(parse(event))

    async def _work(self) -> None:
        with vital("handling records"):
            await self._history.start()
            await self._bulletin.start()
            for said in await self._bulletin.past():
                self._obey(said, _now())
            self._connected.set()
            while not self.app.should_stop:
                for kind, items in groupby(await self._take(), type):
                    await self._handle(kind, list(items))

    async def _take(self) -> list[Any]:
        batch = [await self._inbox.get(), *self._waiting()]
        if any(self._watch.company(said) for item in batch if isinstance(item, Came) for _, said in item.read):
            await asyncio.sleep(_COMPANY_SECONDS)
            batch += self._waiting()
        return batch

    def _waiting(self) -> list[Any]:
        return [self._inbox.get_nowait() for _ in range(self._inbox.qsize())]

    async def _handle(self, kind: type, items: list[Any]) -> None:
        now = _now()
        if kind is Came:
            await self._handle_came([item for item in items if self._partitions.present(item.event)], now)
        elif kind is Tick:
            seen = self._sight.look(items[-1].ends, now)
            self._blind = {place.partition for place in self._assigned} - seen.keys()
            if self._sight.stuck(now) > _STUCK_SECONDS_MAX:
                die(f"nothing was read for {_STUCK_SECONDS_MAX:g} s, though Kafka holds more")
            await self._tell(self._watch.tick(now, seen), now)
            await self._keep(now)
            metrics.tell(self._watch, (*self._receivers, *self._called.values()), len(self._blind))
        elif kind is Delivered:
            noted = [self._watch.book.delivered(item.alert, item.receiver, now) for item in items]
            await self._publish([alert for alert in noted if alert is not None])
        elif kind is Heard:
            for item in items:
                await self._tell(self._obey(item.said, now), now)
        else:
            await self._load(items[-1].partitions)

    def _obey(self, said: Directive | Alert, now: int) -> list[Alert]:
        """Go by what somebody or another worker said. Return the alerts that it changes."""
        if isinstance(said, Alert):
            if not self._mine(said):
                self._watch.book.hear(said)
            return []
        if isinstance(said, RuleSet):
            try:
                self._rules = rules(self._settings, rulesfile.taken(said))
            except DeclarationError as error:
                self._rules_known = False
                _log.error("rules not taken over", by=said.by, reason=str(error))
                return []
            self._rules_known = True
            self._watch.arm(self._rules)
            self._call()
            _log.info("rules", by=said.by, names=[one.name for one in self._rules])
            return []
        self._said.take(said)
        if isinstance(said, Silence):
            return self._watch.book.silence(said, now)
        return self._watch.book.acknowledge(said)

    def _call(self) -> None:
        """Have a receiver for each webhook that a rule names; one that is named no more is told no more."""
        for url in {url for policy in self._watch.policies.values() for url in policy.webhooks}:
            if url not in self._called:
                self._called[url] = webhook(url, self._settings, self._server_url, self._delivered)

    def _mine(self, alert: Alert) -> bool:
        return self._home(alert.run)

    def _home(self, key: str) -> bool:
        counts = self._partitions.counts
        return PULSE in counts and TopicPartition(PULSE, home(key.encode(), counts[PULSE])) in self._assigned

    async def _keep(self, now: int) -> None:
        """Keep what was learnt of some ranks, after whatever followed from it was published; and forget what is old."""
        told = [(memory.key(rank), memory.encode(rank)) for rank in memory.due(self._watch.health, now)]
        forgotten = [(memory.key(rank), None) for rank in self._watch.gone]
        sent = [await self._memory.send(key=key, value=value) for key, value in [*told, *forgotten]]
        sent += [
            # In each partition: before there were as many as there are now, its records lay in another one.
            await self._alerts.send(key=id_.encode(), value=None, partition=number)
            for id_ in self._watch.forgotten
            for number in range(self._partitions.counts[PULSE])
        ]
        sent += [
            await self._directives.send(key=key.encode(), value=None)
            for key in self._said.expire(now)
            if self._home(key)  # one of the workers, who all know it
        ]
        await asyncio.gather(*sent)

    async def _handle_came(self, items: list[Came], now: int) -> None:
        read: list[tuple[Pulse | Event, int]] = []
        refused: list[tuple[Message, str]] = []
        strays: list[Message] = []
        for item in items:
            for said, record in item.read:
                if self._strays.is_one(said):
                    strays.append(said)
                else:
                    read.append((record, said.partition))
            for said, reason in item.refused:
                if self._strays.is_one(said):
                    strays.append(said)
                else:
                    refused.append((said, reason))
        await self._tell(self._watch.read(read, now), now)
        dead = letters(refused) + await self._strays.send_home(strays)
        await self._dead_letters.bury(dead, sum(len(item.read) + len(item.refused) for item in items))
        self._acknowledge([item.event for item in items], now)

    def _acknowledge(self, events: list[Any], now: int) -> None:
        for event in events:
            if self._partitions.ours(event):
                message = event.message
                self._sight.handled(message.topic, message.partition, message.offset, now)
                event.ack()
                self._lag.handled(message)

    async def _tell(self, changed: list[Alert], now: int) -> None:
        # First, so that it is asked again if this is cut short: once the alert is published nobody would.
        await self._act(changed, now)
        await self._publish(changed)
        for alert in changed:
            if alert.told_at is not None:  # what is owed of one that was told before is owed as it is now
                for receiver in self._receivers_of(alert):
                    receiver.tell(alert)
            if alert.told_at != now:
                continue
            _log.info(alert.state, alert=alert.id, rule=alert.rule, run=alert.run, rank=alert.rank, title=alert.title)
            metrics.ALERTS.labels(alert.rule, alert.state).inc()

    def _receivers_of(self, alert: Alert) -> list[Receiver]:
        called = self._watch.policies[alert.rule].webhooks if alert.rule in self._watch.policies else ()
        return [*self._receivers, *(self._called[url] for url in called)]

    async def _act(self, changed: list[Alert], now: int) -> None:
        for request in actions.stops(changed, self._watch.health, now):
            _log.info("asks to stop", run=request.run, by=request.by, reason=request.reason)
            await (await self._control.send(key=request.run.encode(), value=request.encode()))
        for event in actions.tags(changed, self._watch.policies, self._watch.health, now):
            _log.info("tags", run=event.run, tags=event.data["tags"])
            await (await self._events.send(key=event.run.encode(), value=event.encode()))

    async def _publish(self, alerts: list[Alert]) -> None:
        sent = [await self._alerts.send(key=alert.id.encode(), value=alert.encode()) for alert in alerts]
        await asyncio.gather(*sent)

    async def _delivered(self, alert: Alert, receiver: str) -> None:
        await self._inbox.put(Delivered(alert, receiver))

    async def _on_assigned(self, _app: Any, assigned: Any, **_: Any) -> None:
        places = frozenset(TopicPartition(place.topic, place.partition) for place in assigned)
        await self._inbox.put(Assigned(frozenset(place for place in places if place.topic in (PULSE, EVENTS))))

    async def _load(self, assigned: frozenset[TopicPartition]) -> None:
        """Read back what is known of the runs of these partitions, and go on with the notices that are owed."""
        began = time.monotonic()
        self._assigned = assigned
        self._watch = watch = Watch(self._rules)
        mine = {place.partition for place in assigned}
        counts = self._partitions.counts
        watch.retiring = self._rules_known
        alerts = {(record.partition, record.key): record.value async for record in self._history.all(ALERTS)}
        for value in filter(None, alerts.values()):
            alert = read_alert(value)
            if alert is not None:
                (watch.book.fold if self._mine(alert) else watch.book.hear)(alert)
        everywhere = [TopicPartition(topic, number) for topic, count in counts.items() for number in range(count)]
        positions = await self._history.positions(everywhere)
        now, changed = _now(), []
        kept = {record.key: record.value async for record in self._history.all(MEMORY)}
        for key, value in kept.items():
            at = home((key or b"").rpartition(b"/")[0], counts[PULSE])
            if value is not None and at in mine:
                with suppress(WireError):
                    watch.restore(value, at, now)
        for directive in self._said:
            changed += self._obey(directive, now)
        window = max(2 * self._settings.heartbeat_after, 2 * memory.SECONDS)
        # Of all partitions: before there were as many as there are now, a run's records lay in another one.
        async for record in self._history.recent(positions, window):
            for message in unpack([record])[0]:
                at = record.partition if message.key is None else home(message.key, counts[record.topic])
                if at not in mine:
                    continue
                with suppress(WireError):
                    said = (Pulse if record.topic == PULSE else Event).parse(message.value or b"")
                    changed += watch.read([(said, at)], now)
        await self._act(changed, now)
        await self._publish(changed)
        self._sight = Sight({place: positions[place] for place in assigned}, _now())
        self._blind = set(mine)
        told = [alert for alert in watch.book if alert.told_at is not None]
        for receiver in (*self._receivers, *self._called.values()):
            receiver.owe([alert for alert in told if receiver in self._receivers_of(alert)])
        _log.info("watching", partitions=sorted(mine), seconds=round(time.monotonic() - began, 3))
        _ready.tell()

    async def _watch_partitions(self) -> None:
        with vital("watching the partitions"):
            await self._partitions.watch()

    async def _follow(self) -> None:
        with vital("reading what others say"):
            await self._connected.wait()
            async for said in self._bulletin.news():
                await self._inbox.put(Heard(said))

    async def _clock(self) -> None:
        with vital("the clock"):  # without which no silence is noticed
            self._watchdog.start()
            while not self.app.should_stop:
                self._watchdog.beat()
                await self._inbox.put(Tick(await self._ends()))
                await asyncio.sleep(_TICK_SECONDS)

    async def _ends(self) -> dict[TopicPartition, int] | None:
        if not self._assigned or not self._partitions.complete:
            return None  # a run that is silent here may be heard in a partition that nobody reads yet
        try:
            return await asyncio.wait_for(self._history.ends(self._assigned), _LOOK_SECONDS_MAX)
        except (asyncio.TimeoutError, OSError, RuntimeError):
            return None

    async def _close(self, *_: Any, **__: Any) -> None:
        for receiver in (*self._receivers, *self._called.values()):
            await receiver.close()
        await self._history.stop()
        await self._bulletin.stop()


def _now() -> int:
    return time.time_ns() // 1000
