"""What a batch costs the stream worker itself, from records to the blocks that it would send: no Kafka, no store.

The same records, and so the same blocks, whatever the machine does beside: two versions of the code are to be compared
by it, and the digest says whether they say the same to the store, byte for byte.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from feed import Values
from numpy.typing import NDArray
from pipeline import Figures, arguments, show

from runwire.wire import METRICS, Frame, encode
from runwire_faust.message import Message
from runwire_storage.native import Column, block
from runwire_storage.session import Session
from runwire_stream.inbox import BATCH_BYTES
from runwire_stream.ingest import Ingest
from runwire_stream.outage import Outages

_T = TypeVar("_T")

_STEP_MICROSECONDS = 10_000
_SEQ = 1_700_000_000 << 32


class Nowhere(Session):
    """Makes all that would be sent, and keeps its digest alone; the store that it asks is empty."""

    def __init__(self) -> None:
        super().__init__("http://nowhere", Outages())
        self.digest = hashlib.blake2b(digest_size=8)
        self.bytes = 0
        self.seconds = 0.0

    def insert(self, table: str, columns: Mapping[str, Column], rows: int) -> None:
        """Make the block."""
        data = block(columns, rows)
        began = time.thread_time()
        self.digest.update(table.encode())
        self.digest.update(data)
        self.bytes += len(data)
        self.seconds += time.thread_time() - began

    def run(self, call: Callable[[Any], _T]) -> _T:  # noqa: ARG002 -- as its base
        """Answer every question with nothing."""
        return b""  # type: ignore[return-value]


@dataclass(frozen=True)
class Case:
    """Records that are stored.

    Attributes:
        runs: how many, each of which has a record in turn.
        metrics: of a row.
        rows: of a record.
        records: of a batch.
        batches: how many.
        every: steps between two rows.
        apart: rows that each run has behind it more than the one before: so that their buckets do not close at once.
        values: of so many (metrics, rows).
    """

    name: str
    runs: int
    metrics: int
    rows: int
    records: int
    batches: int
    every: int = 1
    apart: int = 0
    values: Callable[[np.random.Generator, tuple[int, int]], Values] = lambda random, shape: random.normal(size=shape)

    @property
    def points(self) -> int:
        """How many points are logged."""
        return self.batches * self.records * self.rows * self.metrics


def _bulk(name: str, metrics: int, batches: int, **more: Any) -> Case:
    rows = (900_000 - 32 * metrics) // (8 * (3 + metrics))
    return Case(name, 1, metrics, rows, -(-BATCH_BYTES // 900_000), batches, **more)


CASES = (
    _bulk("1x10", 10, 12),
    _bulk("1x100", 100, 12),
    _bulk("decimals", 10, 6, values=lambda random, shape: np.round(random.normal(size=shape), 4)),
    _bulk("every-100", 10, 6, every=100),
    _bulk("metrics-1000", 1000, 8),
    _bulk("metrics-10000", 10_000, 8),
    Case("runs-1000", 1000, 10, 1, 250, 4 * 70),
    Case("runs-1000-apart", 1000, 10, 1, 250, 4 * 70, apart=7),
    Case("runs-1000-every-100", 1000, 10, 1, 250, 4 * 70, every=100),
)


def batches(case: Case) -> Iterator[list[Message]]:
    """Yield the batches of a case."""
    random = np.random.default_rng(1)
    keys = [f"train/m{number}" for number in range(case.metrics)]
    rows = np.arange(case.runs, dtype=np.int64) * case.apart
    offset = 0
    for _ in range(case.batches):
        batch = []
        for _ in range(case.records):
            run = offset % case.runs
            batch.append(Message(METRICS, 0, offset, None, _record(case, random, f"run-{run}", keys, int(rows[run]))))
            rows[run] += case.rows
            offset += 1
        yield batch


def _record(case: Case, random: np.random.Generator, run: str, keys: Sequence[str], first: int) -> bytes:
    row: NDArray[np.int64] = first + np.arange(case.rows, dtype=np.int64)
    words = [_SEQ + 1 + row, row * case.every, 1_700_000_000_000_000 + row * _STEP_MICROSECONDS]
    planes = [plane.tobytes() for plane in (*words, *case.values(random, (case.metrics, case.rows)))]
    return encode(run, 0, [Frame(keys, case.rows, planes)])


def _store(ingest: Ingest, batch: Sequence[Message]) -> float:
    """Store a batch; return the CPU seconds."""
    began = time.thread_time()
    refused = ingest.store(batch)
    if refused:
        raise RuntimeError(f"a record was refused: {refused[0][1]}")
    return time.thread_time() - began


def main() -> None:
    """Measure and print."""
    parser = arguments(__doc__)
    known = {case.name: case for case in CASES}
    parser.add_argument("--case", action="append", choices=known, metavar="NAME", help=f"of {', '.join(known)}")
    parser.add_argument("--times", type=int, default=3, help="how often each is measured")
    args = parser.parse_args()
    rows = []
    for case in [known[name] for name in args.case or known]:
        spent = []
        for _ in range(args.times):
            session = Nowhere()
            ingest = Ingest(session)
            # In a thread, as the worker does: what memory costs depends on it.
            with ThreadPoolExecutor(1) as thread:
                took = sum(thread.submit(_store, ingest, batch).result() for batch in batches(case))
            spent.append(took - session.seconds)
        logged = case.batches * case.records * case.rows
        seconds = sorted(spent)
        rows.append(
            (
                case.name,
                case.points,
                seconds[0] * 1e6 / case.points,
                seconds[len(seconds) // 2] * 1e6 / case.points,
                seconds[0] * 1e6 / logged,
                session.bytes / case.points,
                session.digest.hexdigest(),
            )
        )
    columns = ("case", "points", "least CPU s a million points", "median", "µs a row", "bytes a point", "digest")
    show(args.json, Figures("A stream worker's own CPU", columns, rows))


if __name__ == "__main__":
    main()
