"""A way to ClickHouse on which a request can be held up, while whoever asks by another way is answered."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from urllib.parse import urlsplit

from parts import until

_CHUNK_BYTES = 1 << 16


class Relay:
    """Passes bytes on between clients and a server, except what is to wait.

    Attributes:
        url: where it listens.
    """

    def __init__(self, url: str) -> None:
        self._server = urlsplit(url).hostname, urlsplit(url).port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._change = threading.Condition()
        self._word: bytes | None = None
        self._held = False
        self._ends: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    def hold(self, word: bytes | None) -> None:
        """Let requests with this word in them wait from here on, and no others."""
        with self._change:
            self._word, self._held = word, False
            self._change.notify_all()

    def wait(self) -> None:
        """Return once a request waits."""
        until(lambda: self._held, "a request waits")

    def close(self) -> None:
        """Break all connections off."""
        self.hold(None)
        for end in (self._listener, *self._ends):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()
        for thread in self._threads:
            thread.join()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):  # closed
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection(self._server)
                self._ends += client, server
                for ends in ((client, server), (server, client)):
                    self._threads.append(threading.Thread(target=self._pass, args=ends))
                    self._threads[-1].start()

    def _pass(self, source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while chunk := source.recv(_CHUNK_BYTES):
                with self._change:
                    while self._word is not None and self._word in chunk:
                        self._held = True
                        self._change.wait()
                target.sendall(chunk)
        with contextlib.suppress(OSError):
            target.shutdown(socket.SHUT_WR)


@contextlib.contextmanager
def relay(url: str) -> Iterator[Relay]:
    """A relay to the server at ``url``."""
    made = Relay(url)
    try:
        yield made
    finally:
        made.close()
