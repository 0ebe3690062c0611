"""How long a table of a million rows takes: to be logged, to be stored, and to be grouped by `runwire sql`.

What the groups come to is compared with what was logged.
"""

from __future__ import annotations

import json
import time
from typing import Any

from pipeline import Figures, Pipeline, arguments, pipeline, runwire, show, wait_until

import runwire as sdk

#: A pipeline slower than this is taken for stuck, rows/s.
RATE_MIN = 2_000


def labelled(rows: int) -> list[list[Any]]:
    """Return rows of two cells: one of ten labels, unevenly spread, and the row's number."""
    return [[f"class {row * row % 1009 % 10}", row] for row in range(rows)]


def grouped(data: list[list[Any]]) -> list[dict[str, Any]]:
    """Return how many rows each label has, and the sum of their numbers."""
    found: dict[str, dict[str, Any]] = {}
    for label, number in data:
        group = found.setdefault(label, {"label": label, "n": 0, "total": 0})
        group["n"] += 1
        group["total"] += number
    return [found[label] for label in sorted(found)]


def log(up: Pipeline, data: list[list[Any]]) -> tuple[str, float, float]:
    """Log a table; return its run, and the seconds until `log` returned and until each row was in the store."""
    began = time.perf_counter()
    with sdk.init("tables", dir=up.home, kafka=up.kafka) as run:
        run.log({"table": sdk.Table(["label", "number"], data)})
        logged = time.perf_counter()
        sql = f"SELECT count() FROM table_rows WHERE run = '{run.id}'"
        stored = wait_until(lambda: up.scalar(sql) == len(data), len(data) / RATE_MIN, "every row is stored")
    return run.id, logged - began, stored - began


def group(up: Pipeline, run: str, expected: list[dict[str, Any]]) -> float:
    """Group a run's table by a command; return the seconds that it took.

    Raises:
        RuntimeError: what it printed is not what was logged.
    """
    sql = f"""SELECT data.label AS label, count() AS n, sum(data.number::Int64) AS total
        FROM table_rows WHERE run = '{run}' GROUP BY label ORDER BY label"""
    began = time.perf_counter()
    told = json.loads(runwire("sql", sql, "--json", "--home", str(up.home)))
    taken = time.perf_counter() - began
    if told != expected:
        raise RuntimeError(f"the groups are {told}, logged were {expected}")
    return taken


def main() -> None:
    """Measure and print."""
    parser = arguments(__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()
    data = labelled(args.rows)
    expected = grouped(data)
    with pipeline() as up:
        run, logged, stored = log(up, data)
        groups = min(group(up, run, expected) for _ in range(args.rounds))
    table = [
        ("log()", args.rows, logged, args.rows / logged),
        ("until every row is stored", args.rows, stored, args.rows / stored),
        ("runwire sql, GROUP BY", args.rows, groups, args.rows / groups),
    ]
    note = "From the call's begin; the command with its own start, the least of some."
    show(args.json, Figures("A table", ("", "rows", "seconds", "rows/s"), table, note))


if __name__ == "__main__":
    main()
