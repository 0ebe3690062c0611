"""The program: locks the folder, opens the engine, listens, and ends cleanly when told to."""

from __future__ import annotations

import fcntl
import logging
import os
import signal
import socket
import socketserver
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from runwire_storage.embedded.engine import Engine
from runwire_storage.embedded.errors import StartError
from runwire_storage.embedded.handler import Handler
from runwire_storage.embedded.settings import EmbeddedSettings

_log = logging.getLogger(__name__)


class Server(socketserver.ThreadingTCPServer):
    """Listens, and gives each connection a thread.

    Raises:
        StartError: the address cannot be listened on.
    """

    allow_reuse_address = True
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, host: str, port: int, engine: Engine, settings: EmbeddedSettings) -> None:
        self.engine = engine
        self.settings = settings
        if ":" in host:
            self.address_family = socket.AF_INET6
        try:
            super().__init__((host, port), Handler)
        except (OSError, OverflowError) as error:
            raise StartError(
                f"cannot listen on {host}:{port}: {getattr(error, 'strerror', None) or error}: choose another port"
            ) from error

    def handle_error(self, request: object, client_address: object) -> None:  # noqa: ARG002 - as socketserver calls it
        """Log what ended a connection's thread: mostly that the client went away."""
        error = sys.exc_info()[1]
        if isinstance(error, ConnectionError | TimeoutError):
            _log.debug("a client went away: %s", error)
        else:
            _log.error("a connection failed in this program", exc_info=error)


def serve(
    path: Path,
    host: str = "127.0.0.1",
    port: int = 0,
    *,
    settings: EmbeddedSettings | None = None,
    ready: Callable[[str], None] | None = None,
) -> int:
    """Serve the data folder ``path`` until SIGTERM or SIGINT. Call it in the main thread, at most once in a process.

    Args:
        path: where the data are; made if it is not there.
        host: the address to listen on.
        port: the port to listen on; 0 takes a free one.
        settings: limits.
        ready: called with the URL when queries are answered.

    Returns:
        The exit code: 0 after a signal, 1 if the program could not run (the log says why in one sentence).
    """
    settings = settings or EmbeddedSettings()
    stop = threading.Event()
    try:
        path = path.absolute()
        with _locked(path):
            _settle(path)
            engine = Engine(path, settings)
            with Server(host, port, engine, settings) as server:
                # Now, not before: the engine sets handlers of its own when it is loaded.
                for number in (signal.SIGTERM, signal.SIGINT):
                    signal.signal(number, lambda *_: stop.set())
                threading.Thread(target=server.serve_forever, name="accept", daemon=True).start()
                url = f"http://{f'[{host}]' if ':' in host else host}:{server.server_address[1]}"
                _log.info("ClickHouse %s (embedded) serves %s at %s", engine.version, path, url)
                if ready:
                    ready(url)
                stop.wait()
                server.shutdown()
            if not engine.close():
                # Only a thread inside of the engine is left. Waiting for it could take for ever, and what was
                # acknowledged is stored.
                _log.warning("a query did not end within %g s; stopped without it", settings.stop_seconds_max)
                logging.shutdown()
                os._exit(0)
    except StartError as error:
        _log.error("%s", error)
        return 1
    _log.info("stopped")
    return 0


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold the folder: two engines over it would destroy it. The kernel gives it back however the process ends."""
    try:
        path.mkdir(parents=True, exist_ok=True)
        lock = (path / "runwire.lock").open("a+")
    except OSError as error:
        raise StartError(f"{path}: cannot keep data there: {error.strerror}: choose another folder") from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            lock.seek(0)
            raise StartError(
                f"{path} is in use by another embedded ClickHouse (process {lock.read().strip() or 'unknown'}): "
                "stop it, or choose another folder"
            ) from None
        lock.truncate(0)
        lock.write(f"{os.getpid()}\n")
        lock.flush()
        yield


def _settle(path: Path) -> None:
    """Take from the engine what it would take from its surroundings."""
    os.chdir(path)  # it reads a config.xml of the current folder, whosever that is
    os.environ["TZ"] = "UTC"  # it has no setting of its own for the server's time zone
    time.tzset()
