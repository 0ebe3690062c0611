"""Letting the points of old runs expire, where their rollups tell the same at 2^6 steps."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from clickhouse_connect.driver.client import Client

from runwire.errors import UnavailableError
from runwire_storage.queries.filter.tree import And, Compare, Condition, Field
from runwire_storage.queries.runs import ids
from runwire_storage.schema import DATABASE, LEVELS

#: What readers of a run are told before the first of its points goes: of kind ``run``, its value is ``true``.
EXPIRED = "points_expired"
#: What tells that all of it is done: until which end of the run (µs).
_REMOVED = "points_removed"

#: Points of one statement, which holds the buckets that they lie in.
_POINTS_MAX = 20_000_000
_MUTATION_SECONDS_MAX = 3600.0

_LOWEST = LEVELS[0]
_BUCKETS = f"""
    SELECT metric, rank, bucket, count FROM {DATABASE}.stored_rollups FINAL
    WHERE run = {{run:String}} AND metric IN {{metrics:Array(String)}} AND level = {_LOWEST}
"""  # noqa: S608 - constants
# Of the buckets that have a row: whether all of them have as many points as the row says.
_COUNTED = f"""
    SELECT sum(points.count), countIf(points.count != rows.count)
    FROM (
        SELECT metric, rank, bitShiftRight(step, {_LOWEST}) AS bucket, count() AS count
        FROM {DATABASE}.stored_points FINAL
        WHERE run = {{run:String}} AND metric IN {{metrics:Array(String)}} GROUP BY metric, rank, bucket
    ) AS points
    INNER JOIN ({_BUCKETS}) AS rows USING (metric, rank, bucket)
"""  # noqa: S608 - constants
# The rows do not change while points go: so it is all the same how the engine divides the work.
_DELETE = f"""
    DELETE FROM {DATABASE}.stored_points WHERE run = {{run:String}} AND metric IN {{metrics:Array(String)}}
    AND (metric, rank, bitShiftRight(step, {_LOWEST})) IN (SELECT metric, rank, bucket FROM ({_BUCKETS}))
"""  # noqa: S608 - constants
# Beside the run's own facts and of their time: the run is not seen later for it, nor does it get another rank.
_TELL = f"""
    INSERT INTO {DATABASE}.stored_facts
    SELECT run, min(rank), 'run', {{key:String}}, {{value:String}}, max(ts), max(seq)
    FROM {DATABASE}.stored_facts WHERE run = {{run:String}} GROUP BY run
"""  # noqa: S608 - constants


@dataclass(frozen=True)
class Expired:
    """What retention did to a run.

    Attributes:
        run: its id.
        points: how many points went, or would go.
        kept: why none did; empty if they went.
    """

    run: str
    points: int
    kept: str = ""


def expire(client: Client, before: datetime, condition: Condition, *, dry_run: bool = False) -> Iterator[Expired]:
    """Remove the points of runs that ended before a time, and yield what became of each run.

    A point goes if the rollups' lowest level has a row for its bucket, so curves stay, at 2^6 steps; points in buckets
    too sparse to have one stay. May be stopped and called again at any time.

    Args:
        client: of the store; its replies may take as long as the removal of a run's points does.
        before: when runs must have ended.
        condition: which runs.
        dry_run: only count.

    Raises:
        UnavailableError: an earlier removal does not come to its end.
        ClickHouseError: the driver's own, where the store refuses or is away; then call it again.
    """
    _wait_for_mutations(client)
    some = False
    for run, ended in _due(client, ids(client, And((Compare(Field("ended"), "<", before), condition)))):
        parts = [(part, *_count(client, run, part)) for part in _parts(client, run)]
        points = sum(part_points for _, part_points, _ in parts)
        if odd := sum(part_odd for _, _, part_odd in parts):
            yield Expired(run, 0, f"the rollups of {odd} buckets do not tell of all their points")
            continue
        if not dry_run:
            _tell(client, run, EXPIRED, "true")
            for metrics, part_points, _ in parts:
                if part_points:
                    client.command(_DELETE, {"run": run, "metrics": metrics})
                    some = True
            _tell(client, run, _REMOVED, str(ended))
        yield Expired(run, points)
    if some:
        # Until then the points are only marked as gone. It rewrites whole parts, so nobody waits for it.
        client.command(f"ALTER TABLE {DATABASE}.stored_points APPLY DELETED MASK", settings={"mutations_sync": 0})


def _due(client: Client, runs: Sequence[str]) -> list[tuple[str, int]]:
    """Return those of the runs whose points are not yet removed up to their end, and that end."""
    sql = f"""
        SELECT id, toUnixTimestamp64Micro(ended_at) AS ended FROM {DATABASE}.runs
        LEFT JOIN (
            SELECT run, toInt64OrZero(max(value)) AS until FROM {DATABASE}.stored_facts FINAL
            WHERE kind = 'run' AND key = {{key:String}} GROUP BY run
        ) AS removed ON removed.run = id
        WHERE id IN {{runs:Array(String)}} AND ended > until ORDER BY id
    """  # noqa: S608 - constants
    found = client.query(sql, {"runs": runs, "key": _REMOVED}).result_rows if runs else []
    return [(run, ended) for run, ended in found]


def _parts(client: Client, run: str) -> Iterator[list[str]]:
    """Yield a run's metrics in lists that have few points together, or are a single one."""
    sql = f"SELECT metric, sum(count) FROM {DATABASE}.series WHERE run = {{run:String}} GROUP BY metric ORDER BY metric"  # noqa: S608
    part: list[str] = []
    size = 0
    for metric, count in client.query(sql, {"run": run}).result_rows:
        if part and size + count > _POINTS_MAX:
            yield part
            part, size = [], 0
        part.append(metric)
        size += count
    if part:
        yield part


def _count(client: Client, run: str, metrics: Sequence[str]) -> tuple[int, int]:
    """Return how many points lie in buckets that have a row, and in how many of these the row tells otherwise."""
    [[points, odd]] = client.query(_COUNTED, {"run": run, "metrics": metrics}).result_rows
    return int(points), int(odd)


def _tell(client: Client, run: str, key: str, value: str) -> None:
    client.command(_TELL, {"run": run, "key": key, "value": value})


def _wait_for_mutations(client: Client) -> None:
    """Wait until no earlier removal is under way: it would be mistaken for points that are missing.

    Raises:
        UnavailableError: it does not end.
    """
    sql = f"""
        SELECT count(), anyLast(latest_fail_reason) FROM system.mutations
        WHERE database = '{DATABASE}' AND table = 'stored_points' AND NOT is_done AND NOT is_killed
    """  # noqa: S608 - a constant
    deadline = time.monotonic() + _MUTATION_SECONDS_MAX
    while (state := client.query(sql).result_rows[0])[0]:
        if time.monotonic() > deadline:
            raise UnavailableError(f"ClickHouse is still removing points that were let go before: {state[1] or 'wait'}")
        time.sleep(0.5)
