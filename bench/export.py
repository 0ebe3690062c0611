"""Points a second out of the store: to Arrow, Parquet, CSV, pandas and Polars, beside ClickHouse's own answer."""

from __future__ import annotations

import io
import time
import urllib.request
from collections.abc import Callable
from typing import Any

import pandas as pd
import polars as pl
from clickhouse_connect.driver.client import Client
from pipeline import Figures, Pipeline, arguments, pipeline, show

from runwire_storage.client import connect
from runwire_storage.schema import DATABASE
from runwire_storage.values import SHIFT

RUN = "exported"
METRICS = 8


def fill(client: Client, steps: int) -> None:
    """Store a run of `METRICS` series of ``steps`` points, as merged as a store that has been left alone."""
    for metric in range(METRICS):
        client.command(
            f"INSERT INTO stored_points SELECT '{RUN}', 'm{metric}', 0, number, "
            f"reinterpretAsInt64(cityHash64(number) / 1e18) + {SHIFT}, -1, number "
            f"FROM numbers({steps})"
        )
    client.command("OPTIMIZE TABLE stored_points FINAL")
    client.command(
        "INSERT INTO stored_series (run, metric, rank, first_step, last_step, last, count, version) "
        f"SELECT '{RUN}', concat('m', toString(number)), 0, 0, {steps - 1}, 0, {steps}, 1 "
        f"FROM numbers({METRICS})"
    )
    client.command(f"INSERT INTO stored_facts VALUES ('{RUN}', 0, 'run', 'project', '\"bench\"', now64(6), 1)")


def bare(up: Pipeline, fmt: str) -> None:
    """Ask ClickHouse itself for the same points in the same format, a series at a time, and read the bytes."""
    for metric in range(METRICS):
        sql = (
            f"SELECT run, metric, rank, step, value FROM {DATABASE}.points WHERE run = '{RUN}' AND metric = "
            f"'m{metric}' ORDER BY metric, rank, step FORMAT {fmt} "
            "SETTINGS output_format_arrow_low_cardinality_as_dictionary = 1"
        )
        with urllib.request.urlopen(up.clickhouse, sql.encode()) as reply:
            while reply.read(1 << 20):
                pass


def fetched(up: Pipeline, fmt: str) -> io.BytesIO:
    """Return what the server exports."""
    with urllib.request.urlopen(f"{up.server}/api/runs/{RUN}/export?format={fmt}") as reply:
        return io.BytesIO(reply.read())


def best(call: Callable[[], Any], rounds: int) -> float:
    """Return the least of what calls take, in seconds."""
    taken = []
    for _ in range(rounds):
        began = time.perf_counter()
        call()
        taken.append(time.perf_counter() - began)
    return min(taken)


def main() -> None:
    """Measure and print."""
    parser = arguments(__doc__)
    parser.add_argument("--points", type=int, default=8_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()
    steps = args.points // METRICS
    table = []
    with pipeline() as up:
        client = connect(up.clickhouse)
        client.database = DATABASE
        fill(client, steps)
        ways: dict[str, tuple[str, Callable[[], Any]]] = {
            "Arrow": ("ArrowStream", lambda: fetched(up, "arrow")),
            "Parquet": ("Parquet", lambda: fetched(up, "parquet")),
            "CSV": ("CSVWithNames", lambda: fetched(up, "csv")),
            "Polars, from Arrow": ("ArrowStream", lambda: pl.read_ipc_stream(fetched(up, "arrow"))),
            "pandas, from Parquet": ("Parquet", lambda: pd.read_parquet(fetched(up, "parquet"))),
        }
        references = {fmt: best(lambda fmt=fmt: bare(up, fmt), args.rounds) for fmt, _ in ways.values()}  # type: ignore[misc]
        for name, (fmt, call) in ways.items():
            seconds, least = best(call, args.rounds), references[fmt]
            points = steps * METRICS
            table.append((name, points, points / seconds, points / least, seconds / least))
    columns = ("to", "points", "points/s", "ClickHouse's own, points/s", "times its time")
    show(args.json, Figures("Export", columns, table))


if __name__ == "__main__":
    main()
