"""One shape for every error: ``{"error": {"code", "message", "hint"}}``."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from runwire.errors import ConfigError, RunwireError, UnavailableError, UsageError
from runwire.wire import dumps
from runwire_server.control import KafkaUnavailableError
from runwire_storage.files import NoSuchFileError, WrongDigestError
from runwire_storage.queries import (
    AmbiguousRunError,
    ExpiredError,
    FilterError,
    NoSuchAlertError,
    NoSuchArtifactError,
    NoSuchMediaError,
    NoSuchRunError,
    NoSuchSeriesError,
    NoSuchTableError,
    OverError,
    QueryError,
    RunningError,
    SqlError,
)


class DeletionOffError(QueryError):
    """This server deletes nothing."""


class StopOffError(QueryError):
    """This server asks no run to stop."""


class DirectingOffError(QueryError):
    """This server takes nothing that directs alerting."""


#: An error's class, and what it is told as; the first that fits counts.
_KINDS: tuple[tuple[type[Exception], int, str, str], ...] = (
    (NoSuchRunError, 404, "no_such_run", ""),
    (AmbiguousRunError, 409, "ambiguous_run", ""),
    (RunningError, 409, "run_is_running", ""),
    (OverError, 409, "run_is_over", ""),
    (ExpiredError, 410, "points_expired", ""),
    (DeletionOffError, 403, "deletion_off", ""),
    (StopOffError, 403, "stop_off", ""),
    (DirectingOffError, 403, "directing_off", ""),
    (KafkaUnavailableError, 503, "kafka_unavailable", "see `runwire status`; a server is told by --kafka"),
    (NoSuchSeriesError, 404, "no_such_series", ""),
    (NoSuchAlertError, 404, "no_such_alert", ""),
    (NoSuchArtifactError, 404, "no_such_artifact", ""),
    (NoSuchTableError, 404, "no_such_table", ""),
    (NoSuchMediaError, 404, "no_such_media", ""),
    (NoSuchFileError, 404, "no_such_file", ""),
    (WrongDigestError, 400, "wrong_digest", ""),
    (FilterError, 400, "bad_filter", ""),
    (ConfigError, 400, "bad_rules", "see docs/alerts.md; `runwire rules lint FILE` checks a file"),
    (SqlError, 400, "bad_sql", ""),
    (UsageError, 400, "bad_request", "see /api/docs"),
    (UnavailableError, 503, "store_unavailable", "it may be starting: see `runwire status`; the page asks again"),
    (RunwireError, 500, "store_refused", "see the server's log, and `runwire status`"),
)


def reply(status: int, code: str, message: str, hint: str, headers: dict[str, str] | None = None) -> Response:
    """Return an error as a response."""
    body = dumps({"error": {"code": code, "message": message, "hint": hint}})
    return Response(body, status, headers, "application/json")


def install(app: FastAPI) -> None:
    """Make every error of the app one of that shape."""
    app.add_exception_handler(RunwireError, _known)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(Exception, _unknown)


async def _known(_: Request, error: Exception) -> Response:
    status, code, hint = next(kind[1:] for kind in _KINDS if isinstance(error, kind[0]))
    return reply(status, code, str(error), getattr(error, "hint", hint))


async def _invalid(_: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101 - as it was registered
    return reply(422, "invalid_request", "; ".join(map(_sentence, error.errors()[:5])), "see /api/docs")


def _sentence(problem: Any) -> str:
    where = ".".join(str(part) for part in problem["loc"] if part != "body")
    return f"{where}: {problem['msg']}" if where else str(problem["msg"])


async def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - as it was registered
    name = HTTPStatus(error.status_code).phrase
    path = request.url.path
    message = {404: f"there is nothing at {path}", 405: f"{path} does not take {request.method}"}
    headers = dict(error.headers or {})
    text = message.get(error.status_code, str(error.detail))
    return reply(error.status_code, name.lower().replace(" ", "_"), text, "see /api/docs", headers)


async def _unknown(_: Request, __: Exception) -> Response:
    return reply(500, "internal_error", "the server failed at this request", "its log says why: please report it")
