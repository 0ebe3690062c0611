"""Rows sent straight to Kafka, in the records in which the shipper sends them.

So a run of days is there in minutes, with the times that it would have had: a step takes 10 ms, ± 5 %. What `log()` and
the shipper cost is no part of what is measured with these.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Any, TypeAlias

import numpy as np
from kafka import KafkaProducer
from numpy.typing import NDArray

from runwire.wire import METRICS, Frame, encode
from runwire.wire.frames import RECORD_BYTES_MAX

#: Float64 of shape (metrics, rows).
Values: TypeAlias = NDArray[np.float64]

STEP_MICROSECONDS = 10_000.0
STEP_NOISE = 0.05

_IN_FLIGHT = 8
_HEADER_BYTES = 64 << 10
#: Numbers that are made at once.
_CHUNK = 1 << 20


class Feed:
    """A connection to Kafka; leaving it waits until Kafka has everything."""

    def __init__(self, kafka: str) -> None:
        self._producer = KafkaProducer(
            bootstrap_servers=kafka,
            acks="all",
            enable_idempotence=True,
            batch_size=1 << 20,
            max_request_size=4 << 20,
            metrics_enabled=False,
        )
        self._sent: deque[Any] = deque()

    def __enter__(self) -> Feed:  # noqa: PYI034 -- Self is not in Python 3.10
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        while self._sent and kind is None:
            self._sent.popleft().get(60)
        self._producer.close()

    def send(self, run: str, rank: int, value: bytes) -> None:
        """Send a record of metrics, once few enough are on their way."""
        while len(self._sent) >= _IN_FLIGHT:
            self._sent.popleft().get(60)
        self._sent.append(self._producer.send(METRICS, key=f"{run}/{rank}".encode(), value=value))


class Training:
    """A run whose rows are sent.

    Args:
        feed: where to.
        run: its id.
        keys: its metrics.
        rank: which of its processes.
        every: steps between two rows.
    """

    def __init__(self, feed: Feed, run: str, keys: Sequence[str], rank: int = 0, every: int = 1) -> None:
        self._feed, self._run, self._keys, self._rank, self._every = feed, run, list(keys), rank, every
        self.random = np.random.default_rng([*run.encode(), rank])
        self._row = 0
        self._ts = time.time() * 1e6
        self._seq = int(time.time()) << 32
        self._record_rows = (RECORD_BYTES_MAX - _HEADER_BYTES) // (8 * (3 + len(self._keys)))

    def log(self, rows: int, values: Callable[[NDArray[np.int64]], Values]) -> None:
        """Send so many rows more; ``values`` returns those of the steps that it is given."""
        chunk = max(1, _CHUNK // len(self._keys))
        for start in range(0, rows, chunk):
            count = min(chunk, rows - start)
            step = (self._row + np.arange(count, dtype=np.int64)) * self._every
            self._send(step, self._times(count), values(step))

    def log_noise(self, rows: int) -> None:
        """Send so many rows of Gaussian noise, all of whose bits are noise."""
        self.log(rows, lambda step: self.random.normal(size=(len(self._keys), len(step))))

    def _times(self, count: int) -> NDArray[np.int64]:
        noise = STEP_NOISE * STEP_MICROSECONDS * self._every**0.5
        times = self._ts + np.cumsum(self.random.normal(STEP_MICROSECONDS * self._every, noise, count))
        self._ts = float(times[-1])
        return times.astype(np.int64)

    def _send(self, step: NDArray[np.int64], ts: NDArray[np.int64], values: Values) -> None:
        seq = self._seq + 1 + self._row + np.arange(len(step), dtype=np.int64)
        self._row += len(step)
        columns = (seq, step, ts, *values)
        for start in range(0, len(step), self._record_rows):
            planes = [column[start : start + self._record_rows].tobytes() for column in columns]
            frame = Frame(self._keys, len(planes[0]) // 8, planes)
            self._feed.send(self._run, self._rank, encode(self._run, self._rank, [frame]))
