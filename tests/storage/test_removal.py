"""Deleting runs and letting points expire, against the real engine."""

from __future__ import annotations

import math
import time
from datetime import timedelta
from typing import Any

import pytest
from clickhouse_connect.driver.client import Client
from embedded_process import Embedded
from known_runs import START, KnownRun, ingest, log, store, tell

from runwire_storage import queries, removal
from runwire_storage.queries import export
from runwire_storage.queries.filter import parse
from runwire_storage.schema import LEVELS
from runwire_stream.ingest import Ingest

TABLES = ("stored_points", "stored_rollups", "stored_series", "stored_alerts", "stored_facts")
VIEWS = ("points", "rollups", "series", "alerts")
#: Dense, but for one bucket of 64 steps that holds too few points to be worth a row.
LOSS = {step: (math.nan if step == 700 else step / 7) for step in range(3000) if not 1280 < step < 1344}


@pytest.fixture(scope="module")
def writer(embedded: Embedded, client: Client) -> Ingest:  # noqa: ARG001 - the schema is there
    return ingest(embedded.url)


def run(name: str, **more: Any) -> KnownRun:
    points = {("loss", 0): LOSS, ("loss", 1): {3: 1.0}, ("acc", 0): dict.fromkeys(range(0, 2000, 2), 0.5)}
    return KnownRun(name, project="removed", ended=60, exit_code=0, config={"lr": 0.1}, points=points, **more)


def rows(client: Client, name: str, tables: tuple[str, ...] = TABLES) -> dict[str, Any]:
    """What is there of a run, bit by bit."""
    told = "SELECT count(), sum(cityHash64(*)) FROM {source} WHERE run = {{run:String}}"
    sources = {table: f"{table} FINAL" if table in TABLES else table for table in tables}
    return {
        table: client.query(told.format(source=source), {"run": name}).result_rows[0]
        for table, source in sources.items()
    }


def none(found: dict[str, Any]) -> bool:
    return all(count == 0 for count, _ in found.values())


def seen(client: Client, name: str) -> list[str]:
    """Where a run is shown."""
    shown = [view for view, (count, _) in rows(client, name, VIEWS).items() if count]
    shown += ["runs"] * len(client.query("SELECT id FROM runs WHERE id = {run:String}", {"run": name}).result_rows)
    shown += ["filter"] * queries.runs(client, parse(f"id = '{name}'")).total
    shown += ["metrics"] * len(queries.metrics(client, name))
    return shown + ["curves"] * len(queries.series(client, [(name, "loss", 0)])[0])


def test_a_deleted_run_is_gone_from_everywhere_and_no_other_is(client: Client, writer: Ingest) -> None:
    """Every table and view; doing it again is no error; what never was is."""
    store(writer, [run("gone"), run("gone-not")])
    client.command("INSERT INTO stored_alerts (run, id, version) SELECT arrayJoin(['gone', 'gone-not']), 'a', 1")
    other = rows(client, "gone-not")
    assert not none(rows(client, "gone"))
    points = len(LOSS) + 1 + 1000
    assert removal.delete(client, "gone") == points
    assert none(rows(client, "gone"))
    assert seen(client, "gone") == []
    assert rows(client, "gone-not") == other
    assert removal.delete(client, "gone") == 0
    with pytest.raises(queries.NoSuchRunError, match="no run 'gon'"):
        removal.delete(client, "gon")


def test_a_running_run_is_deleted_only_by_force(client: Client, writer: Ingest) -> None:
    """Else it stays, with a word on what to do."""
    store(writer, [KnownRun("runs-on", points={("loss", 0): {1: 1.0}})])
    with pytest.raises(queries.RunningError, match="runs-on is running") as refused:
        removal.delete(client, "runs-on")
    assert refused.value.hint
    assert "runs" in seen(client, "runs-on")
    assert removal.delete(client, "runs-on", force=True) == 1
    assert seen(client, "runs-on") == []


def test_what_comes_late_of_a_deleted_run_is_not_shown_and_is_swept(client: Client, writer: Ingest) -> None:
    """All of it again, as after a replay, start included: no view, list or curve has it; a sweep removes the rows."""
    store(writer, [run("late"), run("late-not")])
    removal.delete(client, "late")
    store(writer, [run("late")])
    client.command("INSERT INTO stored_alerts (run, id, version) VALUES ('late', 'a', 1)")
    came = rows(client, "late")
    assert not none(came)
    assert seen(client, "late") == []
    other = rows(client, "late-not")
    assert removal.sweep(client) == sum(count for count, _ in rows(client, "late").values()) or none(
        rows(client, "late")
    )
    assert none(rows(client, "late"))
    assert rows(client, "late-not") == other
    assert removal.sweep(client) == 0


