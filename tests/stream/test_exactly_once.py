"""The property behind the fault rounds: however rows travel, the tables end up the same.

Any rows, of several attempts side by side, cut into any records, sent again from any row on, in any batches, read again
from any offset, by workers that die, freeze, wake and take over from each other: points are the values with the highest
seq, rollups and totals are brute force over them.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import brute
import numpy as np
import pytest
from feed import Store
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from takeover import Crew, Halt, Partition

from runwire.wire import Frame, encode
from runwire_storage.migrations import migrate
from runwire_storage.session import Session
from runwire_stream.outage import Outages

#: What the runs of this test are called: each example's is new to the store.
_NAMES = itertools.count()
_AWKWARD = (math.nan, math.inf, -math.inf, 0.0, -0.0, 5e-324, 1.7976931348623157e308, 2.0**53, -(2.0**53) + 1)


@dataclass(frozen=True)
class Stretch:
    """Rows that an attempt logs one after the other.

    Attributes:
        step: of the first.
        stride: what the step grows by.
        keys: the metrics.
    """

    step: int
    stride: int
    count: int
    keys: str


@dataclass(frozen=True)
class Row:
    """What one log() says."""

    rank: int
    seq: int
    step: int
    values: dict[str, float]

    @property
    def ts(self) -> int:
        """When it was said, microseconds since the epoch; no two rows share it."""
        return 1_700_000_000_000_000 + (self.seq >> 32) * 1_000_000 + (self.seq & 0xFFFF)


stretches = st.builds(
    Stretch,
    step=st.one_of(st.integers(-64, 64), st.sampled_from([0, 1000, 2**18])),
    stride=st.sampled_from([1, 1, 1, 1, 1, 0, -1, 2, 64]),
    count=st.integers(1, 100),
    keys=st.sampled_from(["a", "a", "a", "ab"]),
)
#: Of each attempt: its rank, and what it logs. Attempts of one rank follow each other, and are delivered side by side.
attempts = st.lists(
    st.tuples(st.sampled_from([0, 0, 0, 0, 1]), st.lists(stretches, min_size=1, max_size=2)), min_size=2, max_size=3
)
halts: st.SearchStrategy[Halt] = st.one_of(
    st.sampled_from(["stored_points", "stored_rollups", "stored_series"]), st.integers(0, 6)
)
sizes = st.integers(1, 2)
#: What may happen to the partition, as a method of `Partition` and its arguments; what is rarely seen elsewhere, most.
_HAPPENINGS: dict[str, tuple[int, Sequence[st.SearchStrategy[Any]]]] = {
    "freeze": (9, (sizes, halts)),
    "wake": (2, (st.integers(0, 3), st.integers(0, 2))),
    "store": (1, (sizes,)),
    "commit": (2, (sizes,)),
    "kill": (2, (sizes, halts)),
    "rebalance": (1, ()),
    "rewind": (1, (st.integers(0, 20),)),
}
happenings = st.lists(
    st.sampled_from([what for what, (weight, _) in _HAPPENINGS.items() for _ in range(weight)]).flatmap(
        lambda what: st.tuples(st.just(what), *_HAPPENINGS[what][1])
    ),
    min_size=3,
    max_size=8,
)


@pytest.fixture(scope="module")
def crew(clickhouse: str) -> Iterator[Crew]:
    """Workers on the session's ClickHouse, whose tables are made."""
    Session(clickhouse, Outages()).run(migrate)
    crew = Crew(clickhouse)
    yield crew
    crew.close()


@pytest.mark.timeout(900)  # a failing example is made smaller for up to five minutes
@settings(max_examples=50, deadline=None, suppress_health_check=list(HealthCheck))
@given(attempts, happenings, st.data())
def test_any_rows_however_they_travel_end_in_the_same_tables(
    clickhouse: str,
    crew: Crew,
    logged: list[tuple[int, list[Stretch]]],
    happened: list[tuple[Any, ...]],
    data: st.DataObject,
) -> None:
    """Points, rollups of every level and totals are what the rows alone say, whatever happened on their way."""
    run = f"exactly-once-{next(_NAMES)}"
    told = [list(rows(rank, attempt, parts)) for attempt, (rank, parts) in enumerate(logged)]
    log = data.draw(partitions(run, told), label="records")
    with crew.hiring() as hire:
        partition = Partition(log, hire)
        for what, *arguments in happened:
            getattr(partition, what)(*arguments)
        while partition.frozen and data.draw(st.booleans(), label="wakes before the end"):
            partition.wake(0, 2)
        partition.finish(data.draw(sizes, label="batches of the rest"))
        while partition.frozen:
            partition.wake(0, 2)
    check(Store(clickhouse), run, list(itertools.chain(*told)))


