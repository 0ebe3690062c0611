"""Tables: what they are made of, and how they lie in a spool."""

from __future__ import annotations

import datetime as dt
import math
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest

import runwire
from producers.spooled import logged, parts, told
from runwire.wire import TableRows

pytestmark = pytest.mark.usefixtures("home")


@pytest.fixture
def run() -> Iterator[runwire.Run]:
    """A run whose data stays in its spool."""
    with runwire.init(mode="offline") as begun:
        yield begun


def rows(found: list[TableRows]) -> list[list[Any]]:
    """All rows of a table, whose parts must lie end to end."""
    out: list[Any] = []
    for part in found:
        assert part.first == len(out)
        out += part.rows
    assert {part.total for part in found} == {len(out)}
    return out


@pytest.mark.parametrize(
    "made",
    [
        lambda: runwire.Table(columns=["a", "b"], data=[[1, "x"], [2, "y"]]),
        lambda: runwire.Table(data={"a": [1, 2], "b": ["x", "y"]}),
        lambda: runwire.Table(dataframe=pd.DataFrame({"a": [1, 2], "b": ["x", "y"]})),
        lambda: runwire.Table(data=pl.DataFrame({"a": [1, 2], "b": ["x", "y"]})),
        lambda: runwire.Table(columns=["a", "b"], data=np.array([[1, "x"], [2, "y"]], dtype=object)),
    ],
)
def test_a_table_is_made_of_rows_frames_and_arrays(run: runwire.Run, made: Any) -> None:
    """Whatever it is made of, the same columns and cells are stored."""
    run.log({"t": made()})
    (part,) = parts(run)
    assert (part.columns, part.rows) == (["a", "b"], [[1, "x"], [2, "y"]])


def test_rows_and_columns_can_be_added(run: runwire.Run) -> None:
    """And be read back in this process."""
    table = runwire.Table(columns=["a"])
    table.add_data(1)
    table.add_data(2)
    table.add_column("b", ["x", "y"])
    assert (len(table), table.get_column("b"), list(table.iterrows())) == (
        2,
        ["x", "y"],
        [(0, [1, "x"]), (1, [2, "y"])],
    )
    run.log({"t": table})
    table.add_data(3, "z")
    run.log({"t": table})
    first, second = parts(run)
    assert (first.total, second.total, second.table > first.table) == (2, 3, True)


def test_cells_are_stored_as_they_are_or_as_their_text(run: runwire.Run) -> None:
    """Numbers that JSON lacks have names; scalars of numpy are numbers; nested data is kept; no cell stops anything."""
    cells = [1, 2.5, "ß", True, None, math.nan, -math.inf, np.float32(0.5), np.int64(7), 2**70, [1, {"k": (2, None)}]]
    cells += [dt.date(2026, 1, 2), Path("x"), object, "\ud800", b"raw"]
    run.log({"t": runwire.Table(columns=[f"c{number}" for number in range(len(cells))], data=[cells])})
    (part,) = parts(run)
    stored = [1, 2.5, "ß", True, None, "NaN", "-Infinity", 0.5, 7, str(2**70), [1, {"k": [2, None]}]]
    assert part.rows[0][: len(stored)] == stored
    assert part.rows[0][len(stored) :] == ["datetime.date(2026, 1, 2)", "x", "<class 'object'>", "?", "b'raw'"]


def test_tables_share_the_step_of_the_call(run: runwire.Run) -> None:
    """A call with a table alone counts as a step, too."""
    table = runwire.Table(columns=["a"], data=[[1]])
    run.log({"loss": 1.0, "eval": {"t": table}, "u": table})
    run.log({"t": table})
    run.log({"t": table}, step=7, commit=False)
    run.log({"loss": 2.0})
    assert [(part.key, part.step) for part in parts(run)] == [("eval/t", 0), ("u", 0), ("t", 1), ("t", 7)]
    assert logged(run) == [(0, {"loss": 1.0}), (7, {"loss": 2.0})]


