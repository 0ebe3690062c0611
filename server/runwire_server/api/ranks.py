"""`/api/runs/{run}/ranks` and `/matrix`: the ranks of a run beside each other."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

from fastapi import APIRouter, Query, Request
from pydantic import Field
from starlette.responses import Response

from runwire.wire.names import METRIC_BYTES_MAX
from runwire_server.api.params import RunId, Span
from runwire_server.api.reply import json
from runwire_server.api.store import TheStore
from runwire_storage import queries
from runwire_storage.queries import COLUMNS_MAX

router = APIRouter(tags=["series"])


class View(Span):
    """Which metric, which of its steps (``lo <= step < hi``; null is the ranks' own end), in how many columns."""

    metric: Annotated[str, Field(min_length=1, max_length=METRIC_BYTES_MAX)]
    columns: Annotated[int, Field(ge=1, le=COLUMNS_MAX)] = 128


@router.get("/api/runs/{run}/ranks")
def ranks(request: Request, store: TheStore, run: RunId, view: Annotated[View, Query()]) -> Response:
    """Pool a metric over all ranks: least, greatest (and whose), mean, in columns of 2^``level`` steps."""
    found = store.ask(
        lambda client: queries.pool(client, run, view.metric, lo=view.lo, hi=view.hi, columns=view.columns)
    )
    return json(request, vars(found))


@router.get("/api/runs/{run}/matrix")
def matrix(request: Request, store: TheStore, run: RunId, view: Annotated[View, Query()]) -> Response:
    """Show a metric by rank and step, one row of means a rank, and name the ranks that differ from the others."""
    found = store.ask(
        lambda client: queries.matrix(client, run, view.metric, lo=view.lo, hi=view.hi, columns=view.columns)
    )
    return json(request, {**vars(found), "outliers": [asdict(one) for one in found.outliers]})
