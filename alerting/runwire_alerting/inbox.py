"""What comes to a worker, in the one order in which it is handled."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import structlog
from aiokafka import TopicPartition

from runwire.errors import WireError
from runwire.wire import PULSE, Alert, Event, Pulse
from runwire.wire.directives import Directive
from runwire_faust.message import Message, unpack

_log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Came:
    """A Faust event: the messages that it brought, parsed, and those that cannot be read."""

    event: Any
    read: list[tuple[Message, Pulse | Event]]
    refused: list[tuple[Message, str]]


@dataclass(frozen=True)
class Tick:
    """That a second passed, and what Kafka holds now; None if it did not answer."""

    ends: dict[TopicPartition, int] | None


@dataclass(frozen=True)
class Delivered:
    """That a receiver (its digest) took the notice of an alert."""

    alert: Alert
    receiver: str


@dataclass(frozen=True)
class Heard:
    """What somebody directs, or another worker published."""

    said: Directive | Alert


@dataclass(frozen=True)
class Assigned:
    """The partitions of pulses and events that are this worker's from here on."""

    partitions: frozenset[TopicPartition]


def parse(event: Any) -> Came:
    """Return what a Faust event brought."""
    messages, refused = unpack([event.message])
    kind = Pulse if event.message.topic == PULSE else Event
    read: list[tuple[Message, Pulse | Event]] = []
    for message in messages:
        try:
            read.append((message, kind.parse(message.value or b"")))
        except WireError as error:  # noqa: PERF203 -- one message's fault is not the next one's
            refused.append((message, str(error)))
    return Came(event, read, refused)


def sort(
    came: Iterable[Came], stray: Callable[[Message], bool]
) -> tuple[list[tuple[Pulse | Event, int]], list[tuple[Message, str]], list[Message]]:
    """Return what is to be judged, with its partitions, in order; what cannot be read; and what belongs elsewhere."""
    read: list[tuple[Pulse | Event, int]] = []
    refused: list[tuple[Message, str]] = []
    strays: list[Message] = []
    for item in came:
        for message, record in item.read:
            if stray(message):
                strays.append(message)
            else:
                read.append((record, message.partition))
        for message, reason in item.refused:
            if stray(message):
                strays.append(message)
            else:
                refused.append((message, reason))
    return read, refused, strays


def letters(refused: list[tuple[Message, str]]) -> list[tuple[Message, str]]:
    """Return what is ours to bury: the stream reads events, too, and buries those that cannot be read."""
    for message, reason in refused:
        if message.topic != PULSE:
            _log.warning("unreadable event", reason=reason, partition=message.partition, offset=message.offset)
    return [letter for letter in refused if letter[0].topic == PULSE]
