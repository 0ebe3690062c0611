"""From messages to what they hold: points as columns, facts, alerts; and which of them hold nothing readable."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from runwire.errors import WireError
from runwire.wire import ALERTS, EVENTS, METRICS, Alert, Event, decode
from runwire_faust.message import Message
from runwire_storage.rows import POINT, Rows, Series
from runwire_storage.schema import TIME
from runwire_storage.writer import Fact
from runwire_stream.facts import facts

#: A frame: the places of its K series, and behind them of the series of its times unless it holds them itself; and its
#: planes as 64-bit words (3 + K, N).
Block: TypeAlias = tuple[NDArray[np.int64], NDArray[np.int64]]

_PLANES_FIXED = 3  # seq, step, ts
_MICROSECONDS = 1e6
_EPISODE_MAX = 2**32 - 1


@dataclass
class Batch:
    """What messages hold.

    Attributes:
        names: the series of the points, each once.
        points: POINTs; their series are places in ``names``.
        refused: messages that hold nothing readable, each with the reason.
    """

    names: list[Series]
    points: Rows
    facts: list[Fact] = field(default_factory=list)
    alerts: list[Alert] = field(default_factory=list)
    refused: list[tuple[Message, str]] = field(default_factory=list)


def gather(messages: Sequence[Message]) -> Batch:
    """Decode messages, in their order."""
    places: dict[Series, int] = {}
    blocks: list[Block] = []
    found: list[Fact] = []
    alerts: list[Alert] = []
    refused = []
    for message in messages:
        try:
            _add(message, places, blocks, found, alerts)
        except WireError as error:  # noqa: PERF203 -- one message's fault is not the next one's
            refused.append((message, str(error)))
    return Batch(list(places), _points(blocks), found, alerts, refused)


def _add(
    message: Message, places: dict[Series, int], blocks: list[Block], found: list[Fact], alerts: list[Alert]
) -> None:
    if message.value is None:
        raise WireError("it has no value")
    if message.topic == METRICS:
        blocks += _blocks(message.value, places)
    elif message.topic == EVENTS:
        found += facts(Event.parse(message.value))
    elif message.topic == ALERTS:
        alerts.append(_alert(message.value))


def _blocks(value: bytes, places: dict[Series, int]) -> list[Block]:
    """Return each frame of a record."""
    run, rank, frames = decode(value)
    # The planes are the end of the record, one behind the other.
    sizes = [(_PLANES_FIXED + len(frame.keys)) * frame.count for frame in frames]
    words = np.frombuffer(value, "<i8", offset=len(value) - 8 * sum(sizes))
    out = []
    start = 0
    for frame, size in zip(frames, sizes, strict=True):
        keys = frame.keys if TIME in frame.keys else [*frame.keys, TIME]
        series = [places.setdefault((run, key, rank), len(places)) for key in keys]
        out.append((np.array(series, np.int64), words[start : start + size].reshape(-1, frame.count)))
        start += size
    return out


def _points(blocks: Sequence[Block]) -> Rows:
    out = np.empty(sum(len(series) * words.shape[1] for series, words in blocks), POINT)
    start = 0
    for series, words in blocks:
        shape = len(series), words.shape[1]
        rows = out[start : start + shape[0] * shape[1]].reshape(shape)
        rows["series"] = series[:, None]
        rows["position"] = words[1]
        rows["seq"] = words[0].view(np.uint64)
        values = words[_PLANES_FIXED:].view(np.float64)
        rows["value"][: len(values)] = values
        if len(values) < len(series):
            rows["value"][-1] = words[2] / _MICROSECONDS
        start += rows.size
    return out


def _alert(value: bytes) -> Alert:
    alert = Alert.parse(value)
    if alert.episode > _EPISODE_MAX:
        raise WireError(f"episode is {alert.episode}, the store holds up to {_EPISODE_MAX}")
    return alert
