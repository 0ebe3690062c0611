"""What every worker reads, whoever's runs it watches: directives, and the alerts that others publish."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, suppress

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import ConsumerStoppedError

from runwire.errors import WireError
from runwire.wire import ALERTS, DIRECTIVES, Alert, parse_directive
from runwire.wire.directives import Directive
from runwire_faust.watchdog import die

_POLL_MS = 500
_REQUEST_MS = 20_000
_PLACE = TopicPartition(DIRECTIVES, 0)
_log = structlog.get_logger(__name__)


class Bulletin:
    """Reads both topics from their begin and on, as a member of no group.

    Args:
        kafka: "host:port".
    """

    def __init__(self, kafka: str) -> None:
        self._kafka = kafka
        self._stopped = False
        #: What is to be closed; who is stopped before it has started has nothing.
        self._open = AsyncExitStack()

    async def start(self) -> None:
        """Connect; to be called first, in the event loop."""
        self._consumer = AIOKafkaConsumer(
            DIRECTIVES,
            ALERTS,
            bootstrap_servers=self._kafka,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            request_timeout_ms=_REQUEST_MS,
        )
        self._open.push_async_callback(self._consumer.stop)
        await self._consumer.start()
        if DIRECTIVES not in await self._consumer.topics():
            die(f"Kafka has no topic {DIRECTIVES}: make it with `runwire topics create`")

    async def stop(self) -> None:
        """Disconnect."""
        self._stopped = True
        await self._open.aclose()

    async def past(self) -> list[Directive | Alert]:
        """Return, in order, what there is up to the present end of the directives."""
        end = (await self._consumer.end_offsets([_PLACE]))[_PLACE]
        found: list[Directive | Alert] = []
        while await self._consumer.position(_PLACE) < end:
            found += await self._read()
        return found

    async def news(self) -> AsyncIterator[Directive | Alert]:
        """Yield what comes after `past`, until `stop`."""
        while not self._stopped:
            with suppress(ConsumerStoppedError):
                for said in await self._read():
                    yield said

    async def _read(self) -> list[Directive | Alert]:
        found = []
        for records in (await self._consumer.getmany(timeout_ms=_POLL_MS)).values():
            for record in records:
                if record.value is None:
                    continue  # what was forgotten is forgotten here by its age, too
                parse = Alert.parse if record.topic == ALERTS else parse_directive
                try:
                    found.append(parse(record.value))
                except WireError as error:
                    _log.warning("unreadable", topic=record.topic, offset=record.offset, reason=str(error))
        return found
