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

from runwire_storage.rows import BUCKET, COUNTS, EXTREMES, POINT, TAIL, Ints, Points, Rows, Series
from runwire_storage.schema import LEVELS
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


class Memory:
    """The archive as a dictionary: what the worker has handed over so far."""

    def __init__(self) -> None:
        self.logged: list[tuple[Series, int, float, int]] = []
        self.rows: dict[tuple[Series, int, int], np.void] = {}
        self.last: dict[Series, np.void] = {}

    def store(self, names: Sequence[Series], points: Points, buckets: Sequence[Rows], tails: Rows) -> None:
        self.store_points(names, points)
        self.store_buckets(names, buckets)
        self.store_tails(names, tails)

    def store_points(self, names: Sequence[Series], points: Points) -> None:
        columns = (points.series.tolist(), points.step.tolist(), points.value.tolist(), points.seq.tolist())
        self.logged += [(names[number], step, value, seq) for number, step, value, seq in zip(*columns, strict=True)]

    def store_buckets(self, names: Sequence[Series], buckets: Sequence[Rows]) -> None:
        for level, rows in zip(LEVELS, buckets, strict=True):
            for row in rows:
                key = (names[row["series"]], level, int(row["position"]))
                if key not in self.rows or row["seq"] >= self.rows[key]["seq"]:
                    self.rows[key] = row.copy()

    def store_tails(self, names: Sequence[Series], tails: Rows) -> None:
        for row in tails:
            name = names[row["series"]]
            if name not in self.last or row["seq"] >= self.last[name]["seq"]:
                self.last[name] = row.copy()

    def tails(self, names: Sequence[Series]) -> Rows:
        out = np.array([self.last[name] for name in names if name in self.last], TAIL)
        out["series"] = [place for place, name in enumerate(names) if name in self.last]
        return out

    def points(self, names: Sequence[Series], number: Ints, bucket: Ints) -> Rows:
        wanted = {(names[n], b): n for n, b in zip(number.tolist(), bucket.tolist(), strict=True)}
        return np.array(
            [
                (wanted[name, step >> LEVELS[0]], step, seq, value)
                for (name, step), (value, seq) in brute.final(self.logged).items()
                if (name, step >> LEVELS[0]) in wanted
            ],
            POINT,
        )

    def buckets(self, level: int, names: Sequence[Series], number: Ints, bucket: Ints) -> Rows:
        wanted = {(names[n], b): n for n, b in zip(number.tolist(), bucket.tolist(), strict=True)}
        out = []
        for (name, its, position), row in self.rows.items():
            if its == level and (name, position >> 4) in wanted:
                copy = row.copy()
                copy["series"] = wanted[name, position >> 4]
                out.append(copy)
        return np.array(out, BUCKET)

    def as_brute(self) -> dict[tuple[Any, int, int], tuple[Any, ...]]:
        return {key: bits(row) for key, row in self.rows.items()}


def bits(row: np.void) -> tuple[Any, ...]:
    """Return a BUCKET as `brute.bits` does."""
    plain: dict[str, Any] = {name: row[name].item() for name in (*COUNTS, "seq")}
    odd = plain["nan"] + plain["pos_inf"] + plain["neg_inf"]
    plain["first_nonfinite_step"] = row["first_nonfinite_step"].item() if odd else None
    for name in (*EXTREMES, *(f"{name}_step" for name in EXTREMES), "sum"):
        plain[name] = row[name].item() if plain["count"] > odd else None
    return brute.bits(plain)


def batch(rows: Sequence[Logged]) -> tuple[list[Series], Points]:
    names = [("run", f"m{number}", 0) for number in dict.fromkeys(row[0] for row in rows)]
    local = {number: place for place, number in enumerate(dict.fromkeys(row[0] for row in rows))}
    points = Points(
        np.array([local[row[0]] for row in rows], np.int64),
        np.array([row[1] for row in rows], np.int64),
        np.array([row[3] for row in rows], np.int64),
        np.array([row[2] for row in rows], np.float64),
        np.array([row[3] for row in rows], np.uint64),
    )
    return names, points


