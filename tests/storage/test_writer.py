from __future__ import annotations

import math
import struct
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from runwire.errors import ConfigError, UnavailableError
from runwire_server.local import ports
from runwire_storage.client import connect
from runwire_storage.cover import Part
from runwire_storage.errors import StorageError
from runwire_storage.migrations import migrate
from runwire_storage.reader import Reader
from runwire_storage.rows import BUCKET, POINT, TOTAL, Rows, Series
from runwire_storage.schema import LEVELS, POINTS_MIN
from runwire_storage.session import Session
from runwire_storage.values import SHIFT, encode
from runwire_storage.writer import Fact, Writer

_ODD_NAMES = ["lo'ss", "a\\", "%(keys)s", "{a:Int32}", "ü☃", '"`', "?", "x" * 512]


class Raise:
    """An outage that nobody waits for."""

    def wait(self, error: UnavailableError) -> None:
        raise error

    def over(self) -> None:
        pass


@pytest.fixture
def session(clickhouse: str) -> Session:
    session = Session(clickhouse, Raise())
    session.run(migrate)
    return session


@pytest.fixture
def run(request: pytest.FixtureRequest) -> str:
    return str(request.node.name[:60].replace("[", "-").rstrip("]"))


def ask(session: Session, sql: str, **parameters: Any) -> list[Any]:
    return list(session.run(lambda client: client.query(sql, parameters)).result_rows)


def points(series: list[int], step: list[int], value: list[float], seq: list[int]) -> Rows:
    rows = np.zeros(len(series), POINT)
    rows["series"], rows["position"], rows["value"], rows["seq"] = series, step, value, seq
    return np.sort(rows, order=["series", "position"])


def test_points_are_stored_to_the_bit(session: Session, run: str) -> None:
    """Every float keeps its bits, NaN's payload and zero's sign too, under any name; steps and seq keep their range."""
    patterns = [0x7FF8000000000123, 0xFFF0000000000000, 0x8000000000000000, 1, 0x7FEFFFFFFFFFFFFF, 0x7FF8000000000000]
    decimals = [0.0, 0.1, -2.5, 1e-6, 123456.789012, 1 / 3, 2.0**53, 2.0**53 + 2, -(2.0**60), 1e22, 1700000000.123456]
    patterns += [int.from_bytes(struct.pack("<d", value), "little") for value in decimals]
    values = [struct.unpack("<d", pattern.to_bytes(8, "little"))[0] for pattern in patterns]
    steps = [-(2**63), 2**63 - 1, 0, -1, 7, 2**53 + 1, *range(10, 10 + len(decimals))]
    names: list[Series] = [(run, name, 2**32 - 1) for name in _ODD_NAMES]
    series = [place for place in range(len(names)) for _ in values]
    seq = [2**64 - 1 - place for place in range(len(series))]
    Writer(session).points(names, points(series, steps * len(names), values * len(names), seq))
    sql = (
        "SELECT metric, rank, step, reinterpretAsUInt64(value), seq FROM runwire.stored_points WHERE run = {run:String}"
    )
    rows = zip(series, steps * len(names), patterns * len(names), seq, strict=True)
    assert sorted(ask(session, sql, run=run)) == sorted((names[s][1], 2**32 - 1, *rest) for s, *rest in rows)


@given(
    st.lists(
        st.lists(
            st.one_of(
                st.floats(),
                st.builds(lambda n, d: n / 10.0**d, st.integers(-(10**9), 10**9), st.integers(0, 8)),
                st.floats(width=32),
            ),
            min_size=1,
            max_size=9,
        ),
        max_size=4,
    )
)
def test_a_value_is_a_decimal_or_its_bits(series: list[list[float]]) -> None:
    """A number / 10^decimals is the very float, and decimals are used wherever six of them are enough."""
    values = np.array([value for one in series for value in one], np.float64)
    starts = np.cumsum([0, *map(len, series)][:-1])[: len(series)]
    number, decimals = encode(values, starts)
    back = np.where(decimals < 0, (number - SHIFT).view(np.float64), number / 10.0 ** np.maximum(decimals, 0))
    assert back.tobytes() == values.tobytes()
    for value, digits in zip(values.tolist(), decimals.tolist(), strict=True):
        if digits < 0:
            text = repr(value)
            assert (
                "e" in text or "n" in text or len(text.partition(".")[2]) > 6 or value == 0 or abs(value) > 2**53 / 1e6
            )


