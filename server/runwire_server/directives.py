"""What people tell alerting: publishing it, and reading which rules were applied."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import closing, suppress
from typing import TYPE_CHECKING, Any

from runwire.errors import WireError
from runwire.wire import DIRECTIVES, Acknowledgement, Alert, RuleSet, Silence, parse_directive
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
    return _holding(_current(kafka), now)


def said(kafka: str, alert: Mapping[str, Any], now: int) -> tuple[Acknowledgement | None, list[Silence]]:
    """Return what people said of an episode of an alert: who sees to it, and the silences that hold of it.

    Args:
        kafka: ``host:port``.
        alert: the episode, as the store tells it.
        now: microseconds since the epoch.

    Raises:
        KafkaUnavailableError: Kafka does not answer.
    """
    from runwire_alerting.silences import means  # noqa: PLC0415 - few servers ever need it

    current = _current(kafka)
    last = current.get(Acknowledgement(alert["id"], 0, "", 0).key)
    seen = last if isinstance(last, Acknowledgement) and last.episode == alert["episode"] else None
    about = Alert(
        state="firing", severity="info", title="", text="", fired_at=0, version=0,
        **{name: alert[name] for name in ("id", "episode", "rule", "run", "project", "name", "host")},
    )  # fmt: skip
    return seen, [one for one in _holding(current, now) if means(one, about, now)]


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
    from runwire_alerting.web import place  # noqa: PLC0415

    kind = KINDS[one.judges]
    told = one.model_dump(mode="json", by_alias=True)
    told["kind"] = one.judges
    told["params"] = kind.Params(**one.params).model_dump(mode="json")
    told["actions"] = [
        {"webhook": place(action["webhook"])} if "webhook" in action else action for action in told["actions"]
    ]
    told["applied"] = applied
    told["about"] = (kind.__doc__ or "").partition("\n")[0]
    return told


def _holding(current: Mapping[str, Directive], now: int) -> list[Silence]:
    found = [one for one in current.values() if isinstance(one, Silence) and one.until > now]
    return sorted(found, key=lambda one: one.until)


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
    from kafka.errors import KafkaError, KafkaTimeoutError  # noqa: PLC0415

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
            here = consumer.beginning_offsets([place], timeout_ms=_PATIENCE_MS)[place]
            end = consumer.end_offsets([place], timeout_ms=_PATIENCE_MS)[place]
            consumer.seek(place, here)
            while here < end:
                for records in consumer.poll(timeout_ms=_PATIENCE_MS).values():
                    found += [((record.key or b"").decode(errors="replace"), record.value) for record in records]
                before, here = here, consumer.position(place, timeout_ms=_PATIENCE_MS) or here
                if here == before:  # else a request, and a thread of the server's, would wait as long as Kafka is away
                    raise KafkaTimeoutError(f"nothing came for {_PATIENCE_MS / 1000:.0f} s")
    except (KafkaError, OSError, ValueError, AssertionError) as error:
        raise control.KafkaUnavailableError(
            f"Kafka at {kafka} does not tell what was directed ({error!r:.200})"
        ) from error
    return found
