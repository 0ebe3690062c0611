"""Deleting a run, so that it stays deleted whatever still comes of it."""

from __future__ import annotations

import time

from clickhouse_connect.driver.client import Client

from runwire.wire import ATTEMPT_SHIFT
from runwire_storage.queries.errors import NoSuchRunError, RunningError
from runwire_storage.schema import DATABASE

#: Where rows of runs are. Facts last: until they are gone, what is left of a run can be told by name.
_TABLES = (
    "stored_points", "stored_rollups", "stored_series", "stored_tables", "stored_table_rows", "stored_media",
    "stored_texts", "stored_console", "stored_alerts", "stored_facts",
)  # fmt: skip


def delete(client: Client, run: str, *, force: bool = False) -> int:
    """Delete a run: points, rollups, series, tables, media, output, alerts and facts.

    Deleting it again removes what has come since. Files stay in the file store: others may name the same content.

    From its first step on no view shows the run, nor what of it is still on its way; a run that is started later under
    the same id is shown.

    Args:
        client: of the store.
        run: its whole id.
        force: even if it runs.

    Returns:
        How many points were shown of it.

    Raises:
        NoSuchRunError: there is none, and none was deleted.
        RunningError: it runs.
        ClickHouseError: the driver's own, where the store refuses or is away; then call it again.
    """
    told = {"run": run}
    states = client.query(f"SELECT state FROM {DATABASE}.runs WHERE id = {{run:String}}", told).result_rows  # noqa: S608
    if not states and not _was_deleted(client, run):
        raise NoSuchRunError(f"there is no run {run!r}", "`runwire runs` lists them; a run is deleted by its whole id")
    if states and states[0][0] == "running" and not force:
        raise RunningError(
            f"run {run} is running", "wait until it has ended, or force it: what it still logs is then not shown"
        )
    [[points]] = client.query(
        f"SELECT sum(count) FROM {DATABASE}.series WHERE run = {{run:String}}",  # noqa: S608 - a constant
        told,
    ).result_rows
    begun_until = (int(time.time()) + 1) << ATTEMPT_SHIFT
    client.command(
        f"INSERT INTO {DATABASE}.stored_deletions SELECT {{run:String}}, {{seq:UInt64}}, true, now64(6, 'UTC')",
        {**told, "seq": begun_until},
    )
    for table in _TABLES:
        client.command(f"DELETE FROM {DATABASE}.{table} WHERE run = {{run:String}}", told)  # noqa: S608 - constants
    return int(points)


def sweep(client: Client) -> int:
    """Remove what has come of deleted runs since they were deleted; return how many rows.

    Raises:
        ClickHouseError: the driver's own, where the store refuses or is away; then call it again.
    """
    removed = 0
    for table in _TABLES:
        where = f"{DATABASE}.{table} WHERE run IN (SELECT run FROM {DATABASE}.deleted)"  # noqa: S608 - constants
        [[rows]] = client.query(f"SELECT count() FROM {where}").result_rows  # noqa: S608 - constants
        if rows:
            client.command(f"DELETE FROM {where}")  # noqa: S608 - constants
            removed += rows
    return removed


def _was_deleted(client: Client, run: str) -> bool:
    sql = f"SELECT count() FROM {DATABASE}.deleted WHERE run = {{run:String}}"  # noqa: S608 - a constant
    return bool(client.query(sql, {"run": run}).result_rows[0][0])