@pytest.mark.parametrize("count", [1, 255, 256, 65_535, 65_536])
def test_any_number_of_series_fits_a_block(session: Session, run: str, count: int) -> None:
    """A block's dictionary of names has codes of one, two or four bytes: none is cut off at its edge."""
    names: list[Series] = [(run, f"m{place}", 0) for place in range(count)]
    steps = list(range(count))
    Writer(session).points(names, points(steps, steps, [float(step) for step in steps], [1] * count))
    sql = "SELECT count(), countIf(metric = concat('m', toString(step))) FROM runwire.points WHERE run = {run:String}"
    assert ask(session, sql, run=run) == [(count, count)]


def test_writing_again_changes_nothing(session: Session, run: str) -> None:
    """The same points, twice, are the same points once; of two with one identity the higher seq holds."""
    names: list[Series] = [(run, "m", 0)]
    for value, seq in ((1.0, 1), (3.0, 3), (2.0, 2), (3.0, 3)):
        Writer(session).points(names, points([0], [5], [value], [seq]))
    assert ask(session, "SELECT step, value FROM runwire.points WHERE run = {run:String}", run=run) == [(5, 3.0)]


@pytest.mark.parametrize("merged", [False, True])
def test_of_two_states_of_a_bucket_the_more_complete_one_stays(session: Session, run: str, *, merged: bool) -> None:
    """Whatever the order in which they are written: one that knows a point more has a higher version."""
    writer, names = Writer(session), [(run, "m", 0)]
    empty = np.zeros(0, BUCKET)
    for total, low in ((1.0, 7), (3.0, 9), (2.0, 8)):
        row = np.zeros(1, BUCKET)
        row["count"], row["version_high"], row["version_low"], row["sum"] = POINTS_MIN, 2**40, low, total
        writer.buckets(names, [row, *[empty] * (len(LEVELS) - 1)])
    if merged:
        session.run(lambda client: client.command("OPTIMIZE TABLE runwire.stored_rollups FINAL"))
    sql = "SELECT sum, version FROM runwire.stored_rollups FINAL WHERE run = {run:String}"
    assert ask(session, sql, run=run) == [(3.0, (2**40 << 32) + 9)]


def test_buckets_say_null_where_nothing_is_known(session: Session, run: str) -> None:
    """A bucket of NaN alone has no extremes, one of finite values alone no first non-finite step; a thin one no row."""
    rows = np.zeros(3, BUCKET)
    rows["position"], rows["count"], rows["nan"] = [0, 1, 2], [99, 99, POINTS_MIN - 1], [99, 0, 0]
    rows["first_nonfinite_step"], rows["last"], rows["last_step"] = [2, 0, 0], -0.0, 66
    empty = np.zeros(0, BUCKET)
    Writer(session).buckets([(run, "m", 0)], [empty, rows, *[empty] * (len(LEVELS) - 2)])
    sql = """SELECT level, bucket, count, `nan`, first_nonfinite_step, last, last_step, sum
        FROM runwire.stored_rollups WHERE run = {run:String} ORDER BY bucket"""
    assert ask(session, sql, run=run) == [
        (LEVELS[1], 0, 99, 99, 2, None, None, None),
        (LEVELS[1], 1, 99, 0, None, 0.0, 66, 0.0),
    ]


def test_buckets_are_read_back_as_they_were_written(session: Session, run: str) -> None:
    """Of each series those of the asked parts and no other, below zero too, in whatever way they are found."""
    names: list[Series] = [(run, name, rank) for name in _ODD_NAMES[:4] for rank in (0, 1)]
    rows = np.zeros(len(names) * 96, BUCKET)
    rows["series"] = np.repeat(np.arange(len(names)), 96)
    rows["position"] = np.tile(np.arange(-48, 48), len(names))
    rows["count"], rows["version_high"] = 99, 2**63 - 1 + np.arange(len(rows), dtype=np.uint64)
    for place, name in enumerate(("first", "last", "min", "max", "sum")):
        rows[name] = np.arange(len(rows)) / 3 - place
    empty = np.zeros(0, BUCKET)
    Writer(session).buckets(names, [empty, rows, rows[:7], *[empty] * (len(LEVELS) - 3)])
    reader = Reader(session.ask)
    for asked in (
        {1: [(-48, -40), (-16, -1)], 6: [(-48, -40), (-16, -1)]},
        {1: [(0, 15)], 6: [(3, 40)]},
        {0: [(-5, 5)], 7: [(-17, 3), (20, 20)], 2: [(40, 2**40)]},
        {3: [(-(2**50), 2**50)]},
    ):
        parts = {place: [Part(LEVELS[1], start, end) for start, end in ranges] for place, ranges in asked.items()}
        got = reader.buckets(names, parts)[LEVELS[1]]
        wanted = [
            row
            for row in rows
            if any(start <= row["position"] <= end for start, end in asked.get(int(row["series"]), ()))
        ]
        assert got.tobytes() == np.array(wanted, BUCKET).tobytes()


