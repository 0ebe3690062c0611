"""The alerting process: a Faust app over pulses and events.

Everything that changes what is known goes through one queue and one task, in order: records, ticks of the clock,
deliveries, and new assignments. For each batch of records: judge, publish the changed alerts (acks=all), tell the
receivers, acknowledge the batch. So a kill at any point repeats records, which the rules recognise, and loses none.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

import structlog
from aiokafka import TopicPartition

from runwire import _ready
from runwire.wire import EVENTS, PULSE, Alert
from runwire_alerting import memory, metrics
from runwire_alerting.bulletin import Bulletin
from runwire_alerting.history import History
from runwire_alerting.inbox import Assigned, Came, Delivered, Heard, Tick, letters, parse, sort
from runwire_alerting.notifiers import declaration
from runwire_alerting.notifiers.transitions import Transitions
from runwire_alerting.orders import Orders
from runwire_alerting.outbox import Outbox
from runwire_alerting.recall import Recall
from runwire_alerting.settings import Settings, load
from runwire_alerting.sight import Sight
from runwire_alerting.vigil import Vigil
from runwire_alerting.watch import Watch, pressing_first
from runwire_faust import app, logs
from runwire_faust.deadletter import DeadLetters
from runwire_faust.endpoint import Endpoint
from runwire_faust.lag import Lag
from runwire_faust.partitions import Partitions
from runwire_faust.slot import Slot
from runwire_faust.strays import Strays
from runwire_faust.watchdog import Watchdog, die, vital

GROUP = "runwire.alerting"
_SECOND = 1_000_000
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
        self._outbox = Outbox(
            self.app, hooks, declared, settings=settings, server_url=server_url, delivered=self._delivered
        )
        self._history = History(kafka, GROUP)
        self._bulletin = Bulletin(kafka)
        self._orders = Orders(settings, self._outbox)
        self._watch = Watch(self._orders.rules)
        self._recall = Recall(self._history, {}, frozenset())
        self._sight = Sight({}, _now())
        self._vigil = Vigil(
            self._slot.name,
            datadir,
            settings,
            lacks=self.lacks,
            unread=self._unread,
            notify=self._outbox.notify,
        )
        self._assigned: frozenset[TopicPartition] = frozenset()
        self._blind: set[int] = set()
        #: Whether what is known of the runs of the present partitions is read back.
        self._recalled = False
        self._inbox: asyncio.Queue[Any] = asyncio.Queue(_INBOX_MAX)
        self._watchdog = Watchdog(self.app)
        self.trouble = self._watchdog.trouble
        self._lag = Lag(self.app, kafka, GROUP, (PULSE, EVENTS))
        self._dead_letters = DeadLetters(self.app, self._slot.unreadable)
        self._partitions = Partitions(self.app, (PULSE, EVENTS))
        self._strays = Strays(self.app, self._partitions, (PULSE, EVENTS))
        app.read(self.app, (PULSE, EVENTS), self._receive, self._lag)
        self.app.task(self._work)
        self.app.task(self._watch_partitions)
        self.app.task(self._clock)
        self.app.task(self._vigil.reassure)
        self._connected = asyncio.Event()
        self.app.task(self._follow)
        self.app.on_partitions_assigned.connect(self._on_assigned)
        self.app.on_before_shutdown.connect(self._close)

    def lacks(self) -> str | None:
        """Return what the worker lacks to do its part of the work, None if nothing. Any thread may call it."""
        blind = self._blind
        if (lacks := self._lag.lacks()) is not None:
            return lacks
        if not self._recalled:
            return "what was published of the runs is not read back yet"
        return f"not all is seen of partitions {sorted(blind)}" if blind else None

    async def _receive(self, event: Any) -> None:
        await self._inbox.put(parse(event))

    async def _work(self) -> None:
        with vital("handling records"):
            await self._history.start()
            await self._bulletin.start()
            for said in await self._bulletin.past():
                self._orders.take(said, self._watch, self._recall, _now())
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
            await self._outbox.tell(self._watch.tick(now, seen), self._watch, now)
            expired = filter(self._recall.owns, self._orders.expire(now))  # one of the workers, who all know it
            await self._outbox.keep(self._watch, expired, self._partitions.counts[PULSE], now)
            self._tell_metrics()
        elif kind is Delivered:
            for item in items:
                self._vigil.delivered(item.alert, item.receiver)
            noted = [self._watch.book.delivered(item.alert, item.receiver, now) for item in items]
            await self._outbox.note([alert for alert in noted if alert is not None])
        elif kind is Heard:
            for item in items:
                changed = self._orders.take(item.said, self._watch, self._recall, now)
                await self._outbox.tell(changed, self._watch, now)
        else:
            await self._load(items[-1].partitions)

    async def _handle_came(self, items: list[Came], now: int) -> None:
        read, refused, strays = sort(items, self._strays.is_one)
        for part in pressing_first(read):
            await self._outbox.tell(self._watch.read(part, now), self._watch, now)
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

    async def _delivered(self, alert: Alert, receiver: str) -> None:
        await self._inbox.put(Delivered(alert, receiver))

    async def _on_assigned(self, _app: Any, assigned: Any, **_: Any) -> None:
        self._recalled = False
        places = frozenset(TopicPartition(place.topic, place.partition) for place in assigned)
        await self._inbox.put(Assigned(frozenset(place for place in places if place.topic in (PULSE, EVENTS))))

    async def _load(self, assigned: frozenset[TopicPartition]) -> None:
        """Read back what is known of the runs of these partitions, and go on with the notices that are owed."""
        began = time.monotonic()
        mine = frozenset(place.partition for place in assigned)
        self._assigned = assigned
        await self._outbox.heard()
        self._watch = watch = Watch(self._orders.rules)
        watch.retiring = self._orders.complete
        self._recall = recall = Recall(self._history, self._partitions.counts, mine)
        passed = Transitions(_now() - round(self._settings.retry_for * _SECOND))
        await recall.alerts(watch.book, passed)
        positions = await recall.positions()
        now = _now()
        await recall.ranks(watch, now)
        changed = self._orders.again(watch, now)
        window = max(2 * self._settings.heartbeat_after, 2 * memory.SECONDS)
        changed += await recall.recent(watch, positions, window, now)
        await self._outbox.publish(changed, watch, now)
        passed.note(changed)
        self._outbox.owe(watch, passed, self._vigil.alert)
        self._sight = Sight({place: positions[place] for place in assigned}, _now())
        self._blind = set(mine)
        self._tell_metrics()  # before it is ready: a scrape would else say that nothing is firing
        self._recalled = True
        _log.info("watching", partitions=sorted(mine), seconds=round(time.monotonic() - began, 3))
        _ready.tell()

    def _tell_metrics(self) -> None:
        metrics.tell(self._watch, self._outbox, len(self._blind))

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
                ends = await self._ends()
                self._vigil.look()
                await self._inbox.put(Tick(ends))
                await asyncio.sleep(_TICK_SECONDS)

    async def _ends(self) -> dict[TopicPartition, int] | None:
        if not self._assigned or not self._partitions.complete:
            return None  # a run that is silent here may be heard in a partition that nobody reads yet
        try:
            return await asyncio.wait_for(self._history.ends(self._assigned), _LOOK_SECONDS_MAX)
        except (asyncio.TimeoutError, OSError, RuntimeError):
            return None

    async def _unread(self) -> list[int]:
        return await self._recall.unread()

    async def _close(self, *_: Any, **__: Any) -> None:
        await self._outbox.close()
        await self._vigil.close()
        await self._history.stop()
        await self._bulletin.stop()


def _now() -> int:
    return time.time_ns() // 1000
