"""The server's HTTP API, as the commands use it: so they work from any machine that reaches the server."""

from __future__ import annotations

import http.client
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from runwire.errors import RunwireError, UnavailableError, UsageError, WireError
from runwire.wire import dumps, loads
from runwire_server.cli.options import address

_SECONDS_MAX = 60


class ServerError(RunwireError):
    """The server refused or failed.

    Attributes:
        hint: what it advises.
    """

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.hint = hint


class RequestError(ServerError, UsageError):
    """The server has no answer to what was asked."""


class Remote:
    """The server that the command was told, or that is known."""

    def __init__(self, server: str | None, home: Path | None) -> None:
        self._url = address("server", server, home)
        loopback = urlsplit(self._url).hostname in {"localhost", "127.0.0.1", "::1"}
        # A proxy that the environment names has no way to this machine's own server.
        self._opener = urllib.request.build_opener(*[urllib.request.ProxyHandler({})] if loopback else [])

    def get(self, *path: str, **query: Any) -> Any:
        """Return what GET /api/``path`` answers; parts of the query that are None are left out.

        Raises:
            UnavailableError: the server does not answer.
            ServerError: it refused.
        """
        asked = urlencode({name: value for name, value in query.items() if value is not None})
        return self._ask(f"/api/{'/'.join(quote(part, safe='') for part in path)}{'?' * bool(asked)}{asked}", None)

    def post(self, path: str, body: Any) -> Any:
        """Return what POST /api/``path`` answers.

        Raises:
            UnavailableError: the server does not answer.
            ServerError: it refused.
        """
        return self._ask(f"/api/{path}", dumps(body))

    def _ask(self, path: str, body: bytes | None) -> Any:
        request = urllib.request.Request(  # noqa: S310 - the settings take http and https alone
            self._url + path, body, {"Content-Type": "application/json", "Accept": "application/json"}
        )
        try:
            with self._opener.open(request, timeout=_SECONDS_MAX) as response:
                return loads(response.read())
        except urllib.error.HTTPError as error:
            raise _refusal(self._url, error) from None
        except (OSError, http.client.HTTPException, WireError) as error:
            reason = getattr(error, "reason", error)
            raise UnavailableError(
                f"the Runwire server at {self._url} does not answer ({reason}): see `runwire status`, start it with "
                "`runwire up -d`, or say where it is with --server or RUNWIRE_SERVER"
            ) from None


def _refusal(url: str, error: urllib.error.HTTPError) -> ServerError:
    try:
        told = loads(error.read())["error"]
        message, hint = str(told["message"]), str(told["hint"])
    except (WireError, KeyError, TypeError, OSError):
        return ServerError(f"{url} answered {error.code} {error.reason}", "is it a Runwire server? See --server")
    return (RequestError if error.code < 500 else ServerError)(message, hint)
