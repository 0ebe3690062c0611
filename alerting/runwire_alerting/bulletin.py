"""What every worker reads, whoever's runs it watches: directives."""

from __future__ import annotations

from collections.abc import AsyncIterator

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition

from runwire.errors import WireError
from runwire.wire import DIRECTIVES, parse_directive
from runwire.wire.directives import Directive
from runwire_faust.watchdog import die

_POLL_MS = 500
_REQUEST_MS = 20_000
_log = structlog.get_logger(__name__)


class Bulletin:
    """Reads the topic of directives from its begin and on, as a member of no group.

    Args:
        kafka: "host:port".
    """

    def __init__(self, kafka: str) -> None:
        self._kafka = kafka
        self._place = TopicPartition(DIRECTIVES, 0)

    async def start(self) -> None:
        """Connect; to be called first, in the event loop."""
        self._consumer = AIOKafkaConsumer(
            bootstrap_servers=self._kafka,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            request_timeout_ms=_REQUEST_MS,
        )
        await self._consumer.start()
        if DIRECTIVES not in await self._consumer.topics():
            die(f"Kafka has no topic {DIRECTIVES}: make it with `runwire topics create`")
        self._consumer.assign([self._place])
        await self._consumer.seek_to_beginning(self._place)
        self._end = (await self._consumer.end_offsets([self._place]))[self._place]

    async def stop(self) -> None:
        """Disconnect."""
        await self._consumer.stop()

    async def past(self) -> list[Directive]:
        """Return the directives that were there when it connected, in order."""
        found: list[Directive] = []
        while await self._consumer.position(self._place) < self._end:
            found += await self._read()
        return found

    async def news(self) -> AsyncIterator[Directive]:
        """Yield what comes after `past`, for ever."""
        while True:
            for directive in await self._read():
                yield directive

    async def _read(self) -> list[Directive]:
        found = []
        for records in (await self._consumer.getmany(self._place, timeout_ms=_POLL_MS)).values():
            for record in records:
                try:
                    found.append(parse_directive(record.value or b""))
                except WireError as error:  # noqa: PERF203 -- one record's fault is not the next one's
                    _log.warning("unreadable directive", reason=str(error), offset=record.offset)
        return found