def test_a_run_started_again_under_a_deleted_id_is_shown(client: Client, writer: Ingest) -> None:
    """An attempt that begins after the deletion lifts it; deleting that again hides it again."""
    store(writer, [run("again")])
    removal.delete(client, "again")
    tell(writer, "again", "start", 0, {"project": "new"}, attempt=int(time.time()) + 5)
    log(writer, "again", ("loss", 0), {1: 1.0})
    assert {"points", "series", "runs", "filter", "metrics", "curves"} <= set(seen(client, "again"))
    assert queries.run(client, "again")["project"] == "new"
    assert removal.sweep(client) == 0


def test_a_run_started_again_owes_nothing_to_the_deleted_one(client: Client, writer: Ingest) -> None:
    """The worker that knew the old one's totals and open buckets counts and rolls up the new one's points alone."""
    store(writer, [run("anew")])
    removal.delete(client, "anew")
    attempt = int(time.time()) + 5
    log(writer, "anew", ("loss", 0), {70: 2.0}, attempt=attempt)
    tell(writer, "anew", "start", 0, {"project": "new"}, attempt=attempt)
    log(writer, "anew", ("loss", 0), dict.fromkeys(range(71, 200), 1.0), attempt=attempt)
    told = client.query("SELECT count, min, first_step, last_step FROM series WHERE run = 'anew'").result_rows
    assert told == [(130, 1.0, 70, 199)]
    rolled = client.query(
        "SELECT level, bucket, count, sum FROM rollups WHERE run = 'anew' ORDER BY bucket"
    ).result_rows
    assert rolled == [(6, 1, 58, 59.0), (6, 2, 64, 64.0)]


def test_points_of_old_runs_go_where_rollups_tell_of_them(client: Client, writer: Ingest) -> None:
    """Rollups, series, config and the run's times stay to the bit; points stay where no row of the lowest level is."""
    old, new = run("old"), run("new", started=0)
    new.ended = 500
    store(writer, [old, new])
    before = START + timedelta(seconds=100)
    kept = ("stored_rollups", "stored_series")
    told = rows(client, "old", kept)
    shown = queries.run(client, "old")
    other = rows(client, "new")
    curves = curve(client, "old")
    mine = parse("project = removed and id in (old, new)")
    covered = client.query(
        "SELECT sum(count) FROM rollups WHERE run = 'old' AND level = {level:UInt8}", {"level": LEVELS[0]}
    ).result_rows[0][0]
    [would] = removal.expire(client, before, mine, dry_run=True)
    assert rows(client, "old", ("points",))["points"][0] == len(LOSS) + 1 + 1000
    [done] = removal.expire(client, before, mine)
    assert done == would == removal.Expired("old", covered)
    assert covered > 3000
    left = client.query("SELECT metric, rank, step FROM points WHERE run = 'old'").result_rows
    assert len(left) == len(LOSS) + 1 + 1000 - covered
    assert ("loss", 1, 3) in left
    assert ("loss", 0, 2999) in left
    assert rows(client, "old", kept) == told
    assert queries.run(client, "old") == shown
    assert curve(client, "old") == curves
    assert rows(client, "new") == other
    facts = "SELECT rank, value FROM stored_facts FINAL WHERE run = 'old' AND kind = 'run' AND key = 'points_expired'"
    assert client.query(facts).result_rows == [(0, "true")]
    assert list(removal.expire(client, before, mine)) == []
    with pytest.raises(queries.ExpiredError, match="points of run old have expired"):
        export.chosen(client, "old")
    [cut] = queries.series(client, [("old", "loss", 0)], 100, 200, 4096)
    assert (cut.exact, cut.level, cut.planes["column"].tolist(), cut.points) == (False, 6, [1, 2, 3], 192)
    [tail] = queries.series(client, [("old", "loss", 0)], 2999, None, 4096)
    assert (tail.exact, tail.level, tail.points) == (True, 0, 1)
    [timed] = queries.timeline(client, [("old", "loss", 0)], columns=1000)
    assert (timed.exact, timed.points) == (False, len(LOSS))


def curve(client: Client, name: str) -> dict[str, list[str]]:
    """The run's curves in columns of 64 steps and more."""
    found = queries.series(client, [(name, "loss", 0), (name, "acc", 0)], 0, 4096, 32)
    assert all(one.level >= LEVELS[0] for one in found)
    return {one.metric: [repr(plane.tolist()) for plane in one.planes.values()] for one in found}


def test_points_stay_where_a_rollup_tells_of_others(client: Client, writer: Ingest) -> None:
    """A row that counts fewer points than there are would lie once they are gone: the run is kept, and that is said."""
    store(writer, [run("odd")])
    client.command(
        "INSERT INTO stored_points SELECT run, metric, rank, step + 1, number, decimals, seq FROM stored_points "
        "WHERE run = 'odd' AND metric = 'acc' AND step = 100"
    )
    before = rows(client, "odd")
    [kept] = removal.expire(client, START + timedelta(seconds=100), parse("id = odd"))
    assert (kept.points, kept.kept) == (0, "the rollups of 1 buckets do not tell of all their points")
    assert rows(client, "odd") == before
