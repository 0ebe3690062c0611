"""A receiver of the notices that alerting posts: a process of its own, as the one that is paged is elsewhere."""

from __future__ import annotations

import json
import queue
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Receiver:
    """A webhook's receiver that notes when each notice came in. It ends with the bench.

    Attributes:
        url: where notices are to be posted.
        notices: when each came in (Unix time), and what it says.
    """

    def __init__(self) -> None:
        # A session of its own: the kernel shares the processors out by sessions, and the bench's has the trainers.
        self._process = subprocess.Popen(
            [sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True
        )
        assert self._process.stdout is not None
        self.url = f"http://127.0.0.1:{int(self._process.stdout.readline())}/"
        self.notices: queue.Queue[tuple[float, dict[str, Any]]] = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()

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

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            at, notice = json.loads(line)
            self.notices.put((at, notice))


_PRINTING = threading.Lock()


class _Take(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        at = time.time()
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(204)
        self.end_headers()
        with _PRINTING:
            print(json.dumps([at, json.loads(body)]), flush=True)

    def log_message(self, *_: Any) -> None:
        pass


def main() -> None:
    """Receive until the bench has gone; print the port, and a line for each notice."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Take)
    print(server.server_port, flush=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    sys.stdin.read()


if __name__ == "__main__":
    main()
