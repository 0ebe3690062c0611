from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Any

import brute
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from runwire_storage.cover import Parts
from runwire_storage.reader import Reader
from runwire_storage.rollup import latest, reduce
from runwire_storage.rows import BUCKET, COUNTS, EXTREMES, POINT, TOTAL, Rows, Series
from runwire_storage.schema import LEVELS, POINTS_MIN
from runwire_stream.state import State

Logged = tuple[int, int, float, int]  # series, step, value, seq

steps = st.one_of(
    st.integers(0, 300),
    st.integers(-200, 200),
    st.integers(0, 2**20),
    st.sampled_from([-(2**63), -(2**63) + 1, 2**63 - 1, 2**62, -1, 0, 63, 64, 1023, 1024, 16383, 16384]),
)
values = st.one_of(
    st.floats(), st.sampled_from([math.nan, math.inf, -math.inf, 0.0, -0.0, 5e-324, 1.7e308, 0.1, 1e16, 1.0])
)


class Memory(Reader):
    """The store as dictionaries: what the worker has handed over so far, read back by the store's own `Reader`."""

    def __init__(self, points_min: int = POINTS_MIN) -> None:
        super().__init__(lambda _sql, _parameters: b"")  # all that would ask is replaced below
        self.points_min = points_min  # as low as 1, so that few points make rows, too
        self.logged: list[tuple[Series, int, float, int]] = []
        self.rows: dict[tuple[Series, int, int], np.void] = {}
        self.last: dict[Series, np.void] = {}

    def store_points(self, names: Sequence[Series], points: Rows) -> None:
        columns = (points[name].tolist() for name in ("series", "position", "value", "seq"))
        self.logged += [(names[number], step, value, seq) for number, step, value, seq in zip(*columns, strict=True)]

    def store_buckets(self, names: Sequence[Series], buckets: Sequence[Rows]) -> None:
        for level, rows in zip(LEVELS, buckets, strict=True):
            for row in rows[rows["count"] >= self.points_min]:
                key = (names[row["series"]], level, int(row["position"]))
                if key not in self.rows or version_of(row) >= version_of(self.rows[key]):
                    self.rows[key] = row.copy()

    def store_totals(self, names: Sequence[Series], totals: Rows) -> None:
        for row in totals:
            name = names[row["series"]]
            if name not in self.last or version_of(row) >= version_of(self.last[name]):
                self.last[name] = row.copy()

    def totals(self, names: Sequence[Series]) -> Rows:
        out = np.array([self.last[name] for name in names if name in self.last], TOTAL)
        out["series"] = [place for place, name in enumerate(names) if name in self.last]
        return out

    def points(self, names: Sequence[Series], parts: Parts) -> Rows:
        wanted = {names[place]: (place, some) for place, some in parts.items()}
        found = [
            (wanted[name][0], step, seq, value)
            for (name, step), (value, seq) in brute.final(self.logged).items()
            if name in wanted and any(part.start <= step <= part.end for part in wanted[name][1])
        ]
        return latest(np.array(found, POINT))

    def buckets(self, names: Sequence[Series], parts: Parts) -> dict[int, Rows]:
        out: dict[int, list[Any]] = {level: [] for level in LEVELS}
        wanted = {names[place]: (place, some) for place, some in parts.items()}
        for (name, level, position), row in self.rows.items():
            place, some = wanted.get(name, (0, ()))
            if any(part.level == level and part.start <= position <= part.end for part in some):
                copy = row.copy()
                copy["series"] = place
                out[level].append(copy)
        return {level: latest(np.array(rows, BUCKET)) for level, rows in out.items()}

    def as_brute(self) -> dict[tuple[Any, int, int], tuple[Any, ...]]:
        return {key: bits(row) for key, row in self.rows.items()}


def version_of(row: np.void) -> int:
    """Return the version of a BUCKET or a TOTAL as a number."""
    return (int(row["version_high"]) << 32) + int(row["version_low"])


