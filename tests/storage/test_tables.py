"""Tables in the store: once, whole, the newest of each name and step, and gone with their run."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import known_runs
import pytest
from clickhouse_connect.driver.client import Client
from embedded_process import Embedded

from runwire.wire import TABLES, TableRows
from runwire_faust.message import Message
from runwire_storage import queries, removal
from runwire_storage.queries import Limits, NoSuchTableError
from runwire_stream.ingest import Ingest

_TS = 1_770_000_000_000_000


@pytest.fixture(scope="module")
def ingest(embedded: Embedded, client: Client) -> Ingest:  # noqa: ARG001 - the schema is there
    """What the stream stores with."""
    return known_runs.ingest(embedded.url)


def part(run: str, rows: Sequence[Sequence[Any]], **more: Any) -> Message:
    """A message with rows of a table."""
    said = {"rank": 0, "seq": 8, "ts": _TS, "step": 3, "key": "t", "table": 7, "columns": ["a", "b.c"], "first": 0}
    said |= {"total": len(rows), **more}
    return Message(TABLES, 0, 0, None, TableRows(run=run, rows=rows, **said).encode())


def test_names_that_look_like_dots_to_the_store_are_what_was_logged(ingest: Ingest, client: Client) -> None:
    """Also beside those that they look like, which the store would take for the same name twice, and refuse."""
    columns = ["a.b", "a%2Eb", "a%252Eb", "100%"]
    rows = [[1, 2, 3, {"x.y": 4, "x%2Ey": [{"z%2E": 5, "z.": "%2E"}]}]]
    assert ingest.store([part("percent", rows, columns=columns)]) == []
    assert queries.table(client, "percent", "t").cells == rows


def test_parts_that_come_twice_and_in_any_order_are_one_table(ingest: Ingest, client: Client) -> None:
    """Rows lie in the order in which they were logged, whatever order they came in."""
    rows = [[number, f"row {number}"] for number in range(300)]
    parts = [part("twice", rows[at : at + 100], first=at, total=300, seq=8 + at) for at in range(0, 300, 100)]
    for message in (parts[2], parts[0], parts[2], parts[1], parts[0]):
        assert ingest.store([message]) == []
    (listed,) = queries.tables(client, "twice")
    assert {key: listed[key] for key in ("name", "rank", "step", "rows", "columns")} == {  # type: ignore[literal-required]
        "name": "t", "rank": 0, "step": 3, "rows": 300, "columns": ["a", "b.c"],
    }  # fmt: skip
    assert queries.table(client, "twice", "t", limit=1000).cells == rows
    assert queries.table(client, "twice", "t", limit=2, offset=299).cells == rows[299:]


def test_cells_are_what_was_logged(ingest: Ingest, client: Client) -> None:
    """Texts that look like dates or numbers stay texts; dots in names are no levels; what JSON lacks has a name."""
    cells = [
        "2024-01-02 03:04:05",
        "2024-01-02",
        "7",
        "NaN",
        2**63,
        -5,
        0.1,
        1e300,
        True,
        None,
        [1, "x"],
        {"k": {"l": 1}},
    ]
    columns = [f"c.{number}" for number in range(len(cells))]
    other = ["a text", *[None] * (len(cells) - 1)]
    assert ingest.store([part("cells", [cells, other], columns=columns)]) == []
    assert queries.table(client, "cells", "t").cells == [cells, other]


def test_of_a_name_and_step_the_later_table_counts(ingest: Ingest, client: Client) -> None:
    """Also where it has fewer rows, and where the earlier one comes once more; other steps and ranks stay."""
    first, second = part("again", [[1, 1], [2, 2], [3, 3]]), part("again", [[4, 4]], table=9, seq=9)
    other = part("again", [[5, 5]], step=4, table=11), part("again", [[6, 6]], rank=1, table=11)
    for message in (first, second, first, *other):
        assert ingest.store([message]) == []
    assert queries.table(client, "again", "t", step=3, rank=0).cells == [[4, 4]]
    assert queries.table(client, "again", "t").cells == [[5, 5]]
    assert queries.table(client, "again", "t", rank=1).cells == [[6, 6]]
    assert [(one["step"], one["rank"]) for one in queries.tables(client, "again")] == [(4, 0), (3, 0), (3, 1)]


def test_sql_groups_the_rows_of_a_table(ingest: Ingest, client: Client) -> None:
    """By a column as it is, though JSON could hold several types in it."""
    rows = [[number % 3, f"class {number % 2}"] for number in range(60)]
    assert ingest.store([part("grouped", rows, columns=["score", "label"])]) == []
    sql = """SELECT data.label AS label, count(), sum(data.score::Int64) FROM runwire.table_rows
        WHERE run = 'grouped' AND name = 't' GROUP BY label ORDER BY label"""
    assert queries.read_only_sql(client, sql, Limits()).rows == [("class 0", 30, 30), ("class 1", 30, 30)]


def test_sql_reads_a_column_with_a_dot_and_a_number_that_is_nan(ingest: Ingest, client: Client) -> None:
    """As docs/sql.md says: the dot is written %2E, and a cast turns the text NaN back."""
    assert ingest.store([part("dotted", [[0.5, "x"], ["NaN", "y"]], columns=["top.1", "label"])]) == []
    sql = "SELECT data.`top%2E1`::Float64 FROM runwire.table_rows WHERE run = 'dotted' ORDER BY row"
    (one,), (other,) = queries.read_only_sql(client, sql, Limits()).rows
    assert one == 0.5
    assert math.isnan(other)


def test_an_empty_table_is_one(ingest: Ingest, client: Client) -> None:
    """With its columns."""
    assert ingest.store([part("empty", [])]) == []
    found = queries.table(client, "empty", "t")
    assert (found.table["columns"], found.cells) == (["a", "b.c"], [])


def test_a_table_that_is_not_there_is_named_with_those_that_are(ingest: Ingest, client: Client) -> None:
    """Near names first; and where the name is right, what else was asked for."""
    assert ingest.store([part("known", [[1, 1]], key="predictions")]) == []
    with pytest.raises(NoSuchTableError, match="run known has no table 'prediction'") as raised:
        queries.table(client, "known", "prediction")
    assert raised.value.hint == "it has predictions"
    with pytest.raises(NoSuchTableError, match="has no table 'predictions' at rank 4 and step 9"):
        queries.table(client, "known", "predictions", rank=4, step=9)


def test_tables_go_with_their_run(ingest: Ingest, client: Client) -> None:
    """What still comes of them is not shown, either."""
    known_runs.tell(ingest, "gone-tables", "start", 0, {"project": "p"})
    known_runs.tell(ingest, "gone-tables", "finish", 1, {"exit_code": 0})
    assert ingest.store([part("gone-tables", [[1, 1]])]) == []
    removal.delete(client, "gone-tables")
    assert ingest.store([part("gone-tables", [[1, 1]])]) == []
    assert queries.tables(client, "gone-tables") == []
    assert removal.sweep(client) == 2
    assert client.query("SELECT count() FROM runwire.stored_table_rows WHERE run = 'gone-tables'").result_rows == [(0,)]


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"columns": ["a", "a"]}, "expected each name once"),
        ({"columns": []}, "expected a list of 1 to 1000 names"),
        ({"columns": ["a", "b\n"]}, "control character"),
        ({"total": 0}, "rows up to 1 of a table of 0"),
        ({"key": ""}, "no metric name"),
        ({"rank": -1}, "no rank"),
        ({"step": 2**63}, "step is"),
        ({"columns": ["a"]}, "expected lists of 1 cells"),
    ],
)
def test_what_is_no_part_of_a_table_is_refused_and_all_else_stored(
    ingest: Ingest, client: Client, changed: dict[str, Any], reason: str
) -> None:
    """Each with its reason, for the dead letters."""
    good, bad = part("refused", [[1, 1]]), part("refused", [[1, 1]], **changed)
    ((message, why),) = ingest.store([bad, good])
    assert message is bad
    assert reason in why
    assert queries.table(client, "refused", "t").cells == [[1, 1]]
