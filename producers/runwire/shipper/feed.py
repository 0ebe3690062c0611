"""Brings alerts back: what `runwire.alerts` says of this host's runs goes into their spools, where they print it."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Mapping
from pathlib import Path

from kafka import KafkaConsumer, TopicPartition
from kafka.errors import KafkaError

from runwire.errors import WireError
from runwire.spool import INBOX
from runwire.wire import ALERTS, Alert

_POLL_MS = 500
_RETRY_SECONDS = 5.0
#: Clocks of the broker's and this host may differ by so much.
_CLOCKS_SECONDS = 5.0

log = logging.getLogger(__name__)

#: run -> rank -> spool
Runs = Mapping[str, Mapping[int, Path]]


class Feed(threading.Thread):
    """Reads the alerts of one Kafka, from when this host's runs began; a client of its own, in no group.

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
            partitions = [TopicPartition(ALERTS, number) for number in consumer.partitions_for_topic(ALERTS) or ()]
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
                        self._take(record.value)
                    self._since = max(self._since, time.time_ns() // 1000 - int(_CLOCKS_SECONDS * 1e6))
        finally:
            consumer.close(timeout_ms=1000)

    def _take(self, value: bytes | None) -> None:
        if value is None:
            return
        try:
            alert = Alert.parse(value)
        except WireError as error:
            log.info("an alert that cannot be read: %s", error)
            return
        ranks = self.runs.get(alert.run)
        if not ranks:
            return
        # One terminal shows it: the rank's that it is about, else the first one's here.
        folder = ranks.get(min(ranks) if alert.rank is None else alert.rank) or ranks[min(ranks)]
        try:
            with (folder / INBOX).open("ab") as file:
                file.write(alert.encode() + b"\n")
        except OSError as error:
            log.info("the inbox of %s: %s", folder, error)
