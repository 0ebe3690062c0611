"""Who may ask, and what a browser may do with the answer."""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import urlsplit

from fastapi import HTTPException
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from runwire_server.api import errors

_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
#: A rules file has at most half a MiB, and six times that where JSON escapes all of it.
_BODY_BYTES_MAX = 4 << 20
_HEADERS = {
    # Nothing from elsewhere, nothing inline.
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; font-src 'self'; "
        "connect-src 'self'; media-src 'self'; frame-src 'self'; manifest-src 'self'; base-uri 'none'; "
        "form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


class Guard:
    """Answers only requests under this server's own names and from its own pages, with strict headers.

    A browser lets any web page send requests to this machine, and under any name that the page's owner points at it.
    """

    def __init__(self, app: ASGIApp, allowed_hosts: Iterable[str]) -> None:
        self._app = app
        self._allowed = _LOOPBACK | {host.lower() for host in allowed_hosts}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def strict(message: Message) -> None:
            if message["type"] == "http.response.start":
                sent = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    sent.setdefault(name, value)  # what was logged as a page has a policy of its own, that is stricter
            await send(message)

        headers = Headers(scope=scope)
        host = _name(f"//{headers.get('host', '')}")
        if host not in self._allowed:
            refusal = errors.reply(
                421,
                "unknown_host",
                f"this server is not called {host or 'nothing'!r}",
                "open it as http://localhost, or start it with --allow-host NAME",
            )
            await refusal(scope, receive, strict)
        elif (origin := headers.get("origin")) and _name(origin) not in self._allowed:
            refusal = errors.reply(
                403, "foreign_page", f"pages of {origin} may not use this server", "open its own page"
            )
            await refusal(scope, receive, strict)
        else:
            await self._app(scope, receive, strict)


class Bounded:
    """Takes no body that is larger than any request's need be; a file's is not held, and has no bound."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, and break off where too much comes."""
        taken = 0

        async def counted() -> Message:
            nonlocal taken
            message = await receive()
            taken += len(message.get("body", b""))
            if taken > _BODY_BYTES_MAX:
                raise HTTPException(413, f"a body of more than {_BODY_BYTES_MAX:,} bytes is taken for files alone")
            return message

        bounded = scope["type"] == "http" and not scope["path"].startswith("/api/files/")
        await self._app(scope, counted if bounded else receive, send)


def _name(url: str) -> str:
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""
