"""`/healthz` and `/readyz`: whether this program lives, and whether it can answer."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import PlainTextResponse

from runwire_server.api.store import TheStore

router = APIRouter(tags=["health"])


@router.get("/healthz")
async def alive() -> PlainTextResponse:
    """Answer 200 while the program lives."""
    return PlainTextResponse("ok\n")


@router.get("/readyz")
def ready(store: TheStore) -> PlainTextResponse:
    """Answer 200 if ClickHouse answers, else 503."""
    store.ask(lambda client: client.command("SELECT 1"))
    return PlainTextResponse("ok\n")
