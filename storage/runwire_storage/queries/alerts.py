"""Alerts: what fired, and what still does."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from clickhouse_connect.driver.client import Client
from typing_extensions import TypedDict

from runwire.wire import loads
from runwire_storage.queries.errors import NoSuchAlertError
from runwire_storage.schema import DATABASE

_EPISODES_MAX = 1000


class Alert(TypedDict):
    """One episode of an alert as it is now; ``state`` is pending, firing, acknowledged, silenced or resolved.

    ``kind`` is what its rule judges by, whose name it has unless the rule was given one of its own.
    ``before`` are the (step, value) pairs logged before the one that it is about, oldest first; ``ranks`` those to
    which the same happened, as ``0-511,513``; ``part_of`` the id of the alert that explains it; ``details`` what else
    its record has, times in microseconds.
    """

    id: str
    episode: int
    rule: str
    kind: str
    severity: str
    state: str
    run: str
    name: str
    project: str
    rank: int | None
    metric: str
    step: int | None
    value: float | None
    before: list[list[float]]
    title: str
    text: str
    host: str
    caused_at: datetime
    fired_at: datetime
    resolved_at: datetime | None
    delivered_at: datetime | None
    ranks: str
    part_of: str
    details: dict[str, Any]


def alerts(client: Client, run: str | None = None, state: str | None = None, limit: int = 1000) -> list[Alert]:
    """Return alerts, those that fired last first.

    Args:
        client: of the store.
        run: only that run's, by id.
        state: only those that are in that state.
        limit: at most so many.

    Raises:
        ClickHouseError: the driver's own, where the store refuses or is away.
    """
    told = {"run": run, "state": state}
    wanted = {name: value for name, value in told.items() if value is not None}
    where = " AND ".join(f"{name} = {{{name}:String}}" for name in wanted) or "true"
    return _ask(client, f"{where} ORDER BY fired_at DESC, id, episode DESC LIMIT {{limit:UInt64}}", wanted, limit)


def episodes(client: Client, id_: str) -> list[Alert]:
    """Return each time that an alert fired, the last first.

    Args:
        client: of the store.
        id_: its id, or how that begins.

    Raises:
        NoSuchAlertError: none has that id, or several begin so.
        ClickHouseError: the driver's own, where the store refuses or is away.
    """
    found = _ask(
        client, "startsWith(id, {id:String}) ORDER BY episode DESC LIMIT {limit:UInt64}", {"id": id_}, _EPISODES_MAX
    )
    ids = sorted({one["id"] for one in found})
    if not ids:
        raise NoSuchAlertError(f"there is no alert {id_!r:.80}", "see /api/alerts, or `runwire alerts ls`")
    if len(ids) > 1 and id_ not in ids:
        raise NoSuchAlertError(f"several alerts begin with {id_!r:.80}: {', '.join(ids[:5])}", "give more of the id")
    return [one for one in found if one["id"] == (id_ if id_ in ids else ids[0])]


def _ask(client: Client, condition: str, bound: dict[str, str], limit: int) -> list[Alert]:
    names = ", ".join(name for name in Alert.__annotations__ if name != "kind")
    statement = f"SELECT {names} FROM {DATABASE}.alerts WHERE {condition}"  # noqa: S608 - constants
    rows = client.query(statement, {**bound, "limit": limit}).named_results()
    return [_told(row) for row in rows]


def _told(row: dict[str, Any]) -> Alert:
    details = loads(row["details"] or "{}")
    kind = details.pop("kind", "") or row["rule"]  # what was stored before kinds were had rules of their kinds' names
    return {**row, "kind": kind, "before": loads(row["before"] or "[]"), "details": details}  # type: ignore[typeddict-item]