def test_points_are_read_back_by_step(session: Session, run: str) -> None:
    """Those of the asked steps and no other, below zero too; of a step that was written twice the later."""
    names: list[Series] = [(run, "m", 0), (run, "n", 3)]
    steps = list(range(-300, 300))
    Writer(session).points(names, points([0] * 600, steps, [0.0] * 600, [1] * 600))
    Writer(session).points(
        names, points([0] * 600 + [1] * 600, steps * 2, [step / 7 for step in steps] * 2, list(range(2, 1202)))
    )
    for asked in ({1: [(-257, -3)]}, {0: [(-300, -290), (5, 5)], 1: [(0, 299)]}, {0: [(-1, 1)], 1: [(-64, 63)]}):
        parts = {place: [Part(0, start, end) for start, end in ranges] for place, ranges in asked.items()}
        got = Reader(session.ask).points(names, parts)
        wanted = [
            (place, step) for place, ranges in asked.items() for step in steps if any(a <= step <= b for a, b in ranges)
        ]
        assert got[["series", "position"]].tolist() == wanted
        assert got["value"].tolist() == [step / 7 for _, step in wanted]


def test_totals_are_read_back_for_thousands_of_series(session: Session, run: str) -> None:
    """More series than one query names: each that has a total gets its own, the later, whatever its name."""
    names: list[Series] = [(run, f"{_ODD_NAMES[place % 7]}{place}", place) for place in range(6000)]
    totals = np.zeros(3000, TOTAL)
    totals["series"] = np.arange(0, 6000, 2)
    totals["last_step"], totals["last"], totals["version_low"] = -totals["series"], math.nan, 1
    writer = Writer(session)
    writer.totals(names, totals)
    totals["count"], totals["version_low"] = 1, 2
    writer.totals(names, totals)
    assert Reader(session.ask).totals(names).tobytes() == totals.tobytes()


def test_facts_are_stored(session: Session, run: str) -> None:
    """Keys and values are any text; the latest of a key holds."""
    facts = [Fact(run, 1, "config", key, '"ü\'\\\\"', 10**15, 2**63) for key in _ODD_NAMES]
    Writer(session).facts([*facts, Fact(run, 1, "config", "?", "1", 10**15, 5)])
    sql = "SELECT key, value, seq FROM runwire.stored_facts FINAL WHERE run = {run:String}"
    assert sorted(ask(session, sql, run=run)) == sorted((key, '"ü\'\\\\"', 2**63) for key in _ODD_NAMES)


def test_a_store_that_is_not_there_is_unavailable() -> None:
    """Nobody listens: the caller may try again, and learns where nobody was."""
    url = f"http://secret:word@127.0.0.1:{ports.free()}"
    with pytest.raises(UnavailableError, match=r"ClickHouse at http://127\.0\.0\.1:\d+ does not answer") as caught:
        connect(url)
    assert "word" not in str(caught.value)


@pytest.mark.parametrize("url", ["localhost:8123", "ftp://x", "http://", "http://h:port"])
def test_what_is_no_url_is_a_config_error(url: str) -> None:
    """A setting that cannot be an address is said to be none, before anything is tried."""
    with pytest.raises(ConfigError, match="is no address of a ClickHouse: expected http://host:port"):
        connect(url)


def test_what_the_store_refuses_is_an_error_with_its_code(session: Session) -> None:
    """A table that is not there: asking again would not help, so nobody waits."""
    with pytest.raises(StorageError, match="UNKNOWN_TABLE") as caught:
        ask(session, "SELECT * FROM runwire.nothing")
    assert caught.value.code == 60
