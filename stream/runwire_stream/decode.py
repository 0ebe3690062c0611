"""From messages to what they hold: points as columns, facts, and so on; and which of them hold nothing readable."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from runwire.errors import WireError
from runwire.wire import (
    ALERTS,
    ARTIFACTS,
    CONSOLE,
    EVENTS,
    METRICS,
    TABLES,
    Alert,
    ConsoleLines,
    Event,
    LoggedArtifact,
    MediaItem,
    TableRows,
)
from runwire.wire.frames import check_end, split
from runwire_faust.message import Message
from runwire_storage.rows import Ints, Rows, Series
from runwire_storage.writer import Fact, Shown
from runwire_stream.facts import facts
from runwire_stream.headers import Headers
from runwire_stream.planes import Frame, points

_EPISODE_MAX = 2**32 - 1


@dataclass
class Batch:
    """What messages hold.

    Attributes:
        names: series, each once; those of the points are among them.
        points: POINTs; their series are places in ``names``.
        attempts: by place in ``names``, the newest attempt that has points of the series; -1 where there are none.
        refused: messages that hold nothing readable, each with the reason.
    """

    names: Sequence[Series]
    points: Rows
    attempts: Ints
    facts: list[Fact] = field(default_factory=list)
    alerts: list[Alert] = field(default_factory=list)
    tables: list[TableRows] = field(default_factory=list)
    media: list[Shown] = field(default_factory=list)
    artifacts: list[LoggedArtifact] = field(default_factory=list)
    console: list[ConsoleLines] = field(default_factory=list)
    refused: list[tuple[Message, str]] = field(default_factory=list)


def gather(messages: Sequence[Message], headers: Headers | None = None) -> Batch:
    """Decode messages, in their order.

    Args:
        messages: of any topic.
        headers: those of earlier batches, whose list of names goes on.
    """
    headers = headers or Headers()
    headers.begin_batch()
    frames: list[Frame] = []
    batch = Batch(headers.names, *points(frames, 0))
    for message in messages:
        try:
            _add(message, headers, frames, batch)
        except WireError as error:  # noqa: PERF203 -- one message's fault is not the next one's
            batch.refused.append((message, str(error)))
    batch.names = headers.names
    batch.points, batch.attempts = points(frames, len(headers.names))
    return batch


def _add(message: Message, headers: Headers, frames: list[Frame], batch: Batch) -> None:
    if message.topic == ALERTS and message.value is None:
        return  # alerting has forgotten it; its history stays
    value = _value(message)
    if message.topic == METRICS:
        frames += _frames(value, headers)
    elif message.topic == TABLES:
        batch.tables.append(TableRows.parse(value))
    elif message.topic == CONSOLE:
        batch.console.append(ConsoleLines.parse(value))
    elif message.topic == ARTIFACTS:
        batch.artifacts.append(LoggedArtifact.parse(value))
    elif message.topic == EVENTS:
        event = Event.parse(value)
        if event.type == "media":
            batch.media.append(Shown(event.run, event.rank, event.ts, event.seq, MediaItem.read(event.data)))
        else:
            batch.facts += facts(event)
    elif message.topic == ALERTS:
        batch.alerts.append(_alert(value))


def _value(message: Message) -> bytes:
    if message.value is None:
        raise WireError("it has no value")
    return message.value


def _frames(value: bytes, headers: Headers) -> list[Frame]:
    header, start = split(value)
    out = []
    for shape in headers.read(header):
        out.append(Frame(value, start, *shape))
        start += out[-1].size
    check_end(start, value)
    return out


def _alert(value: bytes) -> Alert:
    alert = Alert.parse(value)
    if alert.episode > _EPISODE_MAX:
        raise WireError(f"episode is {alert.episode}, the store holds up to {_EPISODE_MAX}")
    return alert
