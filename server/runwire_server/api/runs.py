"""`/api/runs`: the runs, one of them, and what it logs."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Path, Query, Request
from starlette.responses import Response
from typing_extensions import TypedDict

from runwire_server.api.reply import json
from runwire_server.api.store import TheStore
from runwire_storage import queries
from runwire_storage.queries import Metric, Run

router = APIRouter(tags=["runs"])

_Run = Annotated[str, Path(max_length=200, description="A run's id, or a prefix or a name that only one run has.")]


class Runs(TypedDict):
    """Runs, those that started last first."""

    runs: list[Run]


class Metrics(TypedDict):
    """The metrics of a run, by name."""

    metrics: list[Metric]


@router.get("/api/runs", responses={200: {"model": Runs}})
def runs(
    request: Request,
    store: TheStore,
    project: str | None = None,
    state: Literal["running", "finished", "failed", "crashed"] | None = None,
    limit: Annotated[int, Query(ge=1, le=100_000)] = 1000,
) -> Response:
    """List runs, those that started last first."""
    return json(request, {"runs": store.ask(lambda client: queries.runs(client, project, state, limit))})


@router.get("/api/runs/{run}", responses={200: {"model": Run}})
def run(request: Request, store: TheStore, run: _Run) -> Response:
    """Show a run: config, summary, tags, state."""
    return json(request, store.ask(lambda client: queries.run(client, run)))


@router.get("/api/runs/{run}/metrics", responses={200: {"model": Metrics}})
def metrics(request: Request, store: TheStore, run: _Run) -> Response:
    """List the metrics of a run, with where each stands and when it first was not finite."""
    found = store.ask(
        lambda client: queries.metrics(client, run) or queries.metrics(client, queries.run(client, run)["id"])
    )
    return json(request, {"metrics": found})
