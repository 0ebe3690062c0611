"""Runs: all of them, or one by whatever it is called."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from clickhouse_connect.driver.client import Client
from typing_extensions import TypedDict

from runwire.wire import loads
from runwire_storage.queries.errors import AmbiguousRunError, NoSuchRunError
from runwire_storage.schema import DATABASE


class Run(TypedDict):
    """A run as it is known now.

    ``state`` is running, finished, failed or crashed. ``last_step`` is the highest of its metrics' steps. ``summary``
    holds each metric's last value and what the run itself said.
    """

    id: str
    project: str
    name: str
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


_RUNS = f"""
    SELECT
        id, project, name, state, config, summary, tags, host, command, ranks, steps.last_step AS last_step,
        started_at, ended_at, seen_at, exit_code, exception
    FROM {DATABASE}.runs
    LEFT JOIN (SELECT run, toNullable(max(last_step)) AS last_step FROM {DATABASE}.series GROUP BY run) AS steps
        ON steps.run = id
    WHERE {{where}}
    ORDER BY started_at DESC, id
    LIMIT {{{{limit:UInt64}}}}
"""  # noqa: S608 - a constant


def runs(client: Client, project: str | None = None, state: str | None = None, limit: int = 1000) -> list[Run]:
    """Return runs, those that started last first.

    Args:
        client: of the store.
        project: only that project's.
        state: only those that are running, finished, failed or crashed.
        limit: at most so many.

    Raises:
        ClickHouseError: the driver's own, where the store refuses or is away.
    """
    told = {"project": project, "state": state}
    wanted = {name: value for name, value in told.items() if value is not None}
    where = " AND ".join(f"{name} = {{{name}:String}}" for name in wanted) or "true"
    return list(_read(client, where, {**wanted, "limit": limit}))


def run(client: Client, word: str) -> Run:
    """Return the run that has this id, or else the only one whose id begins so or whose name is this.

    Raises:
        NoSuchRunError: there is none.
        AmbiguousRunError: there are several.
        ClickHouseError: the driver's own, where the store refuses or is away.
    """
    where = "id = {word:String} OR startsWith(id, {word:String}) OR name = {word:String}"
    found = list(_read(client, where, {"word": word, "limit": 1000}))
    exact = [one for one in found if one["id"] == word] or found
    if not exact:
        raise NoSuchRunError(f"there is no run {word!r}", "`runwire runs` lists them")
    if len(exact) > 1:
        shown = ", ".join(one["id"] for one in exact[:5])
        raise AmbiguousRunError(
            f"{len(exact)} runs are called {word!r}: {shown}{', …' if len(exact) > 5 else ''}",
            "give the whole id, or a prefix that only one has",
        )
    return exact[0]


def _read(client: Client, where: str, parameters: Mapping[str, Any]) -> Iterator[Run]:
    for row in client.query(_RUNS.format(where=where), dict(parameters)).named_results():
        yield {  # type: ignore[typeddict-item]
            **row,
            "command": loads(row["command"]) if row["command"] else "",
            "exception": loads(row["exception"]) if row["exception"] else None,
        }
