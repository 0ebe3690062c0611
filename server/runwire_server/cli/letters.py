"""Dead letters: reading them, telling which may be replayed, and replaying them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kafka import KafkaProducer, TopicPartition
from kafka.errors import KafkaError

from runwire.errors import UnavailableError, UsageError, WireError
from runwire.wire import ARTIFACTS, CONSOLE, DEAD_LETTER, EVENTS, METRICS, PULSE, TABLES, loads
from runwire.wire.frames import MAGIC
from runwire_server.cli import records

_PLACE = TopicPartition(DEAD_LETTER, 0)  # it has one partition, and gets no more
_DUMP_BYTES = 256
_DUMP_WIDTH = 16
_REQUEST_BYTES_MAX = 4 << 20
_IN_FLIGHT = 1000


@dataclass(frozen=True)
class Letter:
    """A dead letter.

    Attributes:
        record: as Kafka has it.
        headers: the reason, and where it came from; `cut` if its value is not whole.
        value: its value, empty where there is none.
    """

    record: Any
    headers: Mapping[str, str]
    value: bytes

    @property
    def refusal(self) -> str | None:
        """Return why it is never replayed, None if it may be."""
        topic = self.headers.get("topic")
        if "cut" in self.headers:
            return "cut: too large to be kept whole, so what is here is not the record"
        if topic not in (METRICS, TABLES, CONSOLE, ARTIFACTS, EVENTS, PULSE):
            return f"from {topic}, whose newest record is what counts: an old one would take its place"
        return None


def read(kafka: str, offsets: Sequence[int] | None = None) -> Iterator[Letter]:
    """Yield dead letters, those at ``offsets`` or all.

    Raises:
        UsageError: there is none at an offset.
        UnavailableError: Kafka does not answer.
    """
    with records.reading(kafka, DEAD_LETTER) as reader:
        if offsets is None:
            yield from map(_letter, reader.read({_PLACE: reader.starts[_PLACE]}, {_PLACE: reader.ends[_PLACE]}))
            return
        for offset in sorted(set(offsets)):
            first, end = reader.starts[_PLACE], reader.ends[_PLACE]
            if not first <= offset < end:
                there = f"there are {first} to {end - 1}" if first < end else "there are none"
                raise UsageError(f"no dead letter has offset {offset}: {there}, see `runwire dead-letter ls`")
            yield from map(_letter, reader.read({_PLACE: offset}, {_PLACE: offset + 1}))


def choose(kafka: str, offsets: Sequence[int] | None, reason: str) -> tuple[dict[int, str], dict[int, str]]:
    """Return which letters are to be replayed, as {offset: topic}, and which are not, as {offset: why}.

    Args:
        kafka: ``host:port``.
        offsets: those asked for; None for all whose reason holds ``reason``.
        reason: a text.

    Raises:
        UsageError: one of ``offsets`` is not there, or may not be replayed.
        UnavailableError: Kafka does not answer.
    """
    wanted, left = {}, {}
    for letter in read(kafka, offsets or None):
        offset, why = letter.record.offset, letter.refusal
        if reason not in letter.headers.get("reason", ""):
            continue
        if offsets and why:
            raise UsageError(f"dead letter {offset} cannot be replayed: {why}. Nothing was replayed")
        if not offsets and why is None and letter.headers["topic"] == PULSE:
            why = "pulses, which tell of then and not of now: name their offsets to replay them all the same"
        if why:
            left[offset] = why
        else:
            wanted[offset] = letter.headers["topic"]
    return wanted, left


def replay(kafka: str, wanted: Mapping[int, str]) -> None:
    """Publish letters again, key and value as they were, and return when Kafka has all.

    Args:
        kafka: ``host:port``.
        wanted: as from `choose`.

    Raises:
        UsageError: one is not there any more.
        UnavailableError: Kafka does not answer, or takes one not; some may have been replayed.
    """
    try:
        producer = KafkaProducer(
            bootstrap_servers=kafka,
            client_id="runwire-replay",
            acks="all",
            enable_idempotence=True,
            allow_auto_create_topics=False,
            max_request_size=_REQUEST_BYTES_MAX,
        )
    except (KafkaError, OSError, ValueError) as error:
        raise UnavailableError(f"Kafka at {kafka} does not answer ({error}): see `runwire status`") from error
    sent = []
    try:
        for letter in read(kafka, sorted(wanted)):
            sent.append(producer.send(wanted[letter.record.offset], letter.record.value, letter.record.key))
            if len(sent) >= _IN_FLIGHT:
                _settle(sent)
        _settle(sent)
    except KafkaError as error:
        raise UnavailableError(
            f"Kafka at {kafka} took not all of it ({error}): run the command again, what it took already does no harm"
        ) from error
    finally:
        producer.close()


def _settle(sent: list[Any]) -> None:
    for future in sent:
        future.get()
    sent.clear()


def shown(letter: Letter) -> dict[str, Any]:
    """Return a letter as plain data: ``value`` as far as it can be read, ``hexdump`` of its beginning if it cannot."""
    told = records.readable(letter.record)
    try:
        value, whole = records.decoded(letter.headers.get("topic", ""), letter.value), True
    except WireError:
        value, whole = _header(letter.value), False
    return {**told, "value": value, "bytes": len(letter.value), "hexdump": [] if whole else _hexdump(letter.value)}


def _letter(record: Any) -> Letter:
    headers = {name: (value or b"").decode(errors="backslashreplace") for name, value in record.headers or ()}
    return Letter(record, headers, record.value or b"")


def _header(value: bytes) -> Any:
    """Return the header of a metric record whose planes cannot be read, None if it has none either."""
    start = len(MAGIC) + 4
    try:
        return loads(value[start : start + int.from_bytes(value[len(MAGIC) : start], "little")])
    except WireError:
        return None


def _hexdump(value: bytes) -> list[str]:
    lines = []
    for start in range(0, min(len(value), _DUMP_BYTES), _DUMP_WIDTH):
        part = value[start : start + _DUMP_WIDTH]
        text = "".join(chr(byte) if 0x20 <= byte < 0x7F else "." for byte in part)
        lines.append(f"{start:04x}  {part.hex(' '):<{3 * _DUMP_WIDTH - 1}}  {text}")
    if len(value) > _DUMP_BYTES:
        lines.append(f"…     and {len(value) - _DUMP_BYTES} bytes more")
    return lines
