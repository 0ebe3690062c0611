"""The app: routes, errors, guard and page put together."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version

import anyio
import anyio.to_thread
import structlog
from fastapi import FastAPI

from runwire.errors import UnavailableError
from runwire_server.api import (
    alerts,
    artifacts,
    console,
    deletion,
    docs,
    errors,
    export,
    files,
    health,
    importance,
    media,
    metrics,
    ranks,
    rules,
    runs,
    series,
    sql,
    stop,
    tables,
)
from runwire_server.api.guard import Bounded, Guard
from runwire_server.api.page import Page
from runwire_server.api.settings import Settings
from runwire_server.api.store import Store
from runwire_storage.files import FileStore

_log = structlog.get_logger("runwire.server")

#: Questions to the store at once; more wait. Each holds its answer in memory.
_THREADS = 8


def create_app(settings: Settings) -> FastAPI:
    """Return the server's app. It starts without ClickHouse; what needs it answers 503 until it is there.

    Raises:
        ConfigError: there can be no such file store.
    """
    app = FastAPI(
        title="Runwire",
        version=version("runwire"),
        summary="Runs, curves and alerts. NaN and infinities are the strings NaN, Infinity and -Infinity.",
        openapi_url="/api/openapi.json",
        docs_url=None,  # FastAPI's own come from a CDN
        redoc_url=None,
        lifespan=_lifespan,
    )
    app.state.settings = settings
    app.state.store = Store(settings.clickhouse)
    app.state.files = FileStore(settings.files)
    errors.install(app)
    app.add_middleware(Bounded)
    app.add_middleware(Guard, allowed_hosts=settings.allowed_hosts)
    app.add_middleware(metrics.Measure)  # added last, so outermost
    ways = (runs, deletion, stop, export, importance, series, ranks, tables, media, files, artifacts, console, alerts)
    for router in (*ways, rules, sql, health, metrics, docs):
        app.include_router(router.router)
    app.router.default = Page(settings.page)  # whatever is no route: a file of the page, or one of its views
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    anyio.to_thread.current_default_thread_limiter().total_tokens = _THREADS
    async with anyio.create_task_group() as beside:
        beside.start_soon(_look, app.state.files)
        yield
        beside.cancel_scope.cancel()


async def _look(files: FileStore) -> None:
    """Say at the start if there is something wrong with the file store: nobody may ask for a file for days."""
    try:
        await files.look()
    except UnavailableError as error:
        _log.warning("the file store is away", error=str(error))
