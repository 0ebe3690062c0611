"""The server's HTTP API, as the commands use it: so they work from any machine that reaches the server."""

from __future__ import annotations

import http.client
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from runwire import _key
from runwire.errors import RunwireError, UnavailableError, UsageError, WireError
from runwire.wire import dumps, loads
from runwire_server.cli.options import address

_SECONDS_MAX = 60
_KEY_HINT = "it asks for a key, or does not take this one: give it one by `runwire login --server URL`"


class ServerError(RunwireError):
    """The server refused or failed.

    Attributes:
        hint: what it advises.
        code: its word for the error; empty if it is none of its own.
    """

    def __init__(self, message: str, hint: str, code: str = "") -> None:
        super().__init__(message)
        self.hint = hint
        self.code = code


class RequestError(ServerError, UsageError):
    """The server has no answer to what was asked."""


class Remote:
    """The server that the command was told, or that is known.

    Args:
        server: its URL as the command was told, None if it was not.
        home: the home, as the command was told.
        key: the key for it; None for the one that is known.
    """

    def __init__(self, server: str | None, home: Path | None, *, key: str | None = None) -> None:
        self._url = address("server", server, home)
        self._key = key or _key.find(self._url)
        loopback = urlsplit(self._url).hostname in {"localhost", "127.0.0.1", "::1"}
        # A proxy that the environment names has no way to this machine's own server.
        self._opener = urllib.request.build_opener(*[urllib.request.ProxyHandler({})] if loopback else [])

    def get(self, *path: str, **query: Any) -> Any:
        """Return what GET /api/``path`` answers; parts of the query that are None are left out.

        Raises:
            UnavailableError: the server does not answer.
            ServerError: it refused.
        """
        return self._ask(_path(path, query), None, "GET")

    def post(self, *path: str, body: Any) -> Any:
        """Return what POST /api/``path`` answers.

        Raises:
            UnavailableError: the server does not answer.
            ServerError: it refused.
        """
        return self._ask(_path(path, {}), dumps(body), "POST")

    def put(self, *path: str, body: Any) -> Any:
        """Return what PUT /api/``path`` answers.

        Raises:
            UnavailableError: the server does not answer.
            ServerError: it refused.
        """
        return self._ask(_path(path, {}), dumps(body), "PUT")

    def delete(self, *path: str, **query: Any) -> Any:
        """Return what DELETE /api/``path`` answers.

        Raises:
            UnavailableError: the server does not answer.
            ServerError: it refused.
        """
        return self._ask(_path(path, query), None, "DELETE")

    @contextmanager
    def stream(self, *path: str, **query: Any) -> Iterator[Callable[[int], bytes]]:
        """Give the function that reads at most so many bytes of what GET /api/``path`` answers, nothing at its end.

        Raises:
            UnavailableError: the server does not answer, or no longer.
            ServerError: it refused.
        """
        with self._translated():
            response = self._opener.open(self._request(_path(path, query), None, "GET"), timeout=_SECONDS_MAX)

        def read(size: int) -> bytes:
            with self._translated():
                found: bytes = response.read(size)
                return found

        with response:
            yield read

    def _ask(self, path: str, body: bytes | None, method: str) -> Any:
        request = self._request(path, body, method)
        with self._translated(), self._opener.open(request, timeout=_SECONDS_MAX) as response:
            return loads(response.read())

    def _request(self, path: str, body: bytes | None, method: str) -> urllib.request.Request:
        request = urllib.request.Request(  # noqa: S310 - the settings take http and https alone
            self._url + path, body, {"Content-Type": "application/json", "Accept": "application/json"}, method=method
        )
        _key.add(request, self._key)
        return request

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except urllib.error.HTTPError as error:
            raise _refusal(self._url, error) from None
        except (OSError, http.client.HTTPException, WireError) as error:
            reason = getattr(error, "reason", error)
            raise UnavailableError(
                f"the Runwire server at {self._url} does not answer ({reason}): see `runwire status`, start it with "
                "`runwire up -d`, or say where it is with --server or RUNWIRE_SERVER"
            ) from None


def _path(parts: tuple[str, ...], query: Mapping[str, Any]) -> str:
    """Return the path and query of a URL; what is None is left out, a list is repeated."""
    asked = urlencode({name: value for name, value in query.items() if value is not None}, doseq=True)
    return f"/api/{'/'.join(quote(part, safe='') for part in parts)}{'?' * bool(asked)}{asked}"


def _refusal(url: str, error: urllib.error.HTTPError) -> ServerError:
    try:
        told = loads(error.read())["error"]
        message, hint, code = (str(told[name]) for name in ("message", "hint", "code"))
    except (WireError, KeyError, TypeError, OSError):
        if error.code in (401, 403):
            return ServerError(f"{url} answered {error.code} {error.reason}", _KEY_HINT)
        return ServerError(f"{url} answered {error.code} {error.reason}", "is it a Runwire server? See --server")
    return (RequestError if error.code < 500 else ServerError)(message, hint, code)
