"""A receiver of the notices that alerting posts."""

from __future__ import annotations

import json
import queue
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Receiver(ThreadingHTTPServer):
    """A webhook's receiver that notes when each notice came in."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Take)
        self.notices: queue.Queue[tuple[float, dict[str, Any]]] = queue.Queue()
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def wait_for(self, run: str, rule: str, seconds: float, metric: str | None = None) -> float:
        """Return when the notice of ``rule`` firing for ``run``, and ``metric`` if given, came in (Unix time).

        Raises:
            queue.Empty: it did not within ``seconds``.
        """
        deadline = time.monotonic() + seconds
        while True:
            at, notice = self.notices.get(timeout=max(0.0, deadline - time.monotonic()))
            if (notice["run"], notice["rule"], notice["state"]) == (run, rule, "firing") and (
                metric is None or notice["metric"] == metric
            ):
                return at


class _Take(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        at = time.time()
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(204)
        self.end_headers()
        self.server.notices.put((at, json.loads(body)))

    def log_message(self, *_: Any) -> None:
        pass
