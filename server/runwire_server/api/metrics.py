"""`/metrics`: how many requests of which kind were answered how, and how long they took."""

from __future__ import annotations

import time

from fastapi import APIRouter, Request
from prometheus_client import REGISTRY, Counter, Histogram, disable_created_metrics
from prometheus_client.exposition import choose_encoder
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

router = APIRouter(include_in_schema=False)

# Else each counter is told a second time, with the time of its birth.
disable_created_metrics()  # type: ignore[no-untyped-call]

_REQUESTS = Counter(
    "runwire_server_requests",
    'Requests that were answered, by route and status; route "other" are files of the page, and what was refused.',
    ["route", "status"],
)
_SECONDS = Histogram(
    "runwire_server_request_seconds",
    "From a request's head to the end of its answer, by route.",
    ["route"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60),
)


class Measure:
    """Counts what is answered. Labelled by the routes' templates, never by what a client wrote."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on and note what became of it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began, status = time.perf_counter(), 500  # as is said outside of this, if an error passes through

        async def note(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, note)
        finally:
            route = getattr(scope.get("route"), "path", "other")
            _REQUESTS.labels(route, str(status)).inc()
            _SECONDS.labels(route).observe(time.perf_counter() - began)


@router.get("/metrics")
async def metrics(request: Request) -> Response:
    """Tell the metrics of this program."""
    encode, kind = choose_encoder(request.headers.get("Accept", ""))
    return Response(encode(REGISTRY), media_type=kind)
