"""Runs: those that a filter picks, or one by whatever it is called."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import Error
from typing_extensions import TypedDict

from runwire.wire import loads
from runwire_storage.gather import DEFINES, gathered
from runwire_storage.queries.errors import AmbiguousRunError, NoSuchRunError
from runwire_storage.queries.filter.sql import SETTINGS, selection
from runwire_storage.queries.filter.tokens import FilterError
from runwire_storage.queries.filter.tree import And, Condition, Field, SortKey
from runwire_storage.schema import DATABASE

_BAD_PATTERN = 427
_NEWEST = (SortKey(Field("started"), descending=True),)


class Run(TypedDict, total=False):
    """A run as it is known now.

    ``state`` is running, finished, stopped, failed or crashed; ``stop`` says why it stops or was stopped: reason, and
    if it was asked to, by whom and when (microseconds since the epoch). ``time_limit_at`` is when its job's time is
    over, if the launcher says so. ``last_step`` is the highest of its metrics' steps. ``summary`` holds each metric's
    last value and what the run itself said; ``dropped_rows`` is how many rows could not be kept, for a disk was full or
    damaged. What was not said is "". A run in brief lacks config, summary, notes, command and exception.
    """

    id: str
    project: str
    name: str
    entity: str
    group: str
    job_type: str
    notes: str
    commit: str
    state: str
    config: dict[str, Any]
    summary: dict[str, Any]
    tags: list[str]
    host: str
    command: str
    ranks: int
    last_step: int | None
    started_at: datetime
    ended_at: datetime | None
    seen_at: datetime
    exit_code: int | None
    exception: dict[str, Any] | None
    stop: dict[str, Any] | None
    time_limit_at: datetime | None
    dropped_rows: int


@dataclass(frozen=True)
class Page:
    """Some of the runs that were asked for, and how many there are in all."""

    runs: Sequence[Run]
    total: int


_COLUMNS = tuple(Run.__annotations__)
_LONG = {"config", "summary", "notes", "command", "exception"}
#: Those that are JSON, and what they are where nothing was said.
_JSON = {"command": "", "exception": None, "stop": None}
_BRIEF = tuple(name for name in _COLUMNS if name not in _LONG)


def runs(
    client: Client,
    condition: Condition = And(()),  # noqa: B008 - it cannot change
    sort: Sequence[SortKey] = (),
    limit: int = 1000,
    offset: int = 0,
    *,
    brief: bool = False,
) -> Page:
    """Return the runs for which a condition holds, in order; by default those that started last first.

    Config and summary are put together for the runs of the page alone, and for the condition only the keys that it
    names are looked at.

    Args:
        client: of the store.
        condition: what `filter.parse` says of a text.
        sort: what `filter.parse_sort` says of a text.
        limit: at most so many runs.
        offset: behind so many.
        brief: leave out config, summary, notes, command and exception.

    Raises:
        FilterError: a pattern that ClickHouse has no form for.
        ClickHouseError: the driver's own, where the store refuses or is away.
    """
    asked = selection(client)
    where, order = asked.condition(condition), asked.order(sort or _NEWEST)
    sql = asked.select("id, count() OVER () AS total", where)
    paged = f"{sql} ORDER BY {order} LIMIT {{limit:UInt64}} OFFSET {{offset:UInt64}}"
    rows = ask(client, paged, {**asked.parameters, "limit": limit, "offset": offset})
    if not rows:
        counted = ask(client, asked.select("count()", where), asked.parameters) if offset else [(0,)]
        return Page([], counted[0][0])
    ids = [row[0] for row in rows]
    columns = _BRIEF if brief else _COLUMNS
    found = {one["id"]: one for one in _read(client, ids, columns)}
    # Between the two questions a run may have been deleted.
    return Page([found[name] for name in ids if name in found], rows[0][1])


def ids(client: Client, condition: Condition) -> list[str]:
    """Return the ids of all runs for which a condition holds.

    Raises:
        FilterError: a pattern that ClickHouse has no form for.
        ClickHouseError: the driver's own, where the store refuses or is away.
    """
    asked = selection(client)
    where = asked.condition(condition)
    return [row[0] for row in ask(client, f"{asked.select('id', where)} ORDER BY id", asked.parameters)]


def run(client: Client, word: str) -> Run:
    """Return the run that has this id, or else the only one whose id begins so or whose name is this.

    Raises:
        NoSuchRunError: there is none.
        AmbiguousRunError: there are several.
        ClickHouseError: the driver's own, where the store refuses or is away.
    """
    found = list(_read(client, [word], _COLUMNS))
    if found:
        return found[0]
    called = _called(client, word)
    if len(called) > 1:
        shown = ", ".join(called[:5])
        raise AmbiguousRunError(
            f"{len(called)} runs are called {word!r}: {shown}{', …' if len(called) > 5 else ''}",
            "give the whole id, or a prefix that only one has",
        )
    found = list(_read(client, called, _COLUMNS))
    if not found:
        raise NoSuchRunError(f"there is no run {word!r}", "`runwire runs` lists them")
    return found[0]


def _called(client: Client, word: str) -> list[str]:
    """Return the ids of the runs that a word may mean, the last that started first."""
    sql = f"""
        SELECT id FROM {DATABASE}.runs WHERE startsWith(id, {{word:String}}) OR name = {{word:String}}
        ORDER BY started_at DESC, id LIMIT 1000
    """  # noqa: S608 - constants
    return [row[0] for row in client.query(sql, {"word": word}).result_rows]


def ask(client: Client, sql: str, parameters: Mapping[str, Any]) -> Sequence[Sequence[Any]]:
    """Return the rows of a `Selection`'s SELECT.

    Raises:
        FilterError: a pattern that ClickHouse has no form for.
        ClickHouseError: the driver's own, where the store refuses or is away.
    """
    try:
        return client.query(sql, dict(parameters), settings=SETTINGS).result_rows
    except Error as error:
        if error.code != _BAD_PATTERN:
            raise
        raise FilterError(
            "the filter has a pattern that ClickHouse cannot search by",
            "its regular expressions are RE2's: no look-around, no references back",
            0,
        ) from error


def _read(client: Client, ids: Sequence[str], columns: Sequence[str]) -> Iterator[Run]:
    """Yield those of these runs that there are, in no order."""
    told = {"ids": list(ids)}
    defined = "summary" in columns and bool(client.query(DEFINES.replace("{db}", DATABASE), told).result_rows)
    for row in client.query(gathered(columns, DATABASE, defined=defined), told).named_results():
        run: Run = row  # type: ignore[assignment]  # its columns are these
        for name in _JSON.keys() & set(columns):
            run[name] = loads(row[name]) if row[name] else _JSON[name]  # type: ignore[literal-required]
        yield run
