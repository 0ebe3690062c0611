"""What a Kafka record says: one message, or the many of a bundle, each as if it had come alone."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from runwire.errors import WireError
from runwire.wire import is_bundle, unbundle


class Message(NamedTuple):
    """A message, and where it lies.

    Attributes:
        topic, partition, offset: of the record that it is, or that it came with.
        headers: of the record that it is; none of a bundle's message.
    """

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: Any = ()


def unpack(records: Iterable[Any]) -> tuple[list[Message], list[tuple[Message, str]]]:
    """Return what records say, as Faust or aiokafka have them, in order; and bundles that are not whole, with why."""
    messages: list[Message] = []
    refused: list[tuple[Message, str]] = []
    for record in records:
        topic, partition, offset = record.topic, record.partition, record.offset
        value = record.value
        whole = Message(topic, partition, offset, record.key, value, record.headers)
        if value is None or not is_bundle(value):
            messages.append(whole)
            continue
        try:
            messages += [Message(topic, partition, offset, key, told) for key, told in unbundle(value)]
        except WireError as error:
            refused.append((whole, str(error)))
    return messages, refused
