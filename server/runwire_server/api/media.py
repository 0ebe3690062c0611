"""`/api/runs/{run}/media`: what a run logged besides numbers and tables; the files are at `/api/files`."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query, Request
from starlette.responses import Response
from typing_extensions import TypedDict

from runwire.wire.names import METRIC_BYTES_MAX, RANK_MAX, RUN_ID
from runwire_server.api.reply import json
from runwire_server.api.store import TheStore
from runwire_storage import queries
from runwire_storage.queries import MediaName, Shown

router = APIRouter(tags=["media"])

_Run = Annotated[str, Path(pattern=f"^{RUN_ID.pattern}$", description="A run's id.")]


class Names(TypedDict):
    """Under which names and by which ranks there are media, and at which steps."""

    media: list[MediaName]


class Items(TypedDict):
    """What was logged together, in its order; the file of each is at ``/api/files/{digest}?format={format}``."""

    items: list[Shown]


@router.get("/api/runs/{run}/media", responses={200: {"model": Names}})
def media(
    request: Request, store: TheStore, run: _Run, limit: Annotated[int, Query(ge=1, le=100_000)] = 1000
) -> Response:
    """List the names under which a run has media."""
    return json(request, {"media": store.ask(lambda client: queries.media(client, run, limit))})


@router.get("/api/runs/{run}/media/items", responses={200: {"model": Items}})
def items(
    request: Request,
    store: TheStore,
    run: _Run,
    name: Annotated[str, Query(min_length=1, max_length=METRIC_BYTES_MAX)],
    *,
    rank: Annotated[int | None, Query(ge=0, le=RANK_MAX, description="Null: the lowest that has it.")] = None,
    step: Annotated[int | None, Query(ge=-(2**63), lt=2**63, description="Null: the last.")] = None,
) -> Response:
    """Show what was logged by a name at a step."""
    found = store.ask(lambda client: queries.shown(client, run, name, rank=rank, step=step))
    return json(request, {"items": found})
