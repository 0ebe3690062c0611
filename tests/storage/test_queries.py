"""`runwire_storage.queries` against the real engine, over what the stream's own code stored."""

from __future__ import annotations

import itertools
import math
import struct
from array import array
from collections.abc import Iterable, Mapping
from typing import Any

import pytest
from clickhouse_connect.driver.client import Client
from embedded_process import Embedded
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from runwire.errors import UnavailableError
from runwire.wire import EVENTS, METRICS, Event, Frame, encode, loads
from runwire_faust.message import Message
from runwire_storage import queries
from runwire_storage.cover import STEP_MAX, STEP_MIN, cover, level
from runwire_storage.queries.filter import parse
from runwire_storage.schema import LEVELS
from runwire_storage.session import Session
from runwire_stream.ingest import Ingest

Points = Mapping[int, float]
_numbers = itertools.count(1)
START = 1_700_000_000_000_000


class _Impatient:
    def wait(self, error: UnavailableError) -> None:
        raise error

    def over(self) -> None:
        pass


@pytest.fixture(scope="module")
def ingest(embedded: Embedded, client: Client) -> Ingest:  # noqa: ARG001 - the schema is there
    return Ingest(Session(embedded.url, _Impatient()))


def new_run() -> str:
    return f"run-{next(_numbers)}"


def store(
    ingest: Ingest,
    run: str,
    rows: Iterable[tuple[int, float]],
    metric: str = "loss",
    rank: int = 0,
    *,
    times: Iterable[int] = (),
) -> None:
    """Store one batch of points, in this order, logged at these times: microseconds after 1_700_000_000 s."""
    rows = list(rows)
    seqs = [next(_numbers) for _ in rows]
    after = list(times) or seqs
    planes = [
        array("Q", seqs).tobytes(),
        array("q", [step for step, _ in rows]).tobytes(),
        array("q", [START + its for its in after]).tobytes(),
        array("d", [value for _, value in rows]).tobytes(),
    ]
    value = encode(run, rank, [Frame([metric], len(rows), planes)])
    assert not ingest.store([Message(METRICS, 0, seqs[0], None, value)])


def tell(ingest: Ingest, run: str, kind: Any, data: dict[str, Any]) -> None:
    """Store one event."""
    seq = next(_numbers)
    event = Event(kind, run, 0, seq, 1_700_000_000_000_000 + seq, data)
    assert not ingest.store([Message(EVENTS, 0, seq, None, event.encode())])


def bits(value: float) -> bytes:
    return b"nan" if math.isnan(value) else struct.pack("<d", value)


def summed(points: Points, k: int) -> float:
    """The sum of finite values as it is defined: buckets of 64 steps, of these those of 1024, …, up to 2^k steps."""
    sums, below = dict(sorted(points.items())), 0
    for upper in (*(stored for stored in LEVELS if stored <= k), k):
        groups: dict[int, list[float]] = {}
        for position, value in sums.items():
            groups.setdefault(position >> (upper - below), []).append(value)
        sums, below = {bucket: _added(group) for bucket, group in groups.items()}, upper
    [total] = sums.values()
    return total


def _added(values: list[float]) -> float:
    total = values[0]
    for value in values[1:]:
        total += value
    return total


def brute(points: Points, lo: int, hi: int, k: int) -> dict[str, list[bytes]]:
    """Columns of 2^k steps, computed point by point."""
    groups: dict[int, dict[int, float]] = {}
    for step in sorted(points):
        if lo <= step < hi:
            groups.setdefault(step >> k, {})[step] = points[step]
    planes: dict[str, list[bytes]] = {name: [] for name in queries.PLANES}
    for column, group in groups.items():
        finite = {step: value for step, value in group.items() if math.isfinite(value)}
        for name, value in about(column, group, summed(finite, k) if finite else math.nan).items():
            planes[name].append(bits(value))
    return planes


