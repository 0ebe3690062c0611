"""`DELETE /api/runs/{run}`: a run, whole."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import Response
from typing_extensions import TypedDict

from runwire_server.api.errors import DeletionOffError
from runwire_server.api.params import RunId
from runwire_server.api.reply import json
from runwire_server.api.store import TheStore
from runwire_storage import removal

router = APIRouter(tags=["runs"])


class Deleted(TypedDict):
    """A run that is no more, and how many points were shown of it."""

    run: str
    points: int


@router.delete("/api/runs/{run}", responses={200: {"model": Deleted}})
def delete(
    request: Request,
    store: TheStore,
    run: RunId,
    *,
    force: Annotated[bool, Query(description="Even if it runs.")] = False,
) -> Response:
    """Delete a run with all that is stored of it; what still comes of it is not shown. It may be repeated."""
    if not request.app.state.settings.allow_delete:
        raise DeletionOffError(
            "this server deletes no runs, for others than this machine may reach it",
            "start it with --allow-delete, or ask one that listens on its own machine alone",
        )
    points = store.ask(lambda client: removal.delete(client, run, force=force))
    return json(request, {"run": run, "points": points})
