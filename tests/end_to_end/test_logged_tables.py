"""A Table's way, from a training process to SQL and the commands."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from parts import Pipeline, until

import runwire
from runwire_storage import queries
from runwire_storage.client import connect

ROWS = 50_000


def _runwire(up: Pipeline, *words: str) -> str:
    command = [sys.executable, "-m", "runwire", *words]
    environment = {**os.environ, "RUNWIRE_HOME": str(up.home), "COLUMNS": "120"}
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=True, timeout=60).stdout


def test_a_logged_table_can_be_read_and_grouped_whatever_is_killed(
    start_up: Callable[..., Pipeline], home: Path
) -> None:
    """Every cell is there once, though the store and the stream are killed while its rows are on their way."""
    up = start_up(home)
    data = [[f"input {number}", number % 10, "cat" if number % 3 else "dog", number / 7] for number in range(ROWS)]
    with runwire.init("tables", dir=up.home) as run:
        run.log({"loss": 1.0, "predictions": runwire.Table(["input", "prediction", "label", "score"], data)}, step=5)
        up.kill("stream")
        up.kill("clickhouse")
    up.pid("clickhouse")
    client = connect(up.clickhouse)

    def there() -> bool:
        sql = "SELECT count() FROM runwire.table_rows WHERE run = {run:String}"
        return bool(client.query(sql, {"run": run.id}).result_rows[0][0] == ROWS)

    until(there, "all rows")
    assert queries.table(client, run.id, "predictions", limit=ROWS).cells == data
    client.close()

    sql = f"SELECT data.label AS l, count() AS n FROM table_rows WHERE run = '{run.id}' GROUP BY l ORDER BY l"
    dogs = len(range(0, ROWS, 3))
    assert json.loads(_runwire(up, "sql", sql, "--json")) == [{"l": "cat", "n": ROWS - dogs}, {"l": "dog", "n": dogs}]

    (listed,) = json.loads(_runwire(up, "table", run.id, "--json"))
    assert (listed["name"], listed["step"], listed["rows"]) == ("predictions", 5, ROWS)
    told = json.loads(_runwire(up, "table", run.id, "predictions", "-n", "2", "--offset", "3", "--json"))
    assert told["cells"] == data[3:5]
    shown = _runwire(up, "table", run.id, "predictions", "-n", "2")
    assert "input 1" in shown
    assert "predictions at step 5, rank 0: 1 to 2 of 50,000 rows" in shown


def test_a_table_of_a_thousand_columns_is_read_and_grouped(up: Pipeline) -> None:
    """As many as a table may have: each cell is there, and any column can be grouped by."""
    columns = [f"column {number}" for number in range(1000)]
    data: list[list[object]] = [list(range(1000 * row, 1000 * row + 1000)) for row in range(300)]
    for row, cells in enumerate(data):
        cells[::3] = [f"text {row % 7}"] * len(cells[::3])
    with runwire.init("wide", dir=up.home) as run:
        run.log({"wide": runwire.Table(columns, data)})
    client = connect(up.clickhouse)
    sql = "SELECT count() FROM runwire.table_rows WHERE run = {run:String}"
    until(lambda: client.query(sql, {"run": run.id}).result_rows[0][0] == len(data), "all rows")
    assert queries.table(client, run.id, "wide", limit=len(data)).cells == data
    client.close()
    sql = f"SELECT data.`column 999` AS t, count() AS n FROM table_rows WHERE run = '{run.id}' GROUP BY t ORDER BY t"
    counted = json.loads(_runwire(up, "sql", sql, "--json"))
    assert counted == [{"t": f"text {rest}", "n": len(range(rest, len(data), 7))} for rest in range(7)]
    told = json.loads(_runwire(up, "table", run.id, "wide", "-n", "1", "--json"))
    assert told["cells"] == data[:1]