def about(column: int, group: Points, total: float) -> dict[str, float]:
    """What is known of one column, of which the sum is given."""
    finite = {step: value for step, value in group.items() if math.isfinite(value)}
    row = dict.fromkeys(queries.PLANES, math.nan) | {
        "column": column,
        "count": len(group),
        "nan": sum(map(math.isnan, group.values())),
        "pos_inf": sum(value == math.inf for value in group.values()),
        "neg_inf": sum(value == -math.inf for value in group.values()),
    }
    if finite:
        first, last = min(finite), max(finite)
        least = min(finite, key=lambda step: (finite[step], step))
        most = min(finite, key=lambda step: (-finite[step], step))
        for name, step in (("first", first), ("last", last), ("min", least), ("max", most)):
            row |= {name: finite[step], f"{name}_step": step}
        row["sum"] = total
    return {name: float(value) for name, value in row.items()}


def assert_exact(client: Client, run: str, points: Points, view: tuple[int | None, int | None], columns: int) -> None:
    lo, hi = view
    [found] = queries.series(client, [(run, "loss", 0)], lo, hi, columns)
    start, end = min(points) if lo is None else lo, max(points) + 1 if hi is None else hi
    inside = any(start <= step < end for step in points)
    assert len(found) or not inside
    if inside:
        k = found.level
        assert ((end - 1) >> k) - (start >> k) < max(columns, 2), "more columns than asked for"
        narrower = ((end - 1) >> (k - 1)) - (start >> (k - 1)) if k else columns
        assert narrower >= columns, "columns wider than need be"
        told = {name: list(map(bits, plane.tolist())) for name, plane in found.planes.items()}
        assert told == brute(points, start, end, k)
    assert found.last_step == max(points)
    odd = [step for step, value in points.items() if start <= step < end and not math.isfinite(value)]
    kinds = {"nan": math.isnan, "+inf": (math.inf).__eq__, "-inf": (-math.inf).__eq__}
    if odd:
        assert found.first_nonfinite is not None
        assert found.first_nonfinite.step == min(odd)
        assert kinds[found.first_nonfinite.kind](points[min(odd)])
    else:
        assert found.first_nonfinite is None


_values = st.one_of(
    st.sampled_from([0.0, -0.0, 1.0, -1.0, math.nan, math.inf, -math.inf, 5e-324, 1.7e308]),
    st.floats(allow_nan=True, allow_infinity=True),
)
# Stretches of steps, dense or with gaps, near zero or far off, on either side of it.
_stretches = st.builds(
    lambda start, count, stride: [start + stride * i for i in range(count)],
    st.one_of(st.integers(-500, 500), st.integers(-(2**21), 2**21), st.integers(-(2**45), 2**45)),
    st.integers(1, 200),
    st.sampled_from([1, 1, 3, 64, 1000, 20_000]),
)
_batches = st.lists(
    _stretches.flatmap(
        lambda steps: st.lists(_values, min_size=3, max_size=7).map(
            lambda values: [(step, values[i % len(values)]) for i, step in enumerate(steps)]
        )
    ),
    min_size=1,
    max_size=5,
)


@settings(max_examples=25, deadline=None, phases=[Phase.explicit, Phase.reuse, Phase.generate])
@given(batches=_batches, data=st.data())
def test_columns_equal_brute_force_at_any_zoom(
    client: Client, ingest: Ingest, batches: list[list[tuple[int, float]]], data: st.DataObject
) -> None:
    """A column is, to the bit, what its points say: over gaps, late and replaced rows, NaN, infinities and -0.0."""
    run, points = new_run(), {}
    for batch in batches:
        store(ingest, run, batch)
        points |= dict(batch)
    assert_exact(client, run, points, (None, None), data.draw(st.sampled_from([1, 7, 100, 4096])))
    steps = sorted(points)
    for _ in range(4):
        edges = st.one_of(st.none(), st.sampled_from(steps), st.integers(steps[0] - 100, steps[-1] + 100))
        view = data.draw(edges), data.draw(edges)
        assert_exact(client, run, points, view, data.draw(st.integers(1, 4096)))


def test_a_long_series_is_exact_at_every_level(client: Client, ingest: Ingest) -> None:
    """Views of every width, cut anywhere, over a dense series long enough for all stored levels but the last."""
    run = new_run()
    points = {step: math.sin(step / 50) + (step % 7) * 0.1 for step in range(-3000, 40_000)}
    points |= {12_345: math.nan, 20_000: math.inf, 20_001: -math.inf}
    rows = list(points.items())
    for start in range(0, len(rows), 10_000):
        store(ingest, run, rows[start : start + 10_000])
    for lo, hi in ((None, None), (-3000, 40_000), (-2999, 39_998), (1, 1 << 15), (63, 65), (8191, 24_577), (500, None)):
        for columns in (1, 3, 30, 500, 4096):
            assert_exact(client, run, points, (lo, hi), columns)