def bits(row: np.void) -> tuple[Any, ...]:
    """Return a BUCKET as `brute.bits` does."""
    plain: dict[str, Any] = {name: row[name].item() for name in COUNTS}
    plain["version"] = version_of(row)
    odd = plain["nan"] + plain["pos_inf"] + plain["neg_inf"]
    plain["first_nonfinite_step"] = row["first_nonfinite_step"].item() if odd else None
    for name in (*EXTREMES, *(f"{name}_step" for name in EXTREMES), "sum"):
        plain[name] = row[name].item() if plain["count"] > odd else None
    return brute.bits(plain)


def advance(
    state: State, archive: Memory, rows: Sequence[Logged], upto: int = 3, names: list[Series] | None = None
) -> None:
    """Let a batch pass.

    Args:
        state: of the worker.
        archive: where it stores.
        rows: the batch.
        upto: less than 3: the worker dies when so much of it is stored.
        names: a list that goes on from batch to batch, and grows.
    """
    names = [] if names is None else names
    names += [
        name for number in dict.fromkeys(row[0] for row in rows) if (name := ("run", f"m{number}", 0)) not in names
    ]
    local = {int(metric[1:]): place for place, (_, metric, _) in enumerate(names)}
    attempts = np.full(len(names), -1, np.int64)
    attempts[[local[row[0]] for row in rows]] = 0
    numbers = state.resolve(names, attempts)
    points = latest(np.array([(numbers[local[number]], step, seq, value) for number, step, value, seq in rows], POINT))
    if upto >= 1:
        archive.store_points(state.names, points)
    buckets = state.advance(points)
    if upto >= 2:
        archive.store_buckets(state.names, buckets)
    if upto >= 3:
        archive.store_totals(state.names, state.totals())


def check(archive: Memory, rows: Sequence[Logged]) -> None:
    """The store holds brute force's rollups and totals of all rows, and no other."""
    named = [(("run", f"m{number}", 0), step, value, seq) for number, step, value, seq in rows]
    assert archive.as_brute() == brute.rollups(named, archive.points_min)
    assert {name: total_bits(row) for name, row in archive.last.items()} == brute.totals(named)


def total_bits(row: np.void) -> tuple[Any, ...]:
    """Return a TOTAL as `brute.totals` does."""
    plain: dict[str, Any] = {name: row[name].item() for name in (*COUNTS, "first_step", "last_step", "last")}
    odd = plain["nan"] + plain["pos_inf"] + plain["neg_inf"]
    plain["version"] = version_of(row)
    plain["first_nonfinite_step"] = row["first_nonfinite_step"].item() if odd else None
    for name in ("min", "min_step", "max", "max_step"):
        plain[name] = row[name].item() if plain["count"] > odd else None
    return brute.bits(plain)


numbered = st.lists(st.tuples(st.integers(0, 2), steps, values), min_size=1, max_size=120).map(
    lambda rows: [(*row, seq + 1) for seq, row in enumerate(rows)]
)
rising = st.builds(
    lambda start, widths, numbers: [
        (0, start + sum(widths[: place + 1]), value, place + 1) for place, value in enumerate(numbers[: len(widths)])
    ],
    st.integers(-3000, 3000),
    st.lists(st.sampled_from([1, 1, 1, 1, 2, 7, 64, 1000, 20000]), min_size=1, max_size=300),
    st.lists(values, min_size=300, max_size=300),
)
logs = st.one_of(numbered, rising)
least = st.sampled_from([1, 2, 5, POINTS_MIN])


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(logs, st.data())
def test_any_rows_in_any_batches_give_what_brute_force_gives(rows: list[Logged], data: st.DataObject) -> None:
    """Late, repeated and non-finite rows, huge and negative steps, cut anywhere, forgotten anywhere: the same bits."""
    archive = Memory(data.draw(least))
    state = State(archive)
    cuts = sorted({0, len(rows), *data.draw(st.lists(st.integers(0, len(rows)), max_size=8))})
    names: list[Series] = []
    for start, end in itertools.pairwise(cuts):
        if data.draw(st.booleans()):
            state.forget()
        if data.draw(st.booleans()):
            names = []
        advance(state, archive, rows[start:end], names=names)
    check(archive, rows)


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(logs, st.data())
def test_a_worker_that_dies_between_two_inserts_is_made_good_by_the_replay(
    rows: list[Logged], data: st.DataObject
) -> None:
    """Whatever was stored when it died, and however the replay is cut, the store ends as if nothing had happened."""
    archive = Memory(data.draw(least))
    state = State(archive)
    done = 0
    for _ in range(data.draw(st.integers(1, 5))):
        end = data.draw(st.integers(done, len(rows)))
        upto = data.draw(st.integers(0, 3))
        if end > done:
            advance(state, archive, rows[done:end], upto)
        if upto == 3 and data.draw(st.booleans()):
            done = end  # acknowledged
        else:
            state = State(archive)
    if done < len(rows):
        advance(state, archive, rows[done:])
    check(archive, rows)


@settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
@given(numbered, st.randoms(use_true_random=False), st.integers(1, 50))
def test_the_order_of_arrival_does_not_matter(rows: list[Logged], random: Any, size: int) -> None:
    """Two attempts of a run may be delivered side by side: later rows before earlier ones, in any order."""
    archive = Memory(random.choice([1, 2, 5, POINTS_MIN]))
    state = State(archive)
    shuffled = list(rows)
    random.shuffle(shuffled)
    for start in range(0, len(rows), size):
        if random.random() < 0.3:
            state.forget()
        advance(state, archive, shuffled[start : start + size])
    check(archive, rows)


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(logs, st.integers(1, 40), least, st.integers(1, 2))
def test_a_state_smaller_than_its_series_reads_back_what_it_forgot(
    rows: list[Logged], size: int, points_min: int, series_max: int
) -> None:
    """With room for one series alone or two, three series still come out right."""
    archive = Memory(points_min)
    state = State(archive, series_max=series_max)
    names: list[Series] = []
    for start in range(0, len(rows), size):
        advance(state, archive, rows[start : start + size], names=names)
    check(archive, rows)


def test_a_step_repeated_for_ever_takes_no_more_memory() -> None:
    """Of a thousand series that log step 0 again and again most versions are dropped, not all are kept."""
    archive = Memory()
    state = State(archive)
    numbers = state.resolve([("run", f"m{place}", 0) for place in range(1000)], np.zeros(1000, np.int64))
    rows = np.zeros(len(numbers), POINT)
    rows["series"] = numbers
    for seq in range(1, 300):
        rows["seq"] = seq
        state.advance(rows)
    assert len(state._tables[0]) <= 2 * 64 * 1024


def test_series_that_move_on_one_by_one_leave_no_room_behind() -> None:
    """Of a hundred series one at a time closes its bucket: what waits of the others is all that the table keeps."""
    archive = Memory()
    state = State(archive)
    numbers = state.resolve([("run", f"m{place}", 0) for place in range(100)], np.zeros(100, np.int64))
    for number in numbers.tolist():
        state.advance(np.array([(number, step, step + 1, 1.0) for step in range(63)], POINT))
    for number in numbers.tolist():
        made, *_ = state.advance(np.array([(number, step, step + 1, 1.0) for step in (63, 64)], POINT))
        assert made[["series", "position", "count"]].tolist() == [(number, 0, 64)]
    assert len(state._tables[0]) == 100
    assert state._tables[0]._size < 400


@pytest.mark.parametrize("count", [7, 8, 9, 63, 64])
def test_a_sum_adds_from_left_to_right(count: int) -> None:
    """Where numpy's own sums would pair or unroll, ours add by rising step, as a plain loop does."""
    numbers = [0.1 * 3**place for place in range(count)]
    rows = np.array([(0, place, place + 1, number) for place, number in enumerate(numbers)], POINT)
    total = numbers[0]
    for number in numbers[1:]:
        total += number
    [bucket] = reduce(rows, 6)
    assert bucket["sum"] == total