def test_a_large_table_is_stored_in_parts(run: runwire.Run) -> None:
    """However its rows differ in size, each part fits a message, and they lie end to end."""
    data = [[number, "x" * (60_000 if number % 997 < 5 else 10)] for number in range(5_000)]
    run.log({"t": runwire.Table(columns=["n", "text"], data=data)})
    found = parts(run)
    assert len(found) > 3
    assert rows(found) == data
    assert max(len(part.encode()) for part in found) < 300_000


def test_what_is_too_large_is_cut_and_said_once(run: runwire.Run, capsys: pytest.CaptureFixture[str]) -> None:
    """A text of 50 MB, and a row of too many long ones: the rest of the table is kept."""
    capsys.readouterr()
    wide = ["y" * 60_000] * 9
    data = [[1, *[None] * 8], ["x" * 50_000_000, *[None] * 8], wide, wide, [2, *[None] * 8]]
    run.log({"t": runwire.Table(columns=list("abcdefghi"), data=data)})
    stored = rows(parts(run))
    assert [row[0] for row in stored] == [1, "x" * 65_536 + "…", None, None, 2]
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 2
    assert "texts are cut at 64 KiB" in lines[0]
    assert "a table's row takes 527 kB, 256 are the most: its cells are left out" in lines[1]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: runwire.Table(columns=["a", "a"]), "there are two columns 'a'"),
        (lambda: runwire.Table(columns=["a\n"]), "a column: 'a\\n' is no name: it holds a control character"),
        (lambda: runwire.Table(columns=["a"], data=[[1, 2]]), "the row (1, 2) has 2 cells, and the table 1 columns: a"),
        (lambda: runwire.Table(columns=["a"], data=5), "data is a int: pass a list of rows"),
        (lambda: runwire.Table(columns=["a"], data=["ab"]), "the row 'ab' is a str: pass a list of cells a row"),
        (lambda: runwire.Table(columns=["a"]).add_data(), "the row () has 0 cells"),
        (
            lambda: runwire.Table(["a"], [[1]]).add_column("b", [1, 2]),
            "the column 'b' has 2 cells, and the table 1 rows",
        ),
        (lambda: runwire.Table(["a"]).get_column("b"), "there is no column 'b'; there is: a"),
        (lambda: runwire.Table([f"c{n}" for n in range(1001)]), "a table has at most 1000 columns"),
    ],
)
def test_what_is_no_table_is_refused(call: Any, message: str) -> None:
    """Where it is made, with what is wrong."""
    with pytest.raises(runwire.errors.UsageError) as raised:
        call()
    assert message in str(raised.value)


def test_what_cannot_even_say_its_text_stops_nothing(run: runwire.Run) -> None:
    """As a proxy whose object is gone: that it cannot be read is stored, in a table and in the config."""

    class Broken:
        def __repr__(self) -> str:
            raise ValueError("no text")

    gone = weakref.proxy(Broken())
    run.log({"t": runwire.Table(columns=["a"], data=[[Broken()], [gone], [[1, Broken()]]])})
    run.config.update({"model": gone, "lr": 0.1})
    assert rows(parts(run))[0] == ["<Broken that cannot be read>"]
    assert rows(parts(run))[2] == [[1, "<Broken that cannot be read>"]]
    (config,) = told(run, "config")
    assert config["lr"] == 0.1


def test_a_table_without_columns_is_not_logged_and_that_is_said(
    run: runwire.Run, capsys: pytest.CaptureFixture[str]
) -> None:
    """An empty one with columns is."""
    capsys.readouterr()
    run.log({"none": runwire.Table(), "empty": runwire.Table(columns=["a"])})
    assert "the table 'none' has no columns: not logged" in capsys.readouterr().err
    assert [(part.key, part.total, part.rows) for part in parts(run)] == [("empty", 0, [])]
    assert told(run, "dropped") == []
