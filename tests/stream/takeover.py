"""A partition and the workers that take it over from each other, as far as Kafka lets them, over a real ClickHouse.

What is real here is what must be right: `Ingest`, which is all that a worker does with a batch, and the store. Kafka's
part is played, so that any of its schedules can be had at will: one owner at a time reads the partition in order, from
what was committed last; one that was frozen past its session goes on afterwards as if nothing had been, only that
nothing it commits counts.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from queue import SimpleQueue
from typing import Any, TypeVar

from clickhouse_connect.driver.client import Client

from runwire_faust.message import Message
from runwire_storage.session import Session
from runwire_stream.ingest import Ingest
from runwire_stream.outage import Outages

T = TypeVar("T")
#: Before what a worker stops: before the insert into a table, or before its n-th request of the batch.
Halt = str | int

_PATIENCE = 60


class _KilledError(BaseException):
    """The process is gone; nothing catches it."""


class Gate(Session):
    """A session whose process stops before a request of one's choice, until it is told to go on or to die."""

    def __init__(self, url: str) -> None:
        super().__init__(url, Outages())
        self.open()

    def open(self, halt: Halt | None = None) -> None:
        """Let requests pass up to ``halt``."""
        self._halt, self._requests = halt, 0
        self.reports: SimpleQueue[str] = SimpleQueue()
        self._go = threading.Event()
        self._killed = False

    def release(self, *, kill: bool) -> None:
        """Let a stopped process go on, or die."""
        self._killed, self._halt = kill, None
        self._go.set()

    def insert(self, table: str, columns: Any, rows: int) -> None:
        """Insert, unless that is where to stop."""
        self._pass(self._halt == table)
        super().insert(table, columns, rows)

    def run(self, call: Callable[[Client], T]) -> T:
        """Ask, unless that is where to stop."""
        self._pass(self._halt == self._requests)
        self._requests += 1
        return super().run(call)

    def _pass(self, stop: bool) -> None:  # noqa: FBT001 -- its only argument
        if stop:
            self.reports.put("stopped")
            self._go.wait()
            if self._killed:
                raise _KilledError


class Worker:
    """One worker process: its memory of the series, its place in the partition, and the batch that it is stuck in."""

    def __init__(self, gate: Gate, thread: ThreadPoolExecutor, position: int) -> None:
        self._gate, self._thread = gate, thread
        self._ingest = Ingest(gate)
        self._call: Future[Any] | None = None
        self.position = position

    def assigned(self, position: int) -> None:
        """Take the partition over again."""
        self._ingest.forget()
        self.position = position

    def store(self, log: Sequence[bytes], count: int, halt: Halt | None = None) -> bool:
        """Store the next ``count`` records; whether it came to the end: it may have stopped at ``halt`` before."""
        records = [
            _record(offset, log[offset]) for offset in range(self.position, min(self.position + count, len(log)))
        ]
        if not records:
            return True
        self.position += len(records)
        self._gate.open(halt)
        self._call = self._thread.submit(self._ingest.store, records)
        self._call.add_done_callback(lambda _, reports=self._gate.reports: reports.put("done"))  # type: ignore[misc]
        return self._reported()

    def wake(self) -> None:
        """Go on with the batch in which it was frozen, to its end."""
        self._gate.release(kill=False)
        assert self._reported()

    def kill(self) -> Gate:
        """Die where it stands; its session is somebody else's from here on."""
        if self._call is not None and not self._call.done():
            self._gate.release(kill=True)
            self._gate.reports.get(timeout=_PATIENCE)
        return self._gate

    def _reported(self) -> bool:
        assert self._call is not None
        if self._gate.reports.get(timeout=_PATIENCE) == "stopped":
            return False
        assert self._call.result() == [], "a record was refused"
        return True


class Partition:
    """A partition's records, how far they are committed, its owner, and who owned it and is frozen."""

    def __init__(self, log: Sequence[bytes], hire: Callable[[int], Worker]) -> None:
        self.log, self._hire = log, hire
        self.committed = 0
        self.owner = hire(0)
        self.frozen: list[Worker] = []
        self.idle: list[Worker] = []

    def store(self, count: int) -> None:
        """The owner stores a batch; nothing is committed yet."""
        self.owner.store(self.log, count)

    def commit(self, count: int) -> None:
        """The owner stores a batch, and commits it and all before it."""
        self.owner.store(self.log, count)
        self.committed = self.owner.position

    def freeze(self, count: int, halt: Halt) -> None:
        """The owner freezes in the middle of a batch, and another takes over."""
        if not self.owner.store(self.log, count, halt):
            self.frozen.append(self.owner)
            self._next()

    def kill(self, count: int, halt: Halt) -> None:
        """The owner dies in the middle of a batch, or between storing it and committing it."""
        self.owner.store(self.log, count, halt)
        self.owner.kill()
        self._next(fresh=True)

    def wake(self, which: int, more: int) -> None:
        """A frozen one ends its batch, and stores ``more`` records that it had read before it hears that it is out."""
        if self.frozen:
            worker = self.frozen.pop(which % len(self.frozen))
            worker.wake()
            worker.store(self.log, more)
            self.idle.append(worker)

    def rebalance(self) -> None:
        """The partition goes to another, who may have had it before."""
        owner = self.owner
        self._next()
        self.idle.append(owner)

    def rewind(self, back: int) -> None:
        """All is read again from an earlier place on."""
        self.committed = max(self.committed - back, 0)
        self.owner.assigned(self.committed)

    def finish(self, count: int) -> None:
        """The owner stores what is left."""
        while self.owner.position < len(self.log):
            self.commit(count)

    def _next(self, *, fresh: bool = False) -> None:
        if self.idle and not fresh:
            self.owner = self.idle.pop(0)
            self.owner.assigned(self.committed)
        else:
            self.owner = self._hire(self.committed)


class Crew:
    """Workers for one example after the other: threads and connections are kept, what a worker knows is not."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._free: list[tuple[Gate, ThreadPoolExecutor]] = []

    @contextmanager
    def hiring(self) -> Iterator[Callable[[int], Worker]]:
        """Hand out workers; all of them are dead afterwards."""
        hired: list[tuple[Worker, tuple[Gate, ThreadPoolExecutor]]] = []

        def hire(position: int) -> Worker:
            means = self._free.pop() if self._free else (Gate(self._url), ThreadPoolExecutor(1))
            worker = Worker(*means, position)
            hired.append((worker, means))
            return worker

        try:
            yield hire
        finally:
            for worker, means in hired:
                worker.kill()
                self._free.append(means)

    def close(self) -> None:
        """Let the threads end."""
        for _, thread in self._free:
            thread.shutdown()


def _record(offset: int, value: bytes) -> Message:
    return Message("runwire.metrics", 0, offset, b"key", value)
