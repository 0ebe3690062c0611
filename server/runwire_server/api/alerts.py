"""`/api/alerts`."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request
from starlette.responses import Response
from typing_extensions import TypedDict

from runwire_server.api.reply import json
from runwire_server.api.store import TheStore
from runwire_storage import queries
from runwire_storage.queries import Alert

router = APIRouter(tags=["alerts"])


class Alerts(TypedDict):
    """Alerts, those that fired last first."""

    alerts: list[Alert]


@router.get("/api/alerts", responses={200: {"model": Alerts}})
def alerts(
    request: Request,
    store: TheStore,
    run: str | None = None,
    state: Literal["firing", "resolved"] | None = None,
    limit: Annotated[int, Query(ge=1, le=100_000)] = 1000,
) -> Response:
    """List alerts, those that fired last first."""
    return json(request, {"alerts": store.ask(lambda client: queries.alerts(client, run, state, limit))})
