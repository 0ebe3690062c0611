"""A connection to one Kafka: two producers, so that a pulse never queues behind bulk.

Connecting takes a thread of its own, since the client waits in it, and other Kafkas may be well meanwhile. Whatever
fails breaks the whole link: whoever sends through it goes back to what was acknowledged and takes a new link.
"""

from __future__ import annotations

import logging
import socket
import threading
import time
from collections.abc import Callable
from typing import Any, Literal

from kafka import KafkaProducer
from kafka.errors import KafkaError

from runwire.shipper.tally import Tally
from runwire.wire import EVENTS, METRICS, PULSE

Lane = Literal["bulk", "urgent"]

#: Broker and client both refuse more than a mebibyte and a little; one bulk record nearly fills a batch.
_BATCH_BYTES = 1 << 20
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
        self._in_flight: dict[Lane, int] = {"bulk": 0, "urgent": 0}
        self._closed = False
        threading.Thread(target=self._connect, name=f"connect {address}", daemon=True).start()

    @property
    def ready(self) -> bool:
        """Whether one can send."""
        return self._producers is not None and not self.broken

    def room(self, lane: Lane) -> bool:
        """Return whether more may be sent before something is acknowledged: it bounds the memory."""
        return self.ready and self._in_flight[lane] < _IN_FLIGHT_BYTES_MAX[lane]

    def send(self, lane: Lane, topic: str, key: str, value: bytes, rows: int = 0) -> Sent:
        """Hand a record, which holds so many rows, to the producer; it does not wait for the broker."""
        assert self._producers is not None  # noqa: S101 -- callers ask for room first
        try:
            future = self._producers[lane].send(topic, value=value, key=key.encode())
        except (KafkaError, OSError, ValueError, AssertionError) as error:
            self.fail(f"{topic} takes no record: {error!r:.300}")
            return Sent(None, self, lane, 0, 0)
        self._in_flight[lane] += len(value)
        return Sent(future, self, lane, len(value), rows)

    def settled(self, lane: Lane, size: int, rows: int) -> None:
        """Take note that a record of so many bytes and rows is acknowledged."""
        self._in_flight[lane] -= size
        self._tally.acknowledged(lane, size, rows)

    def fail(self, reason: str) -> None:
        """Give the link up."""
        if not self.broken:
            self.broken = True
            self._tally.failures += 1
            self.problem = f"Kafka at {self.address}: {reason}"
            log.warning("%s", self.problem)

    def close(self, seconds: float) -> None:
        """Send what is still to be sent, for at most so long, and let go."""
        self._closed = True
        producers, self._producers = self._producers, None
        for producer in (producers or {}).values():
            _quietly(lambda producer=producer: producer.close(timeout=seconds))  # type: ignore[misc]

    def _connect(self) -> None:
        # Tried first, since the client takes its whole patience to find out that nobody listens.
        problems = [_knock(broker) for broker in self.address.split(",")]
        if None not in problems:
            self.fail(f"cannot be reached ({problems[0]})")
            return
        try:
            made = {"urgent": self._producer(batch_size=1 << 16), "bulk": self._producer(batch_size=_BATCH_BYTES)}
            for producer, topics in ((made["urgent"], (EVENTS, PULSE)), (made["bulk"], (METRICS,))):
                for topic in topics:
                    producer.partitions_for(topic)
        except (KafkaError, OSError, ValueError) as error:
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
            max_request_size=_REQUEST_BYTES_MAX,
            max_block_ms=_BLOCK_MS,
            request_timeout_ms=_REQUEST_MS,
            delivery_timeout_ms=_DELIVERY_MS,
            metadata_max_age_ms=_METADATA_AGE_MS,
            bootstrap_timeout_ms=_BOOTSTRAP_MS,
            reconnect_backoff_max_ms=1000,
            metrics_enabled=False,
        )


class Sent:
    """A record on its way."""

    __slots__ = ("_future", "_lane", "_link", "_rows", "_size", "at")

    def __init__(self, future: Any, link: Link, lane: Lane, size: int, rows: int) -> None:
        self._future, self._link, self._lane, self._size, self._rows = future, link, lane, size, rows
        self.at = time.monotonic()

    def acknowledged(self) -> bool:
        """Return whether Kafka has it; a failure breaks the link. To be called once more after True never."""
        if self._future is None or not self._future.is_done:
            return False
        if self._future.exception is not None:
            self._link.fail(f"a record was not taken: {self._future.exception!r:.300}")
            return False
        self._link.settled(self._lane, self._size, self._rows)
        return True


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
