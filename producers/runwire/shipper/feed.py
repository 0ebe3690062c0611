"""Brings back what concerns this host's runs: alerts and requests to stop go into their spools' inboxes."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterable, Mapping
from pathlib import Path

from kafka import KafkaConsumer, TopicPartition
from kafka.errors import KafkaError

from runwire.errors import WireError
from runwire.spool import INBOX
from runwire.wire import ALERTS, CONTROL, Alert, StopRequest

_POLL_MS = 500
_RETRY_SECONDS = 5.0
#: Clocks of the broker's and this host may differ by so much.
_CLOCKS_SECONDS = 5.0

log = logging.getLogger(__name__)

#: run -> rank -> spool
Runs = Mapping[str, Mapping[int, Path]]


class Feed(threading.Thread):
    """Reads alerts and requests of one Kafka, from when this host's runs began; a client of its own, in no group.

    Args:
        address: the Kafka.
        since: when the oldest of the runs began, microseconds since the epoch.
        runs: this host's living runs; may be set anew at any time.
    """

    def __init__(self, address: str, since: int, runs: Runs) -> None:
        super().__init__(name=f"alerts {address}", daemon=True)
        self._address, self._since = address, since
        self.runs = runs
        self._halt = threading.Event()

    def stop(self) -> None:
        """End the thread soon."""
        self._halt.set()

    def run(self) -> None:
        """Read until `stop`."""
        while not self._halt.is_set():
            try:
                self._read()
            except (KafkaError, OSError, ValueError, AssertionError) as error:  # noqa: PERF203 -- it waits
                log.info("alerts of Kafka at %s: %r", self._address, error)
                self._halt.wait(_RETRY_SECONDS)

    def _read(self) -> None:
        consumer = KafkaConsumer(
            bootstrap_servers=self._address.split(","),
            client_id="runwire-shipper",
            group_id=None,
            enable_auto_commit=False,
            auto_offset_reset="latest",
            allow_auto_create_topics=False,
            metrics_enabled=False,
        )
        try:
            partitions = [
                TopicPartition(topic, number)
                for topic in (ALERTS, CONTROL)
                for number in consumer.partitions_for_topic(topic) or ()
            ]
            if not partitions:
                raise ValueError(f"there is no topic {ALERTS}")
            consumer.assign(partitions)
            since = int(self._since / 1000 - _CLOCKS_SECONDS * 1000)
            ends = consumer.end_offsets(partitions)  # asked first, so that what comes meanwhile lies behind them
            for partition, found in consumer.offsets_for_times(dict.fromkeys(partitions, since)).items():
                consumer.seek(partition, ends[partition] if found is None else found.offset)
            while not self._halt.is_set():
                for records in consumer.poll(timeout_ms=_POLL_MS).values():
                    for record in records:
                        self._take(record.topic, record.value)
                    self._since = max(self._since, time.time_ns() // 1000 - int(_CLOCKS_SECONDS * 1e6))
        finally:
            consumer.close(timeout_ms=1000)

    def _take(self, topic: str, value: bytes | None) -> None:
        if value is None:
            return
        try:
            said = (Alert if topic == ALERTS else StopRequest).parse(value)
        except WireError as error:
            log.info("a record of %s that cannot be read: %s", topic, error)
            return
        ranks = self.runs.get(said.run)
        if not ranks:
            return
        for folder in _concerned(said, ranks):
            try:
                with (folder / INBOX).open("ab") as file:
                    file.write(said.encode() + b"\n")
            except OSError as error:  # noqa: PERF203 -- one spool's trouble is not the next one's
                log.info("the inbox of %s: %s", folder, error)


def _concerned(said: Alert | StopRequest, ranks: Mapping[int, Path]) -> Iterable[Path]:
    """Return in whose spools it goes."""
    if isinstance(said, StopRequest):
        # Each rank is to stop, but not one that began since: what was asked of an attempt is not asked of the next.
        return [folder for folder in ranks.values() if int(folder.name) <= said.attempt]
    # One terminal shows an alert: the rank's that it is about, else the first one's here.
    return [ranks.get(min(ranks) if said.rank is None else said.rank) or ranks[min(ranks)]]
