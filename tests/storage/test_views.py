"""The views that people and queries read: already deduplicated, gathered, and quick to look into."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Sequence
from datetime import datetime, timedelta, timezone
from typing import Any

import numpy as np
import pytest
from clickhouse_connect.driver.client import Client

from runwire_storage import values
from runwire_storage.schema import TIME

START = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=timezone.utc)


def write_facts(store: Client, *facts: tuple[str, int, str, str, Any, int]) -> None:
    """Store facts (run, rank, kind, key, value, second); the second is also the seq."""
    rows = [
        (run, rank, kind, key, json.dumps(value), START + timedelta(seconds=second), second)
        for run, rank, kind, key, value, second in facts
    ]
    store.insert("stored_facts", rows, column_names=["run", "rank", "kind", "key", "value", "ts", "seq"])


def write_series(store: Client, *series: tuple[str, str, int, float]) -> None:
    """Store last values (run, metric, rank, value), ten seconds after the start."""
    ten = (START + timedelta(seconds=10)).timestamp()
    times = {(run, TIME, rank, ten) for run, _, rank, _ in series}
    rows = [(run, metric, rank, 9, last, 1, 1) for run, metric, rank, last in (*series, *times)]
    names = ["run", "metric", "rank", "last_step", "last", "count", "version"]
    store.insert("stored_series", rows, column_names=names)


def read(store: Client, query: str) -> list[dict[str, Any]]:
    """The rows as `runwire sql --json` has them."""
    return [json.loads(line) for line in store.raw_query(f"{query} FORMAT JSONEachRow").splitlines()]


def test_of_two_rows_with_one_identity_the_later_version_is_shown(store: Client) -> None:
    """`points`, `rollups` and `series` never show a row twice, merged or not."""
    store.command("SYSTEM STOP MERGES stored_points")
    names = ["run", "metric", "rank", "step", "number", "decimals", "seq"]
    store.insert("stored_points", [("r", "m", 0, 1, 20, 1, 2)], column_names=names)
    store.insert("stored_points", [("r", "m", 0, 1, 10, 1, 1)], column_names=names)
    store.insert("stored_points", [("r", "m", 1, 1, 3, 0, 1)], column_names=names)
    assert store.query("SELECT * FROM points ORDER BY rank").result_rows == [
        ("r", "m", 0, 1, 2.0),
        ("r", "m", 1, 1, 3.0),
    ]
    for value in (1.0, 2.0):
        store.insert("stored_series", [("r", "m", 0, value, 2**70 + int(value))], column_names=[
            "run", "metric", "rank", "last", "version"])  # fmt: skip
    assert store.query("SELECT last FROM series").result_rows == [(2.0,)]
    for version in (2**70 + 1, 2**70 + 2, 5):
        store.insert("stored_rollups", [("r", "m", 0, 6, 3, version % 100, version)], column_names=[
            "run", "metric", "rank", "level", "bucket", "count", "version"])  # fmt: skip
    assert store.query("SELECT count, bucket, sum FROM rollups").result_rows == [((2**70 + 2) % 100, 3, None)]


def test_steps_tells_when_each_step_was_logged(store: Client) -> None:
    """The time is kept once a step, to the microsecond, and is no point, no series and no rollup of its own."""
    start = int(START.timestamp() * 1e6)
    names = ["run", "metric", "rank", "step", "number", "decimals", "seq"]
    store.insert(
        "stored_points", [("r", TIME, 3, 5, start, 6, 1), ("r", TIME, 3, 5, start + 1, 6, 2)], column_names=names
    )
    store.insert("stored_series", [("r", TIME)], column_names=["run", "metric"])
    store.insert("stored_rollups", [("r", TIME)], column_names=["run", "metric"])
    assert read(store, "SELECT * FROM steps") == [
        {"run": "r", "rank": 3, "step": 5, "ts": "2026-01-02 03:04:05.678902"}
    ]
    for view in ("points", "series", "rollups"):
        assert store.command(f"SELECT count() FROM {view}") == 0


def test_series_tells_of_all_points(store: Client) -> None:
    """Mean over what is finite, counts of what is not; nothing where nothing is."""
    names = ["run", "metric", "rank", "count", "nan", "pos_inf", "neg_inf", "min", "max", "sum"]
    rows = [("r", "m", 0, 7, 1, 1, 1, 1.0, 4.0, 10.0), ("r", "n", 0, 2, 2, 0, 0, None, None, None)]
    store.insert("stored_series", rows, column_names=names)
    sql = "SELECT count, nan_count, pos_inf_count, neg_inf_count, min, max, mean FROM series ORDER BY metric"
    assert store.query(sql).result_rows == [(7, 1, 1, 1, 1.0, 4.0, 2.5), (2, 2, 0, 0, None, None, None)]


def test_runs_gathers_what_events_and_metrics_say(store: Client) -> None:
    """One row a run: its facts, config and summary as JSON, tags, times, and the last value of each metric."""
    started = int(START.timestamp() * 1e6) - 7
    said: dict[str, dict[str, Any]] = {
        "run": {
            "project": "vision",
            "name": 'it\'s "first"',
            "host": "gpu1",
            "entity": "perception",
            "group": "fold",
            "job_type": "train",
            "notes": "warm start",
            "git": {"commit": "5f0c1a", "branch": "main"},
            "started_at": started,
            "command": ["x.py"],
            "time_limit_at": 1_800_000_000_000_000,
        },
        "config": {"lr": 0.1, "optimizer.name": "adam", "layers": [1, 2], "od\"d\n/ke\\y'": True},
        "summary": {"best": 3, "val/acc": 0.75},
        "tag": {"b": True, "a": True, "gone": False},
        "dropped": {"17": {"rows": 3, "reason": "full"}, "23": {"rows": 4, "reason": "full"}},
    }
    write_facts(store, *(("a", 0, kind, key, value, 0) for kind, facts in said.items() for key, value in facts.items()))
    write_facts(store, ("a", 0, "state", "state", "finished", 20), ("a", 0, "state", "exit_code", 0, 20))
    write_facts(store, ("a", 0, "state", "stop", {"reason": "SIGTERM"}, 19), ("a", 1, "state", "stop", None, 20))
    write_series(store, ("a", "loss", 0, math.nan), ("a", "loss", 1, 5.0), ("a", "val/acc", 0, 0.5), ("a", "n", 1, 2.0))
    assert read(store, "SELECT * FROM runs") == [
        {
            "id": "a",
            "project": "vision",
            "name": 'it\'s "first"',
            "entity": "perception",
            "group": "fold",
            "job_type": "train",
            "notes": "warm start",
            "commit": "5f0c1a",
            "state": "finished",
            "config": {"lr": 0.1, "optimizer": {"name": "adam"}, "layers": [1, 2], "od\"d\n/ke\\y'": True},
            "summary": {"best": 3, "loss": "NaN", "val/acc": 0.75, "n": 2},
            "tags": ["a", "b"],
            "host": "gpu1",
            "command": '["x.py"]',
            "ranks": 2,
            "last_step": 9,
            "started_at": "2026-01-02 03:04:05.678894",
            "ended_at": "2026-01-02 03:04:25.678901",
            "seen_at": "2026-01-02 03:04:25.678901",
            "exit_code": 0,
            "exception": "",
            "stop": '{"reason": "SIGTERM"}',
            "stop_reason": "SIGTERM",
            "time_limit_at": "2027-01-15 08:00:00.000000",
            "dropped_rows": 7,
        }
    ]
    query = "SELECT config.lr::Float64, config.optimizer.name, summary.`val/acc`, summary.loss::Float64 FROM runs"
    lr, optimizer, accuracy, loss = store.query(query).result_rows[0]
    assert (lr, optimizer, accuracy) == (0.1, "adam", 0.75)
    assert math.isnan(loss)


def test_a_summary_holds_what_a_metrics_definition_says(store: Client) -> None:
    """Over all ranks; the last value without one; nothing by "none"; and what the run says itself goes before."""
    ways = {"a": "min", "b": "max", "c": "mean", "d": "none", "e": "last", "f": "max", "g": "min"}
    write_facts(
        store, *(("r", 0, "metric", name, {"summary": way, "goal": "minimize"}, 0) for name, way in ways.items())
    )
    write_facts(store, ("r", 0, "summary", "f", "said", 0), ("s", 0, "metric", "a", {"hidden": True}, 0))
    names = ["run", "metric", "rank", "last", "count", "nan", "min", "max", "sum"]
    rows = [("r", name, rank, 9.0, 4, 1, 1.0 - rank, 5.0 + rank, 9.0) for name in "abcdefh" for rank in (1, 2)]
    rows += [("r", "g", 1, math.nan, 2, 2, None, None, None), ("s", "a", 3, 7.5, 1, 0, 7.5, 7.5, 7.5)]
    store.insert("stored_series", rows, column_names=names)
    found = read(store, "SELECT id, summary, ranks FROM runs ORDER BY id")
    summary = {"a": -1, "b": 7, "c": 3, "e": 9, "f": "said", "h": 9}
    assert found == [{"id": "r", "summary": summary, "ranks": 3}, {"id": "s", "summary": {"a": 7.5}, "ranks": 2}]


@pytest.mark.parametrize(
    ("states", "state"),
    [
        ([], "running"), (["running"], "running"), (["finished"], "finished"), (["failed"], "failed"),
        (["crashed"], "crashed"), (["finished", "running"], "running"), (["running", "failed"], "failed"),
        (["finished", "failed", "crashed"], "crashed"), (["stopped"], "stopped"), (["finished", "stopped"], "stopped"),
        (["stopped", "running"], "running"), (["stopped", "failed"], "failed"),
    ],
)  # fmt: skip
def test_the_worst_rank_gives_a_run_its_state(store: Client, states: Sequence[str], state: str) -> None:
    """Crashed, failed, running, stopped, finished; a run is not ended before all of its ranks are."""
    write_facts(store, ("a", 0, "run", "project", "p", 0), *(
        ("a", rank, "state", "state", said, 5) for rank, said in enumerate(states)))  # fmt: skip
    (row,) = read(store, "SELECT state, ended_at FROM runs")
    assert row["state"] == state
    assert (row["ended_at"] is None) == (state == "running")


def test_a_resumed_run_is_what_its_last_attempt_says(store: Client) -> None:
    """A later fact of a rank replaces its earlier one; between ranks the later counts."""
    write_facts(
        store,
        ("a", 0, "state", "state", "crashed", 1), ("a", 0, "config", "lr", 1, 1), ("a", 0, "summary", "best", 1, 9),
        ("a", 0, "state", "state", "running", 2), ("a", 0, "config", "lr", 2, 2), ("a", 1, "config", "lr", 3, 3),
        ("a", 1, "summary", "best", 2, 8),
    )  # fmt: skip
    assert read(store, "SELECT state, config, summary FROM runs") == [
        {"state": "running", "config": {"lr": 3}, "summary": {"best": 1}}
    ]


def test_how_a_run_ended_is_what_the_rank_says_that_failed(store: Client) -> None:
    """A rank that ends well, or begins anew, later than another failed does not hide how that one did."""
    error = {"kind": "ValueError", "message": "bad"}
    write_facts(
        store,
        ("a", 0, "state", "exit_code", 3, 1), ("a", 1, "state", "exit_code", 0, 2),
        ("a", 2, "state", "exit_code", None, 3),
        ("a", 0, "state", "exception", error, 1), ("a", 1, "state", "exception", None, 2),
        ("b", 0, "state", "exit_code", 0, 1), ("c", 0, "state", "exit_code", None, 1),
    )  # fmt: skip
    rows = store.query("SELECT exit_code, exception FROM runs ORDER BY id").result_rows
    assert rows == [(3, json.dumps(error)), (0, ""), (None, "")]


@pytest.mark.parametrize("last", [0.0, -0.0, 0.1, 1 / 3, -3.0, 2.0**60, 1e300, 5e-324])
def test_a_last_value_is_shown_to_the_bit(store: Client, last: float) -> None:
    """Each finite double comes out of a summary as it went in, and as a double, so that summaries can be compared."""
    write_series(store, ("a", "m", 0, last))
    text = store.raw_query("SELECT summary FROM runs FORMAT JSONEachRow")
    row = json.loads(text, parse_int=str)
    assert float(row["summary"]["m"]).hex() == last.hex()
    assert store.command("SELECT dynamicType(summary.m) FROM runs") == "Float64"


@pytest.mark.parametrize(("last", "shown"), [(math.nan, "NaN"), (math.inf, "Infinity"), (-math.inf, "-Infinity")])
def test_a_last_value_that_json_cannot_hold_is_shown_by_its_name(store: Client, last: float, shown: str) -> None:
    """What is not finite is never null in a summary."""
    write_series(store, ("a", "m", 0, last))
    assert read(store, "SELECT summary FROM runs") == [{"summary": {"m": shown}}]
    assert str(store.query("SELECT summary.m::Float64 FROM runs").result_rows[0][0]) == str(last)


def test_a_run_without_events_is_there_and_odd_facts_harm_no_other(store: Client) -> None:
    """Metrics may come before events; a value that is no JSON takes only its own run's object."""
    write_series(store, ("early", "m", 0, 1.5))
    write_facts(store, ("good", 0, "config", "lr", 1, 0))
    store.command("INSERT INTO stored_facts VALUES ('odd', 0, 'config', 'x', '{broken', 0, 1)")
    assert read(store, "SELECT id, name, state, config, summary FROM runs ORDER BY id") == [
        {"id": "early", "name": "early", "state": "running", "config": {}, "summary": {"m": 1.5}},
        {"id": "good", "name": "good", "state": "running", "config": {"lr": 1}, "summary": {}},
        {"id": "odd", "name": "odd", "state": "running", "config": {}, "summary": {}},
    ]