def advance(state: State, archive: Memory, rows: Sequence[Logged], upto: int = 3) -> None:
    """Let a batch pass; ``upto`` < 3: the worker dies when so much of it is stored."""
    names, points = batch(rows)
    numbers = state.resolve(names)
    points = Points(numbers[points.series], points.step, points.ts, points.value, points.seq)
    result = state.advance(points)
    if upto >= 1:
        archive.store_points(state.names, points)
    if upto >= 2:
        archive.store_buckets(state.names, result.buckets)
    if upto >= 3:
        archive.store_tails(state.names, result.tails)


def check(archive: Memory, rows: Sequence[Logged]) -> None:
    """The store holds brute force's rollups of all rows, and no other; its tails are the rows' ends."""
    named = [(("run", f"m{number}", 0), step, value, seq) for number, step, value, seq in rows]
    assert archive.as_brute() == brute.rollups(named)
    kept = brute.final(named)
    for name in {name for name, _ in kept}:
        last = max(step for its, step in kept if its == name)
        tail = archive.last[name]
        assert (tail["last_step"], tail["seq"]) == (last, max(seq for its, *_, seq in named if its == name))
        assert tail["last"].tobytes() == np.float64(kept[name, last][0]).tobytes()


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


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(logs, st.data())
def test_any_rows_in_any_batches_give_what_brute_force_gives(rows: list[Logged], data: st.DataObject) -> None:
    """Late, repeated and non-finite rows, huge and negative steps, cut anywhere, forgotten anywhere: the same bits."""
    archive = Memory()
    state = State(archive)
    cuts = sorted({0, len(rows), *data.draw(st.lists(st.integers(0, len(rows)), max_size=8))})
    for start, end in itertools.pairwise(cuts):
        if data.draw(st.booleans()):
            state.forget()
        advance(state, archive, rows[start:end])
    check(archive, rows)


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(logs, st.data())
def test_a_worker_that_dies_between_two_inserts_is_made_good_by_the_replay(
    rows: list[Logged], data: st.DataObject
) -> None:
    """Whatever was stored when it died, and however the replay is cut, the store ends as if nothing had happened."""
    archive = Memory()
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
    archive = Memory()
    state = State(archive)
    shuffled = list(rows)
    random.shuffle(shuffled)
    for start in range(0, len(rows), size):
        if random.random() < 0.3:
            state.forget()
        advance(state, archive, shuffled[start : start + size])
    check(archive, rows)


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(logs, st.integers(1, 40))
def test_a_state_smaller_than_its_series_reads_back_what_it_forgot(rows: list[Logged], size: int) -> None:
    """With room for one series alone, three series still come out right."""
    archive = Memory()
    state = State(archive, series_max=1)
    for start in range(0, len(rows), size):
        advance(state, archive, rows[start : start + size])
    check(archive, rows)


def test_a_step_repeated_for_ever_takes_no_more_memory() -> None:
    """A run that logs step 0 a million times leaves one open point, not a million."""
    archive = Memory()
    state = State(archive)
    numbers = state.resolve([("run", "m", 0)])
    count = 50_000
    for start in range(0, 20 * count, count):
        seq = np.arange(start, start + count, dtype=np.uint64)
        zeros = np.zeros(count, np.int64)
        state.advance(Points(numbers[zeros], zeros, zeros, np.ones(count), seq))
    assert len(state._tables[0]) <= 3 * count


@pytest.mark.parametrize("count", [7, 8, 9, 63, 64])
def test_a_sum_adds_from_left_to_right(count: int) -> None:
    """Where numpy's own sums would pair or unroll, ours add by rising step, as a plain loop does."""
    numbers = [0.1 * 3**place for place in range(count)]
    rows = [(0, place, number, place + 1) for place, number in enumerate(numbers)]
    archive = Memory()
    advance(State(archive), archive, [*rows, (0, 64, 0.0, 1000)])
    total = numbers[0]
    for number in numbers[1:]:
        total += number
    assert archive.rows[("run", "m0", 0), LEVELS[0], 0]["sum"] == total
