"""`/api/runs/{run}/console`: what the processes of a run printed."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import Response
from typing_extensions import TypedDict

from runwire_server.api.params import LowestRank, RunId
from runwire_server.api.reply import json
from runwire_server.api.store import TheStore
from runwire_storage import queries
from runwire_storage.queries import PrintedLine

router = APIRouter(tags=["console"])

_SEARCH_MAX = 500


class Printed(TypedDict):
    """Lines of one process: ``first`` is for ``before``, ``last`` for ``after``; texts, for they take 64 bits."""

    ranks: list[int] | None
    rank: int | None
    lines: list[PrintedLine]
    first: str | None
    last: str


@router.get("/api/runs/{run}/console", responses={200: {"model": Printed}})
def console(
    request: Request,
    store: TheStore,
    run: RunId,
    *,
    rank: LowestRank = None,
    after: Annotated[
        int | None, Query(ge=0, lt=2**63, description="Only what was recorded since the answer with this `last`.")
    ] = None,
    before: Annotated[
        int | None, Query(ge=0, lt=2**63, description="Only lines before those of the answer with this `first`.")
    ] = None,
    search: Annotated[str, Query(max_length=_SEARCH_MAX, description="Only lines that hold this text.")] = "",
    limit: Annotated[int, Query(ge=1, le=10_000)] = 1000,
) -> Response:
    """Show lines that a process printed: the last ones, those before some, or what is new.

    A line that was rewritten comes again with its number: the later counts. Where numbers are missing, lines were left
    out.
    """
    found = store.ask(
        lambda client: queries.console(client, run, rank=rank, after=after, before=before, search=search, limit=limit)
    )
    first = None if found.first is None else str(found.first)
    return json(request, {**vars(found), "first": first, "last": str(found.last)})
