"""A connection to one Kafka: two producers, so that a pulse never queues behind bulk.

Connecting takes a thread of its own, since the client waits in it, and other Kafkas may be well meanwhile. Whatever
fails breaks the whole link: whoever sends through it goes back to what was acknowledged and takes a new link.
"""

from __future__ import annotations

import logging
import socket
import threading
from collections import deque
from collections.abc import Callable
from typing import Literal

from kafka import KafkaProducer

from runwire.shipper.batch import Batch
from runwire.shipper.tally import Tally
from runwire.wire import ARTIFACTS, CONSOLE, EVENTS, METRICS, PULSE, TABLES

Lane = Literal["bulk", "urgent"]

#: Broker and client both refuse more than a mebibyte and a little; one bulk record nearly fills as much.
_BATCH_BYTES = 1 << 20
#: A request costs as much as dozens of records, so those of one batch share it, whatever partitions they go to.
_LINGER_MS = 5
_REQUEST_BYTES_MAX = 4 << 20
_IN_FLIGHT_BYTES_MAX: dict[Lane, int] = {"bulk": 8 << 20, "urgent": 4 << 20}
_KNOCK_SECONDS = 3.0
_BOOTSTRAP_MS = 10_000
_BLOCK_MS = 5_000
_REQUEST_MS = 15_000
_DELIVERY_MS = 60_000
#: So long it may send to the partitions that a topic had before; the workers pass that on.
_METADATA_AGE_MS = 30_000

log = logging.getLogger(__name__)


class Link:
    """A connection to the Kafka at ``address``; it connects in the background.

    Args:
        address: ``host:port``, or several with commas between them.
        tally: counts what is acknowledged and what fails.

    Attributes:
        problem: why it cannot be used, for people; None while it can, or is connecting for the first time.
        broken: whether it failed and is to be replaced.
    """

    def __init__(self, address: str, tally: Tally | None = None) -> None:
        self.address = address
        self._tally = tally or Tally()
        self.problem: str | None = None
        self.broken = False
        self._producers: dict[Lane, KafkaProducer] | None = None
        self._open: dict[Lane, Batch] = {}
        self._under_way: dict[Lane, deque[Batch]] = {"bulk": deque(), "urgent": deque()}
        self._in_flight: dict[Lane, int] = {"bulk": 0, "urgent": 0}
        self._closed = False
        threading.Thread(target=self._connect, name=f"connect {address}", daemon=True).start()

    @property
    def ready(self) -> bool:
        """Whether one can send."""
        return self._producers is not None and not self.broken

    def room(self, lane: Lane) -> bool:
        """Return whether more may be sent before something is acknowledged: it bounds the memory."""
        if self._in_flight[lane] >= _IN_FLIGHT_BYTES_MAX[lane]:
            self.settle(lane)
        return self.ready and self._in_flight[lane] < _IN_FLIGHT_BYTES_MAX[lane]

    def settle(self, lane: Lane) -> None:
        """Take note of what has been acknowledged."""
        under_way = self._under_way[lane]
        while under_way and under_way[0].settle():
            batch = under_way.popleft()
            self._in_flight[lane] -= batch.size
            if batch.acknowledged:
                self._tally.acknowledged(lane, batch)
            else:
                self.fail(f"a record was not taken: {batch.failure!r:.300}")

    def send(self, lane: Lane, topic: str, key: bytes, value: bytes, rows: int = 0) -> Batch:
        """Take in a message, which holds so many rows. Return the batch with which it goes: at the next `flush`."""
        batch = self._open.get(lane)
        if batch is None:
            batch = self._open[lane] = Batch()
            self._under_way[lane].append(batch)
        batch.add(topic, key, value, rows)
        self._in_flight[lane] += len(value)
        if batch.size >= _BATCH_BYTES:
            self.flush(lane)
        return batch

    def flush(self, lane: Lane) -> None:
        """Hand what has been taken in to the producer, which does not wait for the broker."""
        if self._producers is not None and (batch := self._open.pop(lane, None)) is not None:
            batch.send(self._producers[lane])
        self.settle(lane)

    def fail(self, reason: str) -> None:
        """Give the link up."""
        if not self.broken:
            self.broken = True
            self._tally.failures += 1
            self.problem = f"Kafka at {self.address}: {reason}"
            log.warning("%s", self.problem)

    def close(self, seconds: float) -> None:
        """Send what is still to be sent, for at most so long, and let go."""
        if not self.broken:
            for lane in self._under_way:
                self.flush(lane)
        self._closed = True
        producers, self._producers = self._producers, None
        for producer in (producers or {}).values():
            _quietly(lambda producer=producer: producer.close(timeout=seconds))  # type: ignore[misc]
        for lane in self._under_way:
            self.settle(lane)

    def _connect(self) -> None:
        # Tried first, since the client takes its whole patience to find out that nobody listens.
        problems = [_knock(broker) for broker in self.address.split(",")]
        if None not in problems:
            self.fail(f"cannot be reached ({problems[0]})")
            return
        try:
            made = {
                "urgent": self._producer(1 << 16),
                "bulk": self._producer(_BATCH_BYTES),
            }
            urgent, bulk = (EVENTS, PULSE), (METRICS, TABLES, CONSOLE, ARTIFACTS)
            for producer, topics in ((made["urgent"], urgent), (made["bulk"], bulk)):
                for topic in topics:
                    producer.partitions_for(topic)
        except Exception as error:  # noqa: BLE001 -- whatever it is: a link that is not made is to be made anew
            self.fail(f"cannot be reached ({type(error).__name__}: {error!s:.200})")
            return
        if self._closed:
            for producer in made.values():
                _quietly(lambda producer=producer: producer.close(timeout=0))  # type: ignore[misc]
            return
        self._producers = {"bulk": made["bulk"], "urgent": made["urgent"]}
        log.info("connected to Kafka at %s", self.address)

    def _producer(self, batch_size: int) -> KafkaProducer:
        return KafkaProducer(
            bootstrap_servers=self.address.split(","),
            client_id="runwire-shipper",
            acks="all",
            enable_idempotence=True,
            allow_auto_create_topics=False,  # whoever runs the pipeline makes them, with their settings
            batch_size=batch_size,
            linger_ms=_LINGER_MS,
            max_request_size=_REQUEST_BYTES_MAX,
            max_block_ms=_BLOCK_MS,
            request_timeout_ms=_REQUEST_MS,
            delivery_timeout_ms=_DELIVERY_MS,
            metadata_max_age_ms=_METADATA_AGE_MS,
            bootstrap_timeout_ms=_BOOTSTRAP_MS,
            reconnect_backoff_max_ms=1000,
            metrics_enabled=False,
        )


def _knock(broker: str) -> str | None:
    """Return why nobody listens there, None if somebody does."""
    host, _, port = broker.strip().rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=_KNOCK_SECONDS).close()
    except OSError as error:
        return error.strerror or str(error)
    return None


def _quietly(call: Callable[[], object]) -> None:
    try:
        call()
    except Exception as error:  # noqa: BLE001 -- it is being thrown away
        log.debug("closing a producer: %r", error)
