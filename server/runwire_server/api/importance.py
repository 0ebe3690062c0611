"""`/api/importance`: which parameters matter."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from runwire_server import importance as measuring
from runwire_server.api.reply import json
from runwire_server.api.runs import Filter
from runwire_server.api.store import TheStore
from runwire_server.importance import Importance
from runwire_storage import queries
from runwire_storage.queries.filter import parse, parse_operand

router = APIRouter(tags=["runs"])


@router.get("/api/importance", responses={200: {"model": Importance}})
def importance(
    request: Request,
    store: TheStore,
    target: Annotated[str, Query(description="A number of each run, as min(val/loss).")],
    q: Filter = "",
    goal: Annotated[
        Literal["minimize", "maximize"], Query(description="Which targets are the good ones, for PED-ANOVA.")
    ] = "minimize",
) -> Response:
    """Tell which config keys matter for a target over runs: rank correlation, fANOVA, PED-ANOVA, with spreads."""
    condition, operand = parse(q), parse_operand(target)
    found = store.ask(lambda client: queries.parameters(client, condition, operand))
    return json(request, measuring.importance(found, maximize=goal == "maximize"))