def test_the_ends_of_int64_are_steps_like_others(client: Client, ingest: Ingest) -> None:
    """Views and points at the first and last possible step neither overflow nor fail."""
    run = new_run()
    store(ingest, run, [(STEP_MIN, 1.0), (0, 2.0), (STEP_MAX, 3.0)])
    [whole] = queries.series(client, [(run, "loss", 0)], columns=2)
    assert whole.level == 63
    assert whole.planes["sum"].tolist() == [1.0, 5.0]
    [left] = queries.series(client, [(run, "loss", 0)], STEP_MIN, STEP_MIN + 10)
    assert left.planes["first"].tolist() == [1.0]
    [right] = queries.series(client, [(run, "loss", 0)], STEP_MAX - 10, STEP_MAX + 1)
    assert right.planes["first"].tolist() == [3.0]


def test_many_series_are_answered_each_by_its_own(client: Client, ingest: Ingest) -> None:
    """More series than one query names, unknown and repeated ones among them, come back in the order asked for."""
    run = new_run()
    names = [(run, f"metric {i} of '{{}}' \\ \"%s\" ;--", i % 3) for i in range(70)]
    for i, (_, metric, rank) in enumerate(names):
        store(ingest, run, [(step, float(i)) for step in range(i + 1)], metric, rank)
    asked = [*names, (run, "nothing", 0), names[5], ("no-run", "loss", 9)]
    found = queries.series(client, asked)
    assert [(one.run, one.metric, one.rank) for one in found] == asked
    assert [one.points for one in found] == [*range(1, 71), 0, 6, 0]
    assert [set(one.planes["max"]) for one in found[:70]] == [{float(i)} for i in range(70)]
    assert found[70].last_step is None


@settings(max_examples=15, deadline=None, phases=[Phase.explicit, Phase.reuse, Phase.generate])
@given(batches=_batches, data=st.data())
def test_columns_of_time_equal_brute_force_at_any_zoom(
    client: Client, ingest: Ingest, batches: list[list[tuple[int, float]]], data: st.DataObject
) -> None:
    """A column holds the points of the steps logged in it, in whatever order steps were logged, and however often."""
    run, points, times = new_run(), {}, {}
    random = data.draw(st.randoms(use_true_random=False))
    now = 0
    for batch in batches:
        pace = random.choice([0, 1, 1000, 2**33])
        after = [now + pace * place + random.randrange(0, 2 * pace + 1) for place in range(len(batch))]
        now = max(after)
        store(ingest, run, batch, times=after)
        points |= dict(batch)
        times |= {step: its for (step, _), its in zip(batch, after, strict=True)}
    moments = sorted(times.values())
    for _ in range(4):
        edges = st.one_of(st.none(), st.sampled_from(moments), st.integers(-10, moments[-1] + 10))
        lo, hi = (None if edge is None else edge + START for edge in (data.draw(edges), data.draw(edges)))
        columns = data.draw(st.integers(1, 500))
        [found] = queries.timeline(client, [(run, "loss", 0)], lo=lo, hi=hi, columns=columns)
        start, end = moments[0] + START if lo is None else lo, moments[-1] + START + 1 if hi is None else hi
        if len(found):
            assert ((end - 1) >> found.level) - (start >> found.level) < columns, "more columns than asked for"
        groups: dict[int, Points] = {}
        for step in sorted(points):
            if start <= times[step] + START < end:
                groups.setdefault((times[step] + START) >> found.level, {})[step] = points[step]
        wanted: dict[str, list[bytes]] = {name: [] for name in queries.PLANES}
        for column in sorted(groups):
            finite = {step: value for step, value in groups[column].items() if math.isfinite(value)}
            # A column of time adds the sums of the widest buckets, those below step 0 and those above.
            sides = [{step: v for step, v in finite.items() if (step < 0) == below} for below in (True, False)]
            total = _added([summed(side, 63) for side in sides if side]) if finite else math.nan
            for name, value in about(column, groups[column], total).items():
                wanted[name].append(bits(value))
        assert {name: list(map(bits, plane.tolist())) for name, plane in found.planes.items()} == wanted
        odd = [step for group in groups.values() for step, value in group.items() if not math.isfinite(value)]
        assert (found.first_nonfinite and found.first_nonfinite.step) == min(odd, default=None)


