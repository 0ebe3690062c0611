from __future__ import annotations

import math
import struct
from typing import Any

import numpy as np
import pytest

from runwire.errors import ConfigError, UnavailableError
from runwire_server.local import ports
from runwire_storage.client import connect
from runwire_storage.errors import StorageError
from runwire_storage.migrations import migrate
from runwire_storage.recall import Recall
from runwire_storage.rows import BUCKET, TAIL, Points, Series
from runwire_storage.schema import LEVELS
from runwire_storage.session import Session
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


def points(series: list[int], step: list[int], value: list[float], seq: list[int]) -> Points:
    return Points(
        np.array(series, np.int64),
        np.array(step, np.int64),
        np.array(step, np.int64) // 2,
        np.array(value, np.float64),
        np.array(seq, np.uint64),
    )


def test_points_are_stored_to_the_bit(session: Session, run: str) -> None:
    """Every float keeps its bits, NaN's payload and zero's sign too, under any name; steps and seq keep their range."""
    patterns = [0x7FF8000000000123, 0xFFF0000000000000, 0x8000000000000000, 1, 0x7FEFFFFFFFFFFFFF, 0x7FF8000000000000]
    values = [struct.unpack("<d", pattern.to_bytes(8, "little"))[0] for pattern in patterns]
    steps = [-(2**63), 2**63 - 1, 0, -1, 7, 2**53 + 1]
    names: list[Series] = [(run, name, 2**32 - 1) for name in _ODD_NAMES]
    series = [place for place in range(len(names)) for _ in values]
    seq = [2**64 - 1 - place for place in range(len(series))]
    Writer(session).points(names, points(series, steps * len(names), values * len(names), seq))
    sql = (
        "SELECT metric, rank, step, reinterpretAsUInt64(value), seq FROM runwire.stored_points WHERE run = {run:String}"
    )
    rows = zip(series, steps * len(names), patterns * len(names), seq, strict=True)
    assert sorted(ask(session, sql, run=run)) == sorted((names[s][1], 2**32 - 1, *rest) for s, *rest in rows)


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
def test_of_buckets_with_one_seq_the_last_written_holds(session: Session, run: str, *, merged: bool) -> None:
    """A late row may have a lower seq than its bucket: the bucket computed anew must win all the same."""
    writer, names = Writer(session), [(run, "m", 0)]
    empty = np.zeros(0, BUCKET)
    for total in (1.0, 3.0, 2.0):
        row = np.zeros(1, BUCKET)
        row["count"], row["seq"], row["sum"] = 1, 9, total
        writer.buckets(names, [row, empty, empty, empty])
    if merged:
        session.run(lambda client: client.command("OPTIMIZE TABLE runwire.stored_rollups FINAL"))
    sql = "SELECT sum FROM runwire.stored_rollups FINAL WHERE run = {run:String}"
    assert ask(session, sql, run=run) == [(2.0,)]


def test_buckets_say_null_where_nothing_is_known(session: Session, run: str) -> None:
    """A bucket of NaN alone has no extremes, one of finite values alone no first non-finite step."""
    rows = np.zeros(2, BUCKET)
    rows["position"], rows["count"], rows["nan"], rows["first_nonfinite_step"] = [0, 1], 3, [3, 0], [2, 0]
    rows["last"], rows["last_step"] = -0.0, 66
    empty = np.zeros(0, BUCKET)
    Writer(session).buckets([(run, "m", 0)], [empty, rows, empty, empty])
    sql = """SELECT level, bucket, count, `nan`, first_nonfinite_step, last, last_step, sum
        FROM runwire.stored_rollups WHERE run = {run:String} ORDER BY bucket"""
    assert ask(session, sql, run=run) == [(10, 0, 3, 3, 2, None, None, None), (10, 1, 3, 0, None, 0.0, 66, 0.0)]


def test_buckets_are_read_back_as_they_were_written(session: Session, run: str) -> None:
    """For each level, of each series, those of the asked parents and no other, below zero too."""
    names: list[Series] = [(run, name, rank) for name in _ODD_NAMES[:4] for rank in (0, 1)]
    rows = np.zeros(len(names) * 96, BUCKET)
    rows["series"] = np.repeat(np.arange(len(names)), 96)
    rows["position"] = np.tile(np.arange(-48, 48), len(names))
    rows["count"], rows["seq"] = 1, 2**63 + np.arange(len(rows), dtype=np.uint64)
    for place, name in enumerate(("first", "last", "min", "max", "sum")):
        rows[name] = np.arange(len(rows)) / 3 - place
    empty = np.zeros(0, BUCKET)
    Writer(session).buckets(names, [empty, rows, rows[:7], empty])
    for asked in ([-3, -1], [0, 2], [-1, 0]):
        number = np.repeat(np.array([1, 6]), 2)
        got = Recall(session).buckets(LEVELS[1], names, number, np.tile(asked, 2))
        wanted = rows[np.isin(rows["series"], [1, 6]) & np.isin(rows["position"] >> 4, asked)]
        assert np.sort(got, order=["series", "position"]).tobytes() == wanted.tobytes()


def test_points_are_read_back_by_bucket(session: Session, run: str) -> None:
    """Those of the asked buckets of 64 steps and no other, below zero too."""
    names: list[Series] = [(run, "m", 0), (run, "n", 3)]
    steps = list(range(-300, 300))
    Writer(session).points(
        names, points([0] * 600 + [1] * 600, steps * 2, [step / 7 for step in steps] * 2, list(range(1200)))
    )
    for asked in ([-5, -1], [0, 4], [-1, 0, 1]):
        got = np.sort(Recall(session).points(names, np.ones(len(asked), np.int64), np.array(asked)), order="position")
        assert got["position"].tolist() == [step for step in steps if step >> 6 in asked]
        assert got["value"].tolist() == [step / 7 for step in steps if step >> 6 in asked]
        assert set(got["series"].tolist()) == {1}


def test_tails_are_read_back_for_thousands_of_series(session: Session, run: str) -> None:
    """More series than one query names: each that has a tail gets its own, whatever its name."""
    names: list[Series] = [(run, f"{_ODD_NAMES[place % 7]}{place}", place) for place in range(6000)]
    tails = np.zeros(3000, TAIL)
    tails["series"] = np.arange(0, 6000, 2)
    tails["last_step"], tails["last"], tails["seq"] = -tails["series"], math.nan, tails["series"] + 1
    Writer(session).tails(names, tails)
    assert np.sort(Recall(session).tails(names), order="series").tobytes() == tails.tobytes()


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
