"""What the benches ask ClickHouse itself: what is stored, on how many bytes, and how fast it would be alone."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from clickhouse_connect.driver.client import Client
from pipeline import Pipeline, wait_until

#: No merge for so long, and merging is over, s.
QUIET_SECONDS = 3.0
#: Points of one insert of the bare store.
BATCH = 1_000_000

_BARE = "runwire.bench_points"


def stored(client: Client, prefix: str, series: int, step: int, seconds: float) -> float:
    """Wait until so many series of runs that begin with ``prefix`` have stored ``step``, their last.

    A series' row is written when all of its points are stored.

    Returns:
        When it was (`time.perf_counter`).
    """
    sql = f"SELECT countIf(last_step = {step}) FROM runwire.series WHERE startsWith(run, '{prefix}')"
    return wait_until(
        lambda: client.query(sql).result_rows[0][0] == series, seconds, f"step {step} of {series} series of {prefix}…"
    )


@dataclass(frozen=True)
class Size:
    """What tables take.

    Attributes:
        points, rollups, rest: bytes on disk of the active parts of the points, the rollups, and all other tables.
        parts: how many active parts points and rollups have.
    """

    points: int
    rollups: int
    rest: int
    parts: int


def size(client: Client) -> Size:
    """Return what the product's tables take now."""
    sql = """
        SELECT table, sum(bytes_on_disk), count() FROM system.parts
        WHERE active AND database = 'runwire' AND table LIKE 'stored%' GROUP BY table
    """
    found = {table: (taken, parts) for table, taken, parts in client.query(sql).result_rows}
    points, rollups = found.pop("stored_points", (0, 0)), found.pop("stored_rollups", (0, 0))
    return Size(points[0], rollups[0], sum(taken for taken, _ in found.values()), points[1] + rollups[1])


def settle(client: Client, seconds: float = 120.0) -> None:
    """Wait until ClickHouse has merged what it wants to merge, for so long at most."""
    deadline = time.perf_counter() + seconds
    quiet = time.perf_counter()
    while time.perf_counter() - quiet < QUIET_SECONDS and time.perf_counter() < deadline:
        if client.query("SELECT count() FROM system.merges").result_rows[0][0]:
            quiet = time.perf_counter()
        time.sleep(0.1)


#: What the stream worker says with each insert: merges are to drop duplicates, not the insert.
TUNED = {"optimize_on_insert": 0}


@dataclass(frozen=True)
class Bare:
    """How fast ClickHouse alone takes the same points, points/s.

    Attributes:
        plain: with ClickHouse's own settings.
        tuned: with those of the stream worker.
    """

    plain: float
    tuned: float


def bare(up: Pipeline, prefix: str, steps: range, series: int) -> Bare:
    """Insert points that are stored once more, straight into the same ClickHouse.

    They are those of ``steps`` of runs that begin with ``prefix``, and go as Arrow into a table with the same columns,
    engine and codecs, from as many connections at once as there are cores, and from memory: reading them is not timed.
    A batch holds all series over a stretch of steps, about a million points, sorted as the table is.
    """
    client = up.store()
    batches = list(_batches(client, prefix, steps, series))
    where = _where(prefix, steps.start, steps.stop)
    rows = client.query(f"SELECT count() FROM runwire.stored_points WHERE {where}").result_rows[0][0]
    return Bare(rows / _insert(up, batches, {}), rows / _insert(up, batches, TUNED))


def _insert(up: Pipeline, batches: list[bytes], settings: dict[str, int]) -> float:
    """Insert the batches into a table made for it, and return the seconds that it took."""
    client = up.store()
    client.command(f"CREATE TABLE {_BARE} AS runwire.stored_points")
    try:
        began = time.perf_counter()
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            list(
                pool.map(
                    lambda batch: up.store().raw_insert(_BARE, insert_block=batch, settings=settings, fmt="Arrow"),
                    batches,
                )
            )
        return time.perf_counter() - began
    finally:
        client.command(f"DROP TABLE {_BARE}")


def _batches(client: Client, prefix: str, steps: range, series: int) -> Iterator[bytes]:
    width = max(1, BATCH // series) * steps.step
    for start in range(steps.start, steps.stop, width):
        sql = f"SELECT * FROM runwire.stored_points WHERE {_where(prefix, start, min(steps.stop, start + width))}"
        settings = {"output_format_arrow_low_cardinality_as_dictionary": 1}
        yield client.raw_query(sql, settings=settings, fmt="Arrow")


def _where(prefix: str, first: int, end: int) -> str:
    return f"startsWith(run, '{prefix}') AND step >= {first} AND step < {end}"