def test_a_curve_over_another_metric_has_both_in_the_same_columns(client: Client, ingest: Ingest) -> None:
    """Loss over epochs: each column of steps says which epochs it spans; ranks go with their own."""
    run = new_run()
    for rank in (0, 1):
        store(ingest, run, [(step, 1 / (step + 1 + rank)) for step in range(4992)], "loss", rank)
        store(ingest, run, [(step, float(step // 100 + rank)) for step in range(0, 4992, 10)], "epoch", rank)
    names = [(run, "loss", 1), (run, "loss", 0), (run, "loss", 7)]
    pairs = queries.against(client, names, "epoch", columns=100)
    assert [(y.metric, x.metric, y.rank, x.rank) for y, x in pairs] == [
        ("loss", "epoch", 1, 1), ("loss", "epoch", 0, 0), ("loss", "epoch", 7, 7)]  # fmt: skip
    for rank, (y, x) in zip((1, 0), pairs, strict=False):
        assert x.level == y.level == 6
        assert x.planes["column"].tolist() == y.planes["column"].tolist()
        for column, first, last in zip(*(x.planes[name].tolist() for name in ("column", "first", "last")), strict=True):
            steps = [step for step in range(0, 4992, 10) if step >> 6 == column]
            assert (first, last) == (steps[0] // 100 + rank, steps[-1] // 100 + rank)
    assert len(pairs[2][0]) == len(pairs[2][1]) == 0
    [(y, x)] = queries.against(client, [(run, "loss", 0)], "epoch", lo=20, hi=41)
    assert (x.level, x.planes["column"].tolist(), x.planes["first"].tolist()) == (0, [20, 30, 40], [0.0, 0.0, 0.0])


def test_ranks_pooled_equal_brute_force(client: Client, ingest: Ingest) -> None:
    """Least and greatest of all ranks with whose they are, the mean of means, counts: as computed point by point."""
    run = new_run()
    values = {
        rank: {step: math.sin(step * (rank + 1)) for step in range(rank * 100, 3000, 1 + rank % 2)} for rank in range(5)
    }
    values[3][1234] = math.nan
    values[4] = {7: math.inf}
    for rank, points in values.items():
        store(ingest, run, points.items(), rank=rank)
    for lo, hi, columns in ((None, None, 50), (700, 900, 500), (0, 3, 4)):
        found = queries.pool(client, run, "loss", lo=lo, hi=hi, columns=columns)
        assert len(found)
        for place, column in enumerate(found.column.tolist()):
            own = {
                rank: [
                    value
                    for step, value in points.items()
                    if step >> found.level == column and (lo or 0) <= step < (hi or 3000)
                ]
                for rank, points in values.items()
            }
            finite = {rank: [value for value in group if math.isfinite(value)] for rank, group in own.items()}
            flat = [(value, rank) for rank, group in finite.items() for value in group]
            assert found.present[place] == sum(map(bool, own.values()))
            assert found.count[place] == sum(map(len, own.values()))
            assert found.nonfinite[place] == found.count[place] - len(flat)
            if flat:
                least, most = min(flat), max(flat, key=lambda pair: (pair[0], -pair[1]))
                assert (found.min[place], found.min_rank[place]) == least
                assert (found.max[place], found.max_rank[place]) == most
                means = [sum(group) / len(group) for group in finite.values() if group]
                assert found.mean[place] == pytest.approx(sum(means) / len(means))
            else:
                assert (found.min_rank[place], found.max_rank[place]) == (-1, -1)
                assert math.isnan(found.mean[place])
    nobody = queries.pool(client, run, "nothing")
    assert (len(nobody), nobody.ranks.tolist()) == (0, [])


def test_a_matrix_of_ranks_names_those_that_differ(client: Client, ingest: Ingest) -> None:
    """A straggler, one that diverges later, one with NaN, one that is behind; and none of the healthy ones."""
    run, steps = new_run(), 2000
    healthy = {rank: [1 + 0.01 * math.sin(step * 7 + rank) for step in range(steps)] for rank in range(30)}
    for rank, points in healthy.items():
        rows = list(points)
        if rank == 3:
            rows = [value * 1.5 for value in rows]
        elif rank == 8:
            rows[1500:] = [value + 1 for value in rows[1500:]]
        elif rank == 11:
            rows[640] = math.nan
        elif rank == 20:
            rows = rows[:1000]
        store(ingest, run, enumerate(rows), "step_seconds", rank)
    found = queries.matrix(client, run, "step_seconds", columns=40)
    assert (found.level, found.start, found.mean.shape) == (6, 0, (30, 32))
    assert found.ranks.tolist() == list(range(30))
    assert found.mean[5][3] == pytest.approx(sum(healthy[5][192:256]) / 64)
    assert found.nonfinite.sum() == found.nonfinite[11][10] == 1
    assert {(one.rank, one.why, one.step) for one in found.outliers} == {
        (11, "nonfinite", 640), (20, "behind", 999), (3, "high", 0), (8, "diverged", 1472)}  # fmt: skip
    assert found.outliers[0].why == "nonfinite"
    assert queries.matrix(client, run, "nothing").outliers == []


@given(st.integers(-(2**40), 2**40), st.integers(1, 2**40), st.integers(-(2**40), 2**41), st.integers(1, 4096))
def test_a_cover_holds_each_step_of_the_view_once(lo: int, width: int, newest: int, columns: int) -> None:
    """Parts lie end to end from lo to hi, are buckets that are stored, and are few however long the run is."""
    hi = lo + width
    k = level(lo, hi, columns)
    at, rows = lo, 0
    for part in cover(lo, hi, k, newest):
        assert part.start << part.level == at
        assert part.level <= k
        at = (part.end + 1) << part.level
        assert not part.level or at <= newest
        rows += part.end - part.start + 1 if part.level else 0
    assert at == hi
    if k < 22:
        assert rows <= 8 * max(columns, 2) + 2 * 3 * 16


def test_metrics_tell_of_all_ranks_and_steps(client: Client, ingest: Ingest) -> None:
    """Counts, ends and the first non-finite step are those of the points, whichever rollups they come from."""
    run = new_run()
    store(ingest, run, [(step, math.nan if step in {5000, 6000} else 1.0) for step in range(-100, 20_000)], "loss", 0)
    store(ingest, run, [(step, -math.inf if step == 70 else 2.0) for step in range(50, 100)], "loss", 3)
    store(ingest, run, [(7, 0.5)], "lr", 0)
    tell(ingest, run, "metric", {"lr": {"hidden": True}, "later": {"summary": "min"}})
    assert queries.metrics(client, run) == [
        {
            "metric": "loss", "axis": "step", "ranks": [0, 3], "points": 20_150, "first_step": -100,
            "last_step": 19_999, "last": 1.0, "min": 1.0, "max": 2.0, "nonfinite": 3, "first_nonfinite_step": 70,
            "definition": {},
        },
        {
            "metric": "lr", "axis": "step", "ranks": [0], "points": 1, "first_step": 7, "last_step": 7, "last": 0.5,
            "min": 0.5, "max": 0.5, "nonfinite": 0, "first_nonfinite_step": None, "definition": {"hidden": True},
        },
    ]  # fmt: skip
    assert queries.metrics(client, "no-run") == []


def test_runs_are_found_by_id_prefix_and_name(client: Client, ingest: Ingest) -> None:
    """A run answers to its id, to a prefix that it alone has, and to its name; an id goes before a prefix."""
    for run, name in (("apple", "first"), ("apple-2", "second"), ("pear", "twin"), ("plum", "twin")):
        tell(ingest, run, "start", {"project": "fruit", "name": name, "config": {"lr": 0.1, "deep": {"er": [1, "x"]}}})
    store(ingest, "pear", [(3, math.nan)])
    tell(ingest, "plum", "finish", {"exit_code": 0})
    fruit = queries.runs(client, parse("project = fruit"), limit=2)
    assert ([run["id"] for run in fruit.runs], fruit.total) == (["plum", "pear"], 4)
    assert queries.run(client, "apple")["name"] == "first"
    assert queries.run(client, "second")["id"] == "apple-2"
    pear = queries.run(client, "pe")
    assert (pear["id"], pear["last_step"], pear["summary"]["loss"], pear["state"]) == ("pear", 3, "NaN", "running")
    assert pear["config"]["lr"] == 0.1
    with pytest.raises(queries.AmbiguousRunError, match="2 runs are called 'twin'"):
        queries.run(client, "twin")
    with pytest.raises(queries.NoSuchRunError, match="no run 'kiwi'"):
        queries.run(client, "kiwi")


@pytest.mark.parametrize(
    ("sql", "why"),
    [
        ("INSERT INTO stored_points SELECT * FROM stored_points", "only read"),
        ("DROP TABLE stored_points", "only read"),
        ("SET max_threads = 1", "only read"),
        ("ALTER TABLE stored_points DELETE WHERE 1", "only read"),
        ("CREATE TABLE t (x Int8) ENGINE = Memory", "only read"),
        ("SYSTEM FLUSH LOGS", "only read"),
        ("SELECT 1 SETTINGS max_execution_time = 0", "only read"),
        ("SELECT * FROM file('/etc/passwd', 'LineAsString')", "only read"),
        ("SELECT file('/etc/passwd')", "only read"),
        ("SELECT * FROM url('http://127.0.0.1/', 'LineAsString')", "only read"),
        ("SELECT 1 INTO OUTFILE '/tmp/x'", "only read"),
        ("SELECT 1; SELECT 2", "more than one statement"),
        ("SELECT 1; DROP TABLE stored_points", "more than one statement"),
        ("SELEC 1", "no valid SQL"),
        ("SELECT 1 FORMAT JSON", "no valid SQL"),
        ("SELECT * FROM nowhere", "nowhere"),
        ("SELECT number FROM numbers(51)", "larger than 50 rows"),
        ("SELECT groupArray(number) FROM numbers(1000000)", "larger than 50 rows or 1 MiB"),
        ("SELECT count() FROM numbers(100000000000) WHERE sipHash64(number) = 1", "stopped after 1 s"),
        (" ; ", "no statement"),
    ],
)
def test_sql_may_only_read_and_only_so_much(client: Client, sql: str, why: str) -> None:
    """The engine refuses whatever writes, reaches outside, or is too large, and the error says what to do."""
    with pytest.raises(queries.SqlError, match=why) as refused:
        queries.read_only_sql(client, sql, queries.Limits(seconds=1, rows=50, result_bytes=1 << 20))
    assert refused.value.hint
    assert client.command("EXISTS stored_points") == 1


def test_sql_reads_the_views_unqualified(client: Client, ingest: Ingest) -> None:
    """Points come back by a plain SELECT, NaN as NaN."""
    run = new_run()
    store(ingest, run, [(1, 0.5), (2, math.nan)])
    store(ingest, run, [(1, 0.75)])
    table = queries.read_only_sql(
        client,
        f"SELECT step, value FROM points WHERE run = '{run}' ORDER BY step -- why not",
        queries.Limits(),
    )
    assert table.columns == [("step", "Int64"), ("value", "Float64")]
    assert table.rows[0] == (1, 0.75)
    assert math.isnan(table.rows[1][1])


def test_what_a_run_says_that_is_long_is_kept_apart(client: Client, ingest: Ingest) -> None:
    """Packages and changes of the code are texts, which a list of runs does not read; the commit is the run's."""
    run = new_run()
    said = {"git": {"commit": "5f0c1a", "changed": True}, "git_diff": "+x\n", "packages": ["a==1", "b==2"], "cpus": 2}
    tell(ingest, run, "about", said)
    tell(ingest, run, "about", {"packages": ["a==2"]})
    sql = "SELECT key, value FROM runwire.texts WHERE run = {run:String} ORDER BY key"
    texts = [(key, loads(value)) for key, value in client.query(sql, {"run": run}).result_rows]
    assert texts == [("git_diff", "+x\n"), ("packages", ["a==2"])]
    sql = "SELECT key FROM runwire.stored_facts FINAL WHERE run = {run:String} ORDER BY key"
    assert client.query(sql, {"run": run}).result_rows == [("cpus",), ("git",)]
    assert queries.run(client, run)["commit"] == "5f0c1a"
