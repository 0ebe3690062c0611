"""What people tell alerting: publishing it, and reading which rules were applied."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing, suppress
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from runwire.errors import WireError
from runwire.wire import DIRECTIVES, RuleSet, Silence, parse_directive
from runwire.wire.directives import RULES, Directive
from runwire_server import control

if TYPE_CHECKING:
    from runwire_alerting.declarations import Declaration

_PATIENCE_MS = 5_000


def publish(kafka: str, directive: Directive) -> None:
    """Publish a directive, and return when Kafka has it; alerting takes it over within a second.

    Raises:
        KafkaUnavailableError: Kafka does not answer, or takes it not.
    """
    control.publish(kafka, DIRECTIVES, directive.key, directive.encode())


def declared(kafka: str) -> list[Declaration]:
    """Return the rules that were applied last.

    Raises:
        KafkaUnavailableError: Kafka does not answer.
    """
    from runwire_alerting import rulesfile  # noqa: PLC0415 - few servers ever need it

    last = _current(kafka).get(RULES)
    return rulesfile.taken(last) if isinstance(last, RuleSet) else []


def silences(kafka: str, now: int) -> list[Silence]:
    """Return the silences that hold at ``now``, those that end first first.

    Raises:
        KafkaUnavailableError: Kafka does not answer.
    """
    found = [one for one in _current(kafka).values() if isinstance(one, Silence) and one.until > now]
    return sorted(found, key=lambda one: one.until)


def shown(given: Sequence[Declaration]) -> list[dict[str, Any]]:
    """Return rules as an answer tells them: with what holds where nothing was given, and without secrets."""
    from runwire_alerting.rules import KINDS, standard  # noqa: PLC0415
    from runwire_alerting.settings import Settings  # noqa: PLC0415

    own = {one.name: one for one in given}
    places = list(KINDS)
    every = sorted({**standard(Settings()), **own}.values(), key=lambda one: places.index(one.judges))
    return [_shown(one, applied=one.name in own) for one in every]


def _shown(one: Declaration, *, applied: bool) -> dict[str, Any]:
    from runwire_alerting.rules import KINDS  # noqa: PLC0415

    kind = KINDS[one.judges]
    told = one.model_dump(mode="json", by_alias=True)
    told["kind"] = one.judges
    told["params"] = kind.Params(**one.params).model_dump(mode="json")
    told["actions"] = [
        {"webhook": _place(action["webhook"])} if "webhook" in action else action for action in told["actions"]
    ]
    told["applied"] = applied
    told["about"] = (kind.__doc__ or "").partition("\n")[0]
    return told


def _place(url: str) -> str:
    """Return an address without what in it may be a secret."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.hostname}" + (f":{parts.port}" if parts.port else "")


def _current(kafka: str) -> dict[str, Directive]:
    """Return of each key the last directive."""
    found: dict[str, Directive] = {}
    for key, value in _records(kafka):
        if value is None:
            found.pop(key, None)
            continue
        with suppress(WireError):
            directive = parse_directive(value)
            found[directive.key] = directive
    return found


def _records(kafka: str) -> list[tuple[str, bytes | None]]:
    from kafka import KafkaConsumer, TopicPartition  # noqa: PLC0415
    from kafka.errors import KafkaError  # noqa: PLC0415

    place = TopicPartition(DIRECTIVES, 0)
    found: list[tuple[str, bytes | None]] = []
    try:
        with closing(
            KafkaConsumer(
                bootstrap_servers=kafka.split(","),
                client_id="runwire-server",
                group_id=None,
                enable_auto_commit=False,
                auto_offset_reset="earliest",
                allow_auto_create_topics=False,
                bootstrap_timeout_ms=_PATIENCE_MS,
                metrics_enabled=False,
            )
        ) as consumer:
            consumer.assign([place])
            end = consumer.end_offsets([place])[place]
            consumer.seek_to_beginning(place)
            while consumer.position(place) < end:
                for records in consumer.poll(timeout_ms=_PATIENCE_MS).values():
                    found += [((record.key or b"").decode(errors="replace"), record.value) for record in records]
    except (KafkaError, OSError, ValueError, AssertionError) as error:
        raise control.KafkaUnavailableError(
            f"Kafka at {kafka} does not tell what was directed ({error!r:.200})"
        ) from error
    return found
