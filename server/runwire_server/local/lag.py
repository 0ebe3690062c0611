"""How far the workers' groups are behind, as Kafka tells it: right also where a worker is dead, or far away."""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from typing import Any

from kafka import KafkaAdminClient, KafkaConsumer, TopicPartition
from kafka.admin import OffsetSpec
from kafka.errors import CoordinatorNotAvailableError, KafkaError

from runwire.errors import UnavailableError
from runwire.wire import ALERTS, ARTIFACTS, CONSOLE, EVENTS, METRICS, PULSE, TABLES

#: Each worker's group, and what it reads.
_GROUPS = {
    "stream": ("runwire.stream", (METRICS, TABLES, CONSOLE, ARTIFACTS, EVENTS, ALERTS)),
    "alerting": ("runwire.alerting", (PULSE, EVENTS)),
}
_BOOTSTRAP_MS = 5_000
_READ_SECONDS_MAX = 3.0
_PAUSE_SECONDS = 0.1

_Places = Mapping[TopicPartition, int]


@dataclass(frozen=True)
class GroupLag:
    """One worker's group.

    Attributes:
        name: stream or alerting.
        workers: how many are members of the group now.
        records: how many wait, those included that were handled within the last second and are not noted in Kafka yet.
        seconds: how old the oldest of them is, 0 if none waits; None if it could not be read in time.
    """

    name: str
    workers: int
    records: int
    seconds: float | None


def lag(kafka: str) -> list[GroupLag]:
    """Ask the Kafka at ``kafka`` how far the groups are behind.

    Raises:
        UnavailableError: it does not answer.
    """
    options: dict[str, Any] = {
        "bootstrap_servers": kafka.split(","),
        "bootstrap_timeout_ms": _BOOTSTRAP_MS,
        "request_timeout_ms": 2 * _BOOTSTRAP_MS,
        "client_id": "runwire-status",
    }
    try:
        with closing(KafkaAdminClient(**options)) as admin:
            members, known = _groups(admin)
            places = [
                TopicPartition(topic["name"], partition["partition_index"])
                for topic in admin.describe_topics(sorted({one for _, topics in _GROUPS.values() for one in topics}))
                for partition in topic["partitions"]
            ]
            starts = _offsets(admin, places, OffsetSpec.EARLIEST)
            ends = _offsets(admin, places, OffsetSpec.LATEST)
        waiting = {
            name: {
                place: at
                for place, start in starts.items()
                if place.topic in topics and (at := max(start, _committed(known[group], place))) < ends[place]
            }
            for name, (group, topics) in _GROUPS.items()
        }
        times = _times({place for places in waiting.values() for place in places.items()}, options)
    except (KafkaError, OSError, ValueError) as error:
        raise UnavailableError(f"Kafka at {kafka} does not tell how far the workers are: {error!r:.200}") from error
    return [
        GroupLag(
            name,
            len(members[group]["members"]),
            sum(ends[place] - at for place, at in waiting[name].items()),
            _age([times.get(place) for place in waiting[name].items()]),
        )
        for name, (group, _) in _GROUPS.items()
    ]


def _groups(admin: KafkaAdminClient) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return what Kafka tells of the groups, and of the offsets that they noted."""
    names = [group for group, _ in _GROUPS.values()]
    until = time.monotonic() + _READ_SECONDS_MAX
    while True:
        try:
            return admin.describe_groups(names), admin.list_group_offsets(names)
        except CoordinatorNotAvailableError:  # noqa: PERF203 - a new Kafka, asked for a group for the first time
            if time.monotonic() > until:
                raise
            time.sleep(_PAUSE_SECONDS)


def _committed(known: Mapping[TopicPartition, Any], place: TopicPartition) -> int:
    return known[place].offset if place in known else 0


def _offsets(admin: KafkaAdminClient, places: list[TopicPartition], which: OffsetSpec) -> dict[TopicPartition, int]:
    found = admin.list_partition_offsets(dict.fromkeys(places, which)) if places else {}
    return {place: told.offset for place, told in found.items()}


def _times(wanted: set[tuple[TopicPartition, int]], options: dict[str, Any]) -> dict[tuple[TopicPartition, int], float]:
    """Return when records came about, Unix seconds, of those that can be read in time; by place and offset."""
    times: dict[tuple[TopicPartition, int], float] = {}
    if not wanted:
        return times
    until = time.monotonic() + _READ_SECONDS_MAX
    with closing(KafkaConsumer(**options, group_id=None, enable_auto_commit=False, max_poll_records=1)) as consumer:
        for place, offset in sorted(wanted):
            consumer.assign([place])
            consumer.seek(place, offset)
            while (place, offset) not in times and (left := until - time.monotonic()) > 0:
                for record in consumer.poll(timeout_ms=round(1000 * left)).get(place, ()):
                    times[place, offset] = record.timestamp / 1000
    return times


def _age(times: list[float | None]) -> float | None:
    known = [at for at in times if at is not None]
    if len(known) < len(times):
        return None
    return max(time.time() - min(known), 0.0) if known else 0.0