@pytest.mark.parametrize("time", [math.nan, math.inf, -math.inf, 1e305, -1e300])
def test_a_run_that_logs_what_is_no_time_as_its_time_harms_no_other(store: Client, time: float) -> None:
    """Whoever logs `_timestamp` says when it was; that may be anything."""
    write_facts(store, ("odd", 0, "run", "name", "odd", 3), ("good", 0, "run", "name", "good", 3))
    names = ["run", "metric", "rank", "last_step", "last", "count", "version"]
    store.insert("stored_series", [("odd", TIME, 0, 9, time, 1, 1)], column_names=names)
    assert [run["id"] for run in read(store, "SELECT id, seen_at FROM runs ORDER BY id")] == ["good", "odd"]
    bits = values.encode(np.array([time]), np.array([0]))
    names = ["run", "metric", "rank", "step", "number", "decimals", "seq"]
    store.insert("stored_points", [("odd", TIME, 0, 9, int(bits[0][0]), int(bits[1][0]), 1)], column_names=names)
    assert [row["step"] for row in read(store, "SELECT * FROM steps")] == [9]


@pytest.mark.parametrize(
    "query",
    [
        "SELECT * FROM points WHERE run = 'r7' AND metric = 'm' AND rank = 0 AND step BETWEEN 5 AND 9",
        "SELECT * FROM rollups WHERE run = 'r7' AND metric = 'm' AND rank = 0 AND level = 6 AND bucket < 9",
        "SELECT * FROM series WHERE run = 'r7'",
        "SELECT * FROM steps WHERE run = 'r7' AND rank = 0 AND step BETWEEN 5 AND 9",
        "SELECT * FROM alerts WHERE run = 'r7'",
        "SELECT * FROM runs WHERE id = 'r7'",
    ],
)
def test_a_view_reads_only_what_is_asked_for(store: Client, query: str) -> None:
    """A condition on a view reaches the primary key of the tables below, through FINAL and grouping."""
    run = "concat('r', toString(number % 100))"
    for insert in (
        f"stored_points (run, metric, step) SELECT {run}, 'm', number FROM numbers(100000)",
        f"stored_points (run, metric, step) SELECT {run}, '{TIME}', number FROM numbers(100000)",
        f"stored_rollups (run, metric, level, bucket) SELECT {run}, 'm', 6, number FROM numbers(100000)",
        f"stored_series (run, metric) SELECT {run}, toString(number) FROM numbers(100000)",
        f"stored_facts SELECT {run}, 0, 'config', toString(number), '1', 0, 1 FROM numbers(100000)",
        f"stored_alerts (run, id, version) SELECT {run}, toString(number), 1 FROM numbers(100000)",
    ):
        store.command(f"INSERT INTO {insert}")
    plan = store.raw_query(f"EXPLAIN indexes = 1 {query} FORMAT TSVRaw").decode()
    granules = [(int(read), int(of)) for read, of in re.findall(r"Granules: (\d+)/(\d+)", plan)]
    assert granules, plan
    assert all(read <= 4 < of for read, of in granules), plan  # two of each part


def test_a_tag_is_there_if_the_last_of_the_ranks_to_speak_of_it_says_so(store: Client) -> None:
    """All ranks begin with a run's tags: what one of them removes later is gone, and may be put there again."""
    write_facts(
        store,
        *(("r", rank, "tag", tag, True, 1) for rank in range(3) for tag in ("kept", "removed", "back")),
        ("r", 1, "tag", "removed", False, 2),
        ("r", 1, "tag", "back", False, 2),
        ("r", 2, "tag", "back", True, 3),
        ("r", 0, "tag", "new", True, 3),
    )
    assert [run["tags"] for run in read(store, "SELECT tags FROM runs")] == [["back", "kept", "new"]]
