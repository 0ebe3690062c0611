"""Records that cannot be read: put aside whole, with why and whence, so that none holds up the others or is lost."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any, Protocol

import structlog
from aiokafka.errors import MessageSizeTooLargeError

from runwire.wire import DEAD_LETTER
from runwire_faust.metrics import DEAD_LETTERS

#: So much is kept of a value that the topic does not take whole; the header `cut` says how much there was.
_CUT_BYTES = 900_000

_log = structlog.get_logger(__name__)


class Record(Protocol):
    """A Kafka record, as Faust and aiokafka have it, too."""

    @property
    def topic(self) -> str: ...  # noqa: D102
    @property
    def partition(self) -> int: ...  # noqa: D102
    @property
    def offset(self) -> int: ...  # noqa: D102
    @property
    def key(self) -> bytes | None: ...  # noqa: D102
    @property
    def value(self) -> bytes | None: ...  # noqa: D102


class DeadLetters:
    """The dead-letter topic: each record's key and value as they were; reason and place are headers."""

    def __init__(self, app: Any) -> None:
        self._topic = app.topic(DEAD_LETTER, internal=False)

    async def bury(self, refused: Iterable[tuple[Record, str]]) -> None:
        """Publish records, each with the reason, and return when all are there: only then may they be acknowledged."""
        # Side by side: a whole cluster may send what a worker cannot read, which is not to hold up the rest.
        await asyncio.gather(*(self._publish(record, reason) for record, reason in refused))

    async def _publish(self, record: Record, reason: str) -> None:
        place = {"topic": record.topic, "partition": record.partition, "offset": record.offset}
        _log.warning("unreadable record", reason=reason, **place)
        headers = {name: str(value).encode() for name, value in {"reason": reason, **place}.items()}
        try:
            await (await self._topic.send(key=record.key, value=record.value, headers=headers))
        except MessageSizeTooLargeError:
            # It was as large as its topic allows, and the headers make it larger. No record may stop the worker.
            value = record.value or b""
            headers["cut"] = str(len(value)).encode()
            await (await self._topic.send(key=record.key, value=value[:_CUT_BYTES], headers=headers))
        DEAD_LETTERS.labels(record.topic).inc()
