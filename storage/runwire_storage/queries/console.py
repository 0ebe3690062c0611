"""What the processes of a run printed, line by line."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from clickhouse_connect.driver.client import Client
from typing_extensions import TypedDict

from runwire.wire import ATTEMPT_SHIFT
from runwire_storage.schema import DATABASE


class PrintedLine(TypedDict):
    """A line that a process printed, as it was when it was last recorded.

    Lines are counted by ``n`` in each ``attempt``; where numbers are missing, lines were left out. ``stream`` is
    stdout, stderr, or both: where the two led to the same place.
    """

    attempt: int
    n: int
    stream: str
    ts: datetime
    text: str


@dataclass(frozen=True)
class Printed:
    """Some lines of one process of a run.

    Attributes:
        ranks: those that printed something; None where it was only asked for what is new.
        rank: whose lines they are; None if nobody printed anything.
        lines: in their order; those that are new, in the order in which they were recorded: a line may come again.
        first: to be given as ``before`` for the lines before these; None where there are none.
        last: to be given as ``after`` for what is recorded later.
    """

    ranks: Sequence[int] | None
    rank: int | None
    lines: Sequence[PrintedLine]
    first: int | None
    last: int


_COLUMNS = ", ".join(PrintedLine.__annotations__)
_WHERE = f"run = {{run:String}} AND run NOT IN (SELECT run FROM {DATABASE}.deleted)"  # noqa: S608 - a constant


def console(
    client: Client,
    run: str,
    *,
    rank: int | None = None,
    after: int | None = None,
    before: int | None = None,
    search: str = "",
    limit: int = 1000,
) -> Printed:
    """Return lines that a process printed: the last ones, those before some, or what is new.

    Args:
        client: of the store.
        run: whose, by id.
        rank: of which process; None for the lowest that printed something.
        after: `Printed.last` of an earlier answer: only what was recorded since, the oldest first.
        before: `Printed.first` of an earlier answer: only lines before those.
        search: only lines that hold this text, in whatever case.
        limit: at most so many.

    Raises:
        ClickHouseError: the driver's own, where the store refuses or is away.
    """
    told: dict[str, Any] = {"run": run, "search": search, "limit": limit}
    ranks: list[int] | None = None
    if after is None or rank is None:
        ranks = _ranks(client, run)
        rank = next(iter(ranks), None) if rank is None else rank
    if rank is None:
        return Printed(ranks, None, [], None, after or 0)
    where = f"{_WHERE} AND rank = {{rank:UInt32}}"
    if search:
        where += " AND positionCaseInsensitiveUTF8(text, {search:String}) > 0"
    if after is not None:
        # Each record once, also where a shipper or a worker that was killed repeated it.
        sql = f"""
            SELECT DISTINCT {_COLUMNS}, seq FROM {DATABASE}.stored_console
            WHERE {where} AND seq > {{after:UInt64}} ORDER BY seq LIMIT {{limit:UInt64}}
        """  # noqa: S608 - constants
    else:
        if before is not None:
            told |= {"attempt": before >> ATTEMPT_SHIFT, "n": before & ((1 << ATTEMPT_SHIFT) - 1)}
            where += " AND (attempt, n) < ({attempt:UInt32}, {n:UInt64})"
        sql = f"""
            SELECT {_COLUMNS}, seq FROM {DATABASE}.stored_console FINAL
            WHERE {where} ORDER BY attempt DESC, n DESC LIMIT {{limit:UInt64}}
        """  # noqa: S608 - constants
    rows: list[Any] = list(client.query(sql, {**told, "rank": rank, "after": after or 0}).named_results())
    if after is None:
        rows.reverse()
    last = max((row.pop("seq") for row in rows), default=after or 0)
    first = rows[0]["attempt"] << ATTEMPT_SHIFT | rows[0]["n"] if rows and after is None else None
    return Printed(ranks, rank, rows, first, last)


def _ranks(client: Client, run: str) -> list[int]:
    sql = f"SELECT DISTINCT rank FROM {DATABASE}.stored_console WHERE {_WHERE} ORDER BY rank"  # noqa: S608
    return [rank for (rank,) in client.query(sql, {"run": run}).result_rows]
