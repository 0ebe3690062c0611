"""Tables that runs logged: which there are, and their rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from clickhouse_connect.driver.client import Client
from typing_extensions import TypedDict

from runwire_storage import cells
from runwire_storage.queries import logged
from runwire_storage.queries.errors import NoSuchTableError
from runwire_storage.schema import DATABASE


class LoggedTable(TypedDict):
    """A table that a run logged: under which name, by which rank, at which step and when, and how large it is."""

    name: str
    rank: int
    step: int
    ts: datetime
    rows: int
    columns: list[str]


@dataclass(frozen=True)
class Cells:
    """Some rows of a table.

    Attributes:
        table: which.
        offset: how many rows come before them.
        cells: of each row, one for each column. What JSON has no number for is "NaN", "Infinity" or "-Infinity".
    """

    table: LoggedTable
    offset: int
    cells: Sequence[Sequence[Any]]


_KIND = logged.Kind(NoSuchTableError, "table", "log({name: runwire.Table(...)}) makes one")
_COLUMNS = ", ".join(LoggedTable.__annotations__)


def tables(client: Client, run: str, limit: int = 1000) -> list[LoggedTable]:
    """Return the tables of a run, by name, those of later steps first.

    Raises:
        ClickHouseError: the driver's own, where the store refuses or is away.
    """
    sql = f"""
        SELECT {_COLUMNS} FROM {DATABASE}.tables WHERE run = {{run:String}}
        ORDER BY name, step DESC, rank LIMIT {{limit:UInt64}}
    """  # noqa: S608 - constants
    found: list[Any] = list(client.query(sql, {"run": run, "limit": limit}).named_results())
    return found


def table(
    client: Client,
    run: str,
    name: str,
    *,
    rank: int | None = None,
    step: int | None = None,
    limit: int = 100,
    offset: int = 0,
) -> Cells:
    """Return rows of a table, in the order in which they were logged.

    Args:
        client: of the store.
        run: whose, by id.
        name: as it was logged.
        rank: of which rank; None for the lowest that has it.
        step: of which step; None for the last.
        limit: at most so many rows.
        offset: behind so many.

    Raises:
        NoSuchTableError: the run has no such table.
        ClickHouseError: the driver's own, where the store refuses or is away.
    """
    where, wanted = logged.place(rank, step)
    sql = f"""
        SELECT {_COLUMNS} FROM {DATABASE}.tables WHERE run = {{run:String}} AND name = {{name:String}}{where}
        ORDER BY step DESC, rank LIMIT 1
    """  # noqa: S608 - constants
    found: list[Any] = list(client.query(sql, {"run": run, "name": name, **wanted}).named_results())
    if not found:
        raise _KIND.none(run, name, wanted, (one["name"] for one in tables(client, run)))
    chosen: LoggedTable = found[0]
    sql = f"""
        SELECT toJSONString(data) FROM {DATABASE}.table_rows
        WHERE run = {{run:String}} AND name = {{name:String}} AND rank = {{rank:UInt32}} AND step = {{step:Int64}}
            AND row >= {{offset:UInt64}} AND row < {{end:UInt64}}
        ORDER BY row
    """  # noqa: S608 - constants
    place = {"run": run, "name": name, "rank": chosen["rank"], "step": chosen["step"]}
    bounds = {**place, "offset": offset, "end": offset + limit}
    rows = client.query(sql, bounds, settings={"json_type_escape_dots_in_keys": 1}).result_rows
    found_rows = [cells.unpack(row[0]) for row in rows]
    return Cells(chosen, offset, [[row.get(column) for column in chosen["columns"]] for row in found_rows])
