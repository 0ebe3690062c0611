"""When a round is over: nothing waits on its way, in a spool, in Kafka, or in a worker."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterable, Sequence
from contextlib import closing
from pathlib import Path

from kafka import KafkaAdminClient, KafkaConsumer, TopicPartition

from faults.cluster import Host
from runwire.shipper.start import LOCK
from runwire.spool.folder import META
from runwire.spool.lock import held
from runwire.wire import DEAD_LETTER, EVENTS, TOPICS, Event
from runwire_faust.message import unpack
from runwire_stream.app import GROUP
from runwire_stream.app import TOPICS as READ

_PARTITIONS = {topic.name: topic.partitions for topic in TOPICS}
_POLL_SECONDS = 0.1
_PATIENCE_SECONDS = 150.0
_SYNC_AFTER_SECONDS = 3.0


def waiting(homes: Iterable[Path], runs: Sequence[str]) -> list[Path]:
    """Return the spools of runs that are there. A folder without its meta.json is none any more."""
    return [path.parent for home in homes for run in runs for path in home.glob(f"spool/*/{run}/*/*/{META}")]


def spools(hosts: Sequence[Host], runs: Sequence[str], kafka: str) -> str | None:
    """Wait until all spools are delivered and gone; return what is wrong if they never are.

    `runwire sync` does it, as a user would, where no shipper runs, for it was killed when nobody logged any more, and
    where it leaves a spool alone for a while, for the disk was full.
    """
    homes = [host.home for host in hosts]
    began = time.monotonic()
    while left := waiting(homes, runs):
        if time.monotonic() - began > _PATIENCE_SECONDS:
            return f"left in a spool: {left}"
        time.sleep(_POLL_SECONDS)
        if time.monotonic() - began < _SYNC_AFTER_SECONDS:
            continue
        for host in hosts:
            home = host.home
            if waiting([home], runs) and (host.small or not any(map(held, home.glob(f"spool/*/{LOCK}")))):
                command = [sys.executable, "-m", "runwire", "sync", "--home", str(home), "--kafka", kafka]
                command += [] if host.server is None else ["--server", host.server]
                subprocess.run(command, capture_output=True, timeout=_PATIENCE_SECONDS, check=False)
    return None


def topics(kafka: str, group: str = GROUP, read: Iterable[str] = READ) -> str | None:
    """Wait until a group of workers, the stream's unless told, has acknowledged all that Kafka holds for it.

    Returns:
        What is wrong if it never has.
    """
    places = [TopicPartition(topic, number) for topic in read for number in range(_PARTITIONS[topic])]
    began = time.monotonic()
    with (
        closing(KafkaAdminClient(bootstrap_servers=kafka)) as admin,
        closing(KafkaConsumer(bootstrap_servers=kafka)) as me,
    ):
        while True:
            done = admin.list_group_offsets({group: places})[group]
            ends = me.end_offsets(places)
            behind = {
                place: end for place, end in ends.items() if end and (place not in done or done[place].offset < end)
            }
            if not behind:
                return None
            if time.monotonic() - began > _PATIENCE_SECONDS:
                return f"not handled: {behind}, {done}; who reads: {admin.describe_groups([group])}"
            time.sleep(_POLL_SECONDS)


def dropped(kafka: str, run: str) -> int:
    """Return how many rows a run says were dropped."""
    told = {event.seq: event for event in _events(kafka) if event.run == run and event.type == "dropped"}
    return sum(event.data["rows"] for event in told.values())


def buried(kafka: str) -> int:
    """Return how many records nobody could read."""
    place = TopicPartition(DEAD_LETTER, 0)
    with closing(KafkaConsumer(bootstrap_servers=kafka)) as consumer:
        return int(consumer.end_offsets([place])[place])


def _events(kafka: str) -> list[Event]:
    places = [TopicPartition(EVENTS, number) for number in range(_PARTITIONS[EVENTS])]
    consumer = KafkaConsumer(bootstrap_servers=kafka, enable_auto_commit=False)
    with closing(consumer):
        consumer.assign(places)
        consumer.seek_to_beginning(*places)
        ends = consumer.end_offsets(places)
        found: list[Event] = []
        while any(consumer.position(place) < end for place, end in ends.items()):
            for records in consumer.poll(500).values():
                found += [Event.parse(message.value or b"") for message in unpack(records)[0]]
        return found
