"""`POST /api/runs/{run}/stop`: asking a run to stop by its own hand."""

from __future__ import annotations

import time

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response
from typing_extensions import TypedDict

from runwire.wire import CONTROL, StopRequest
from runwire.wire.control import BY_MAX, REASON_MAX
from runwire_server import control
from runwire_server.api.errors import StopOffError
from runwire_server.api.params import RunId
from runwire_server.api.reply import json
from runwire_server.api.store import TheStore
from runwire_storage import queries

router = APIRouter(tags=["runs"])


class Why(BaseModel):
    """What the run is told."""

    model_config = ConfigDict(extra="forbid")

    reason: str = Field(default="", max_length=REASON_MAX, description="Why; it is recorded and printed.")
    by: str = Field(
        default="somebody", min_length=1, max_length=BY_MAX, description="Who asks, as they call themselves."
    )


class Asked(TypedDict):
    """A run that was asked to stop. It has answered once its ``stop`` holds this ``asked_at`` (microseconds)."""

    run: str
    asked_at: int


@router.post("/api/runs/{run}/stop", responses={200: {"model": Asked}})
def stop(
    request: Request,
    store: TheStore,
    run: RunId,
    why: Why,
) -> Response:
    """Ask a run that goes on to stop: all of its ranks, but none that starts later. It may be repeated."""
    settings = request.app.state.settings
    if not settings.allow_stop:
        raise StopOffError(
            "this server stops no runs, for others than this machine may reach it",
            "start it with --allow-stop, or ask one that listens on its own machine alone",
        )
    if settings.kafka is None:
        raise control.KafkaUnavailableError("this server was not told where Kafka is, through which runs are asked")
    attempt = store.ask(lambda client: queries.living(client, run))
    asked = StopRequest(run, attempt, why.by, why.reason, time.time_ns() // 1000)
    control.publish(settings.kafka, CONTROL, run, asked.encode())
    return json(request, {"run": run, "asked_at": asked.asked_at})
