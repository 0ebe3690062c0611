"""`/api/runs/{run}/tables`: the tables of a run, and their rows."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query, Request
from starlette.responses import Response
from typing_extensions import TypedDict

from runwire.wire.names import METRIC_BYTES_MAX, RANK_MAX, RUN_ID
from runwire_server.api.reply import json
from runwire_server.api.store import TheStore
from runwire_storage import queries
from runwire_storage.queries import LoggedTable

router = APIRouter(tags=["tables"])

_Run = Annotated[str, Path(pattern=f"^{RUN_ID.pattern}$", description="A run's id.")]


class Tables(TypedDict):
    """The tables of a run, by name, those of later steps first."""

    tables: list[LoggedTable]


@router.get("/api/runs/{run}/tables", responses={200: {"model": Tables}})
def tables(
    request: Request, store: TheStore, run: _Run, limit: Annotated[int, Query(ge=1, le=100_000)] = 1000
) -> Response:
    """List the tables of a run."""
    return json(request, {"tables": store.ask(lambda client: queries.tables(client, run, limit))})


@router.get("/api/runs/{run}/table")
def table(
    request: Request,
    store: TheStore,
    run: _Run,
    name: Annotated[str, Query(min_length=1, max_length=METRIC_BYTES_MAX)],
    *,
    rank: Annotated[int | None, Query(ge=0, le=RANK_MAX, description="Null: the lowest that has it.")] = None,
    step: Annotated[int | None, Query(ge=-(2**63), lt=2**63, description="Null: the last.")] = None,
    limit: Annotated[int, Query(ge=1, le=10_000)] = 100,
    offset: Annotated[int, Query(ge=0, lt=2**63)] = 0,
) -> Response:
    """Show rows of a table: ``table`` says which, ``cells`` are the rows."""
    found = store.ask(lambda client: queries.table(client, run, name, rank=rank, step=step, limit=limit, offset=offset))
    return json(request, vars(found))
