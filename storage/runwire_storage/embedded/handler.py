"""One HTTP exchange: which path, what comes back, under which status and headers."""

from __future__ import annotations

import json
import logging
import uuid
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from ipaddress import ip_address
from typing import TYPE_CHECKING, cast
from urllib.parse import urlsplit

from runwire_storage.embedded import metrics, request
from runwire_storage.embedded.engine import Result
from runwire_storage.embedded.errors import AUTHENTICATION_FAILED, BAD_ARGUMENTS, EngineError

if TYPE_CHECKING:
    from runwire_storage.embedded.server import Server

_log = logging.getLogger(__name__)

_ALIVE = frozenset({"/ping", "/replicas_status"})
_TYPES = {
    "TabSeparated": "text/tab-separated-values; charset=UTF-8",
    "TSV": "text/tab-separated-values; charset=UTF-8",
    "TabSeparatedWithNames": "text/tab-separated-values; charset=UTF-8; header=present",
    "CSV": "text/csv; charset=UTF-8; header=absent",
    "CSVWithNames": "text/csv; charset=UTF-8; header=present",
    "JSON": "application/json; charset=UTF-8",
    "JSONCompact": "application/json; charset=UTF-8",
    "JSONEachRow": "application/x-ndjson; charset=UTF-8",
    "Native": "application/octet-stream",
}
_TEXT = "text/plain; charset=UTF-8"

# An answer to a request that could not be read is sent only when the client has stopped sending, up to so much.
_DISCARDED_BYTES_MAX = 256 << 20


class Handler(BaseHTTPRequestHandler):
    """Answers the requests of one connection, one after the other."""

    protocol_version = "HTTP/1.1"
    default_request_version = "HTTP/1.0"  # what cannot be read is answered with a status all the same
    disable_nagle_algorithm = True
    wbufsize = 1 << 16  # head and body of a small answer leave in one packet

    def version_string(self) -> str:
        """Name the program in the Server header."""
        return "runwire-clickhouse"

    def setup(self) -> None:
        """Take over a connection."""
        super().setup()
        self.connection.settimeout(cast("Server", self.server).settings.idle_seconds_max)

    def do_GET(self) -> None:
        """Answer a query that may only read, or say that the program lives."""
        self._answer()

    def do_HEAD(self) -> None:
        """Answer as GET does, without the body."""
        self._answer()

    def do_POST(self) -> None:
        """Answer a query that may write."""
        self._answer()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name of the overridden parameter
        """Log what http.server has to say."""
        _log.debug(format, *args)

    def _answer(self) -> None:
        url = urlsplit(self.path)
        body = request.chunks(self.headers, self.rfile)
        try:
            if refusal := self._refusal():
                self._fail(refusal, body)
            elif url.path in _ALIVE or (url.path == "/" and not url.query and self.command != "POST"):
                self._send_text(200, "Ok.\n", body)
            elif url.path == "/metrics":
                self._metrics(body)
            elif url.path != "/":
                self._send_text(
                    404,
                    f"There is no handle {url.path:.200}\nSend queries to /, health checks to /ping\n",
                    body,
                )
            else:
                self._query(url.query, body)
        except EngineError as error:
            self._fail(error, body)
        except request.BrokenBodyError as error:
            self.close_connection = True
            self._fail(EngineError.of(BAD_ARGUMENTS, "BAD_ARGUMENTS", f"bad request: {error}"), iter(()))
        except (ConnectionError, TimeoutError) as error:
            self.close_connection = True
            _log.info("a client went away: %s", error)
        except Exception:  # noqa: BLE001 - the last resort: the client is answered, the log has the whole of it
            self.close_connection = True
            _log.exception("a request failed in this program, not in the engine")
            self._fail(EngineError.of(49, "LOGICAL_ERROR", "internal error: see the log"), iter(()))

    def _metrics(self, body: Iterator[bytes]) -> None:
        self._discard(body)
        told = metrics.read(cast("Server", self.server).engine)
        self._send(200, told.body, {"Content-Type": "text/plain; version=0.0.4; charset=UTF-8"})

    def _query(self, query_string: str, body: Iterator[bytes]) -> None:
        asked = request.read(self.command, query_string, self.headers, body)
        server = cast("Server", self.server)
        result = server.engine.run(asked.query)
        fmt = asked.query.statement.format or asked.query.format
        self._send(
            200,
            result.body,
            {
                "Content-Type": _TYPES.get(fmt, "application/octet-stream"),
                "X-ClickHouse-Summary": _summary(result),
                "X-ClickHouse-Query-Id": _query_id(asked.query_id),
                "X-ClickHouse-Format": fmt,
                "X-ClickHouse-Timezone": server.engine.timezone,
            },
        )

    def _refusal(self) -> EngineError | None:
        """Keep out web pages: a browser lets any of them send requests to this machine, under a name of its choice."""
        host = urlsplit(f"//{self.headers.get('Host', 'localhost')}").hostname or ""
        foreign = self.headers.get("Origin") or self.headers.get("Sec-Fetch-Site", "none") not in {
            "none",
            "same-origin",
        }
        if foreign or not (host == "localhost" or _is_address(host)):
            return EngineError.of(
                AUTHENTICATION_FAILED,
                "ACCESS_DENIED",
                "requests of web pages, and under names other than localhost, are refused",
            )
        return None

    def _fail(self, error: EngineError, body: Iterator[bytes]) -> None:
        _log.debug("query failed: %s", error)
        self._discard(body)
        headers = {"X-ClickHouse-Exception-Code": str(error.code), "Content-Type": _TEXT}
        self._send(error.status, memoryview(f"{error}\n".encode(errors="replace")), headers)

    def _discard(self, body: Iterator[bytes]) -> None:
        """Read what the client still sends, or it would see a broken connection instead of the answer."""
        left = _DISCARDED_BYTES_MAX
        try:
            for chunk in body:
                left -= len(chunk)
                if left < 0:
                    break
            else:
                return
        except (EngineError, request.BrokenBodyError):
            pass
        self.close_connection = True

    def _send_text(self, status: int, text: str, body: Iterator[bytes]) -> None:
        self._discard(body)
        self._send(status, memoryview(text.encode(errors="replace")), {"Content-Type": _TEXT})

    def _send(self, status: int, body: memoryview, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)


def _summary(result: Result) -> str:
    return json.dumps(
        {
            "read_rows": str(result.read_rows),
            "read_bytes": str(result.read_bytes),
            "written_rows": str(result.written_rows),
            "written_bytes": str(result.written_bytes),
            "result_bytes": str(len(result.body)),
            "elapsed_ns": str(int(result.seconds * 1e9)),
        }
    )


def _query_id(asked: str) -> str:
    """Return the client's id if it can stand in a header."""
    return asked if asked.isascii() and asked.isprintable() and asked else str(uuid.uuid4())


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
