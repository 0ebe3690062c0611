"""`/api/runs/{run}/media`: what a run logged besides numbers and tables; the files are at `/api/files`."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import Response
from typing_extensions import TypedDict

from runwire_server.api.params import LastStep, Limit, LoggedName, LowestRank, RunId
from runwire_server.api.reply import json
from runwire_server.api.store import TheStore
from runwire_storage import queries
from runwire_storage.queries import MediaName, Shown

router = APIRouter(tags=["media"])


class Names(TypedDict):
    """Under which names and by which ranks there are media, and at which steps."""

    media: list[MediaName]


class Items(TypedDict):
    """What was logged together, in its order; the file of each is at ``/api/files/{digest}?format={format}``."""

    items: list[Shown]


@router.get("/api/runs/{run}/media", responses={200: {"model": Names}})
def media(request: Request, store: TheStore, run: RunId, limit: Limit = 1000) -> Response:
    """List the names under which a run has media."""
    return json(request, {"media": store.ask(lambda client: queries.media(client, run, limit))})


@router.get("/api/runs/{run}/media/items", responses={200: {"model": Items}})
def items(
    request: Request,
    store: TheStore,
    run: RunId,
    name: LoggedName,
    *,
    rank: LowestRank = None,
    step: LastStep = None,
) -> Response:
    """Show what was logged by a name at a step."""
    found = store.ask(lambda client: queries.shown(client, run, name, rank=rank, step=step))
    return json(request, {"items": found})
