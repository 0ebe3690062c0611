"""What comes to a worker, in the one order in which it is handled."""

from __future__ import annotations

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


def letters(refused: list[tuple[Message, str]]) -> list[tuple[Message, str]]:
    """Return what is ours to bury: the stream reads events, too, and buries those that cannot be read."""
    for message, reason in refused:
        if message.topic != PULSE:
            _log.warning("unreadable event", reason=reason, partition=message.partition, offset=message.offset)
    return [letter for letter in refused if letter[0].topic == PULSE]


def read_alert(value: bytes) -> Alert | None:
    """Return a record of an alert; None, and say so, if it is none."""
    try:
        return Alert.parse(value)
    except WireError as error:
        _log.warning("unreadable alert", reason=str(error))
        return None
