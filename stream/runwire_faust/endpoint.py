"""`/metrics`, `/healthz` and `/readyz` of a worker: a small HTTP server in threads of its own.

It asks and never waits for the worker, and whatever befalls it is logged and ends nothing.
"""

from __future__ import annotations

import socket
import socketserver
import sys
import threading
import time
from collections.abc import Callable, Mapping
from typing import cast
from urllib.parse import urlsplit

import structlog
from prometheus_client import MetricsHandler, disable_created_metrics

#: Returns why not, or None for yes. It may take some seconds.
Question = Callable[[], "str | None"]

_REQUEST_SECONDS_MAX = 5.0
_RETRY_SECONDS = 5.0

_log = structlog.get_logger(__name__)

# Else each counter is told a second time, with the time of its birth.
disable_created_metrics()  # type: ignore[no-untyped-call]


class Endpoint(threading.Thread):
    """Serves until the process ends. While its port is taken it tries again: a predecessor may still hold it.

    Args:
        host: the address to listen on.
        port: the port to listen on.
        alive: whether the process does what it is there for, or is beyond help.
        ready: whether it has all that it needs for its work now.
    """

    def __init__(self, host: str, port: int, *, alive: Question, ready: Question) -> None:
        super().__init__(name="metrics", daemon=True)
        self._place = (host, port)
        self._questions = {"/healthz": alive, "/readyz": ready}
        self._said = False

    def run(self) -> None:
        """Listen and answer."""
        while (server := self._listen()) is None:
            time.sleep(_RETRY_SECONDS)
        # The interval is how often it looks whether to stop, which it never is.
        server.serve_forever(poll_interval=3600)

    def _listen(self) -> _Server | None:
        try:
            return _Server(self._place, self._questions)
        except (OSError, OverflowError) as error:
            if not self._said:
                host, port = self._place
                _log.warning("metrics cannot be served there", host=host, port=port, error=str(error))
            self._said = True
            return None


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    block_on_close = False

    def __init__(self, place: tuple[str, int], questions: Mapping[str, Question]) -> None:
        self.questions = questions
        if ":" in place[0]:
            self.address_family = socket.AF_INET6
        super().__init__(place, _Handler)

    def handle_error(self, request: object, client_address: object) -> None:  # noqa: ARG002 - as socketserver calls it
        _log.debug("a request for metrics failed", error=repr(sys.exc_info()[1]))


class _Handler(MetricsHandler):
    timeout = _REQUEST_SECONDS_MAX  # for a client to say what it wants

    def do_GET(self) -> None:  # noqa: N802 - as http.server calls it
        path = urlsplit(self.path).path
        question = cast("_Server", self.server).questions.get(path)
        if path == "/metrics":
            super().do_GET()
        elif question is not None:
            reason = question()
            self._say(200 if reason is None else 503, reason or "ok")
        else:
            self._say(404, f"there is nothing at {path:.100}: ask for /metrics, /healthz or /readyz")

    def _say(self, status: int, words: str) -> None:
        body = f"{words}\n".encode(errors="replace")
        self.send_response(status)
        self.send_header("Content-Type", "text/plain; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
