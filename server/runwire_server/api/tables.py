"""`/api/runs/{run}/tables`: the tables of a run, and their rows."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import Response
from typing_extensions import TypedDict

from runwire_server.api.params import LastStep, Limit, LoggedName, LowestRank, Offset, RunId
from runwire_server.api.reply import json
from runwire_server.api.store import TheStore
from runwire_storage import queries
from runwire_storage.queries import LoggedTable

router = APIRouter(tags=["tables"])


class Tables(TypedDict):
    """The tables of a run, by name, those of later steps first."""

    tables: list[LoggedTable]


@router.get("/api/runs/{run}/tables", responses={200: {"model": Tables}})
def tables(request: Request, store: TheStore, run: RunId, limit: Limit = 1000) -> Response:
    """List the tables of a run."""
    return json(request, {"tables": store.ask(lambda client: queries.tables(client, run, limit))})


@router.get("/api/runs/{run}/table")
def table(
    request: Request,
    store: TheStore,
    run: RunId,
    name: LoggedName,
    *,
    rank: LowestRank = None,
    step: LastStep = None,
    limit: Annotated[int, Query(ge=1, le=10_000)] = 100,
    offset: Offset = 0,
) -> Response:
    """Show rows of a table: ``table`` says which, ``cells`` are the rows."""
    found = store.ask(lambda client: queries.table(client, run, name, rank=rank, step=step, limit=limit, offset=offset))
    return json(request, vars(found))
