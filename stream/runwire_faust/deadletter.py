"""Messages that cannot be read: put aside whole, with why and whence, so that none holds up the others or is lost."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn, cast

import structlog
from aiokafka.errors import MessageSizeTooLargeError

from runwire.wire import DEAD_LETTER
from runwire_faust.app import producer
from runwire_faust.flood import Flood, Limits
from runwire_faust.message import Message
from runwire_faust.metrics import DEAD_LETTERS
from runwire_faust.watchdog import die

#: EX_CONFIG of sysexits.h: to start it anew changes nothing.
EXIT_FLOOD = 78
#: Of a record that the topic does not take whole so much of key and value is kept, the first of these that it takes;
#: the headers `cut` and `cut-key` say how long they were.
_CUT_BYTES = (900_000, 90_000, 9_000, 0)

_log = structlog.get_logger(__name__)


class DeadLetters:
    """The dead-letter topic: each message's key and value as they were; reason and place are headers.

    Args:
        app: the Faust app.
        memory: a file of this worker's own, see `runwire_faust.flood`.

    Raises:
        ConfigError: a limit in the environment is not what it must be.
    """

    def __init__(self, app: Any, memory: Path) -> None:
        self._app = app
        self._flood = Flood(memory)

    async def bury(self, refused: Sequence[tuple[Message, str]], seen: int) -> None:
        """Publish messages, each with the reason, and return when all are there: only then may they be acknowledged.

        Ends the process, and publishes none, when they are a flood.

        Args:
            refused: the messages that cannot be read.
            seen: how many messages they are among, themselves included.
        """
        if self._flood.is_one(len(refused), seen):
            _stop(refused, seen, self._flood.limits)
        kafka = await producer(self._app)
        # All on their way at once: a whole cluster may send what a worker cannot read, and is not to hold up the rest.
        sent = [await _send(kafka, message, reason) for message, reason in refused]
        for (message, reason), future in zip(refused, sent, strict=True):
            try:
                await future
            except MessageSizeTooLargeError:
                # It was as large as its topic allows, or larger than this one does. No record may stop the worker.
                await _cut(kafka, message, reason)
            DEAD_LETTERS.labels(message.topic).inc()
        self._flood.note(len(refused), seen)


async def _send(kafka: Any, message: Message, reason: str) -> Awaitable[Any]:
    """Hand over a record, whole; return what is done once it is there, in the order in which they were handed over."""
    place = {"topic": message.topic, "partition": message.partition, "offset": message.offset}
    _log.warning("unreadable record", reason=reason, **place)
    value = message.value
    if value is None and message.key is None:
        value = b""  # Kafka's client takes no record of neither
    try:
        return cast(
            "Awaitable[Any]",
            await kafka.send(DEAD_LETTER, key=message.key, value=value, headers=_headers(message, reason)),
        )
    except MessageSizeTooLargeError as error:  # the client itself refuses it
        refused: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        refused.set_exception(error)
        return refused


async def _cut(kafka: Any, message: Message, reason: str) -> None:
    """Publish as much of a record as the topic takes."""
    key, value = message.key or b"", message.value or b""
    for most in _CUT_BYTES:
        kept = key[: most // 2]
        headers = _headers(message, reason, **{"cut": len(value), "cut-key": len(key)})
        with suppress(MessageSizeTooLargeError):
            await kafka.send_and_wait(DEAD_LETTER, key=kept, value=value[: most - len(kept)], headers=headers)
            return
    raise MessageSizeTooLargeError(f"{DEAD_LETTER} takes not even headers: raise its max.message.bytes")


def _headers(message: Message, reason: str, **more: object) -> list[tuple[str, bytes]]:
    told = {"reason": reason, "topic": message.topic, "partition": message.partition, "offset": message.offset, **more}
    return [(name, str(value).encode()) for name, value in told.items()]


def _stop(refused: Sequence[tuple[Message, str]], seen: int, limits: Limits) -> NoReturn:
    """Say what is wrong and what to do, and end, with nothing put aside or acknowledged."""
    message, reason = refused[-1]
    topics = ", ".join(sorted({message.topic for message, _ in refused}))
    die(
        f"a flood of unreadable records: {len(refused)} of the {seen} that came last, in {topics}, the last being "
        f"{message.topic}/{message.partition}@{message.offset}: {reason}. They stay in Kafka, and nothing behind them "
        "is read. Mend what sends them, or run a Runwire that can read them; to have them put aside as dead letters, "
        f"run this worker with RUNWIRE_UNREADABLE_SHARE_MAX=1 (now {limits.share_max:g}) until they are",
        code=EXIT_FLOOD,
    )
