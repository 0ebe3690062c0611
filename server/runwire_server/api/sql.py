"""`/api/sql`: a user's own SQL, read-only."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field
from starlette.responses import Response
from typing_extensions import TypedDict

from runwire_server.api.reply import json
from runwire_server.api.store import TheStore
from runwire_storage import queries

router = APIRouter(tags=["sql"])


class Statement(BaseModel):
    """One statement that only reads, as ``SELECT run, max(value) FROM points GROUP BY run``."""

    sql: Annotated[str, Field(max_length=200_000, examples=["SELECT id, name, state FROM runs"])]


class Column(TypedDict):
    """A column of a result, and its ClickHouse type."""

    name: str
    type: str


class Result(TypedDict):
    """A result; an empty one may have no columns."""

    columns: list[Column]
    rows: list[list[Any]]
    seconds: float


@router.post("/api/sql", responses={200: {"model": Result}})
def sql(request: Request, store: TheStore, statement: Statement) -> Response:
    """Run one statement over the views points, series, rollups, runs and alerts; the engine lets it only read."""
    limits = request.app.state.settings.sql
    table = store.ask(lambda client: queries.read_only_sql(client, statement.sql, limits))
    columns = [{"name": name, "type": kind} for name, kind in table.columns]
    return json(request, {"columns": columns, "rows": table.rows, "seconds": table.seconds})
