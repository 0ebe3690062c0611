"""Alerts: what fired, and what still does."""

from __future__ import annotations

from datetime import datetime

from clickhouse_connect.driver.client import Client
from typing_extensions import TypedDict

from runwire.wire import loads
from runwire_storage.schema import DATABASE


class Alert(TypedDict):
    """One episode of an alert as it is now; ``state`` is firing or resolved.

    ``before`` are the (step, value) pairs logged before the one that it is about, oldest first.
    """

    id: str
    episode: int
    rule: str
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


def alerts(client: Client, run: str | None = None, state: str | None = None, limit: int = 1000) -> list[Alert]:
    """Return alerts, those that fired last first.

    Args:
        client: of the store.
        run: only that run's, by id.
        state: only those that are "firing", or "resolved".
        limit: at most so many.

    Raises:
        ClickHouseError: the driver's own, where the store refuses or is away.
    """
    told = {"run": run, "state": state}
    wanted = {name: value for name, value in told.items() if value is not None}
    where = " AND ".join(f"{name} = {{{name}:String}}" for name in wanted) or "true"
    rows = client.query(
        f"""
            SELECT {", ".join(Alert.__annotations__)} FROM {DATABASE}.alerts
            WHERE {where} ORDER BY fired_at DESC, id, episode DESC LIMIT {{limit:UInt64}}
        """,  # noqa: S608 - constants
        {**wanted, "limit": limit},
    ).named_results()
    return [{**row, "before": loads(row["before"] or "[]")} for row in rows]  # type: ignore[typeddict-item]
