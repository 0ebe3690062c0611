"""`/api/runs`: the runs, one of them, and what it logs."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request
from starlette.responses import Response
from typing_extensions import TypedDict

from runwire_server.api.params import Limit, Offset, RunWord
from runwire_server.api.reply import json
from runwire_server.api.store import TheStore
from runwire_storage import queries
from runwire_storage.queries import Metric, Run
from runwire_storage.queries.filter import And, Compare, Field, parse, parse_sort

router = APIRouter(tags=["runs"])

Filter = Annotated[
    str, Query(description="Only runs for which this holds, as min(val/loss) < 0.1 and config.lr >= 1e-3 and tag:prod.")
]


class Runs(TypedDict):
    """The runs that were asked for, in order, and how many the filter lets through in all."""

    runs: list[Run]
    total: int


class Metrics(TypedDict):
    """The metrics of a run, by name."""

    metrics: list[Metric]


@router.get("/api/runs", responses={200: {"model": Runs}})
def runs(
    request: Request,
    store: TheStore,
    q: Filter = "",
    sort: Annotated[str, Query(description="As -max(val/acc),name; without it, those that started last first.")] = "",
    *,
    project: str | None = None,
    state: Literal["running", "finished", "stopped", "failed", "crashed"] | None = None,
    limit: Limit = 1000,
    offset: Offset = 0,
    brief: Annotated[bool, Query(description="Leave out config, summary, notes, command and exception.")] = False,
) -> Response:
    """List the runs that a filter lets through."""
    asked = [("project", project), ("state", state)]
    named = [Compare(Field(name), "=", value) for name, value in asked if value is not None]
    condition, order = And((parse(q), *named)), parse_sort(sort)
    page = store.ask(lambda client: queries.runs(client, condition, order, limit, offset, brief=brief))
    return json(request, {"runs": page.runs, "total": page.total})


@router.get("/api/runs/{run}", responses={200: {"model": Run}})
def run(request: Request, store: TheStore, run: RunWord) -> Response:
    """Show a run: config, summary, tags, state."""
    return json(request, store.ask(lambda client: queries.run(client, run)))


@router.get("/api/runs/{run}/metrics", responses={200: {"model": Metrics}})
def metrics(request: Request, store: TheStore, run: RunWord) -> Response:
    """List the metrics of a run, with where each stands and when it first was not finite."""
    found = store.ask(
        lambda client: queries.metrics(client, run) or queries.metrics(client, queries.run(client, run)["id"])
    )
    return json(request, {"metrics": found})
