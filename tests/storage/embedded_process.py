"""The embedded ClickHouse as a process of its own, started as a user starts it."""

from __future__ import annotations

import http.client
import re
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.parse import urlencode, urlsplit

import clickhouse_connect
from clickhouse_connect.driver.client import Client

_SERVES = re.compile(r"serves .* at (http://\S+)")


class Embedded:
    """A running embedded ClickHouse; as a context manager it is killed at the end if it still runs."""

    def __init__(self, path: Path, *, port: int = 0, program: str | None = None) -> None:
        module = ["-c", program] if program else ["-m", "runwire_storage.embedded"]
        self.process = subprocess.Popen(
            [sys.executable, *module, "--path", str(path), "--port", str(port)],
            stderr=subprocess.PIPE,
            text=True,
        )
        self.lines: list[str] = []
        self._settled = threading.Event()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        assert self._settled.wait(60), self.log
        self.url = next((match[1] for line in self.lines if (match := _SERVES.search(line))), "")

    @property
    def log(self) -> str:
        return "".join(self.lines)

    @property
    def port(self) -> int:
        port = urlsplit(self.url).port
        assert port, self.log
        return port

    def client(self, **options: Any) -> Client:
        """A new ordinary HTTP client."""
        return clickhouse_connect.get_client(host="127.0.0.1", port=self.port, **options)

    def request(
        self,
        method: str,
        body: Any = None,
        *,
        path: str = "/",
        headers: Mapping[str, str] | None = None,
        chunked: bool = False,
        **parameters: Any,
    ) -> tuple[int, http.client.HTTPMessage, bytes]:
        """One raw exchange on a connection of its own: status, headers, body."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            target = f"{path}?{urlencode(parameters)}" if parameters else path
            connection.request(method, target, body, dict(headers or {}), encode_chunked=chunked)
            response = connection.getresponse()
            return response.status, response.headers, response.read()
        finally:
            connection.close()

    def sql(self, query: str, **parameters: Any) -> str:
        """The result of a query that must succeed, as text."""
        status, _, body = self.request("POST", query.encode(), **parameters)
        assert status == 200, body
        return body.decode()

    def stop(self, signal: int) -> int:
        """Send a signal and return the exit code."""
        self.process.send_signal(signal)
        code = self.process.wait(60)
        self._reader.join(60)
        return code

    def __enter__(self) -> Embedded:  # noqa: PYI034 - Self came with Python 3.11
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(60)
        self._reader.join(60)
        if self.process.stderr:
            self.process.stderr.close()

    def _read(self) -> None:
        assert self.process.stderr
        for line in self.process.stderr:
            self.lines.append(line)
            if _SERVES.search(line):
                self._settled.set()
        self._settled.set()
