"""Faust's way to Kafka, but for how long a fetch waits."""

from __future__ import annotations

from typing import Any

from faust.transport.drivers import aiokafka as driver

#: A worker has one fetch under way with a broker at a time, for the partitions of which nothing waits to be handled.
#: What comes meanwhile in the others is fetched after that one has returned: with something, or after so long. Faust
#: has it wait for 1.5 s, which a worker that is short of processor time pays again and again.
_FETCH_WAIT_MS = 100


class _Thread(driver.AIOKafkaConsumerThread):
    def _create_worker_consumer(self, transport: Any) -> Any:
        consumer = super()._create_worker_consumer(transport)
        consumer._fetch_max_wait_ms = _FETCH_WAIT_MS  # noqa: SLF001 -- Faust passes a number of its own, and no other
        return consumer


class _Consumer(driver.Consumer):
    def _new_consumer_thread(self) -> _Thread:
        return _Thread(self, loop=self.loop, beacon=self.beacon)


class Transport(driver.Transport):
    """To be the transport of an app that reads."""

    Consumer = _Consumer