@pytest.mark.parametrize("halt", ["stored_rollups", "stored_series"])
def test_a_frozen_worker_that_wakes_replaces_nothing_newer(clickhouse: str, crew: Crew, halt: Halt) -> None:
    """It freezes with the second attempt's rows; meanwhile the first's come, of lower seq, and another stores both.

    What it inserts when it wakes has the highest seq of all, and yet is not the latest: the first attempt's rows are
    missing from its bucket, and it knows of no step behind 70 where a worker that comes later must know of 200.
    """
    run = f"exactly-once-{next(_NAMES)}"
    first = list(rows(0, 0, [Stretch(0, 1, 201, "a")]))
    second = list(rows(0, 1, [Stretch(20, 1, 51, "a"), Stretch(72, 2, 120, "a")]))
    log = [record(run, second[:51]), record(run, first), record(run, second[51:])]
    with crew.hiring() as hire:
        partition = Partition(log, hire)
        partition.freeze(1, halt)
        partition.commit(2)
        partition.wake(0, 0)
        partition.rebalance()
        partition.finish(1)
    check(Store(clickhouse), run, [*first, *second])


def test_a_frozen_worker_that_wakes_mixes_nothing_newer_into_what_it_writes(clickhouse: str, crew: Crew) -> None:
    """It freezes with a late row and step 70; meanwhile another stores step 70 anew, and one before all others.

    What it reads back when it wakes, for the late row's sake, is newer than what it remembers: a row of both would
    count as complete and be neither.
    """
    run = f"exactly-once-{next(_NAMES)}"
    second = list(rows(0, 1, [Stretch(0, 1, 69, "a")]))
    first = list(rows(0, 0, [Stretch(-1, 71, 2, "a"), Stretch(70, 0, 1, "a"), Stretch(-5, 1, 1, "a")]))
    log = [record(run, second), record(run, first[:2]), record(run, first[2:])]
    with crew.hiring() as hire:
        partition = Partition(log, hire)
        partition.commit(1)
        partition.freeze(1, "stored_points")
        partition.commit(2)
        partition.wake(0, 0)
    check(Store(clickhouse), run, [*first, *second])


def rows(rank: int, attempt: int, parts: Sequence[Stretch]) -> Iterator[Row]:
    """Yield what an attempt logs: values that tell from which row they are, and now and then an awkward one."""
    seq = (attempt + 1) << 32
    for part in parts:
        for place in range(part.count):
            seq += 1
            values = {key: _value(seq, ord(key)) for key in part.keys}
            yield Row(rank, seq, part.step + part.stride * place, values)


def _value(seq: int, key: int) -> float:
    number = seq * 7 + key
    return _AWKWARD[number // 5 % len(_AWKWARD)] if number % 5 == 0 else 0.1 * (number % 1009) + (seq >> 32)


@st.composite
def partitions(draw: st.DrawFn, run: str, told: Sequence[Sequence[Row]]) -> list[bytes]:
    """Cut each attempt's rows into records, some of them sent twice, and lay the attempts' records side by side."""
    queues = []
    for mine in told:
        queue, start, sent_again = [], 0, 0
        while start < len(mine):
            stop = start + draw(st.integers(1, 60))
            queue.append(record(run, mine[start:stop]))
            start = stop
            if sent_again < 1 and draw(st.integers(0, 4)) == 0:  # a shipper died: it goes back to what it knows of
                start = max(min(stop, len(mine)) - draw(st.integers(1, 60)), 0)
                sent_again += 1
        queues.append(queue)
    if draw(st.booleans()):  # what the first attempts had left to say waited on a host that was away
        return list(itertools.chain(*reversed(queues)))
    log = []
    while queues := [queue for queue in queues if queue]:
        log.append(queues[draw(st.integers(0, len(queues) - 1)) if len(queues) > 1 else 0].pop(0))
    return log


def record(run: str, mine: Sequence[Row]) -> bytes:
    """Return rows of one rank as the shipper sends them: a frame for each list of keys."""
    frames: dict[tuple[str, ...], list[Row]] = {}
    for row in mine:
        frames.setdefault(tuple(row.values), []).append(row)
    return encode(run, mine[0].rank, [_frame(keys, its) for keys, its in frames.items()])


def _frame(keys: Sequence[str], its: Sequence[Row]) -> Frame:
    words = [np.array([row.seq for row in its], np.uint64), np.array([row.step for row in its], np.int64)]
    words.append(np.array([row.ts for row in its], np.int64))
    planes = [*words, *(np.array([row.values[key] for row in its], np.float64) for key in keys)]
    return Frame(list(keys), len(its), [plane.tobytes() for plane in planes])


def check(store: Store, run: str, told: Sequence[Row]) -> None:
    """Compare the three tables with what the rows say."""
    points = [((run, key, row.rank), row.step, value, row.seq) for row in told for key, value in row.values.items()]
    kept = brute.final(points)
    assert store.points(run) == {key: np.float64(value).tobytes() for key, (value, _) in kept.items()}
    assert store.rollups(run) == brute.rollups(points)
    assert store.totals(run) == brute.totals(points)
