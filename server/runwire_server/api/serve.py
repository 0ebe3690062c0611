"""The program: listens, answers, and ends when told to."""

from __future__ import annotations

import signal
import socket
import sys

import structlog
import uvicorn

from runwire import _ready
from runwire.errors import UsageError
from runwire_faust import logs
from runwire_server.api.app import create_app
from runwire_server.api.settings import Settings

_log = structlog.get_logger("runwire.server")

#: Requests under way when it is told to end get so long.
_STOP_SECONDS_MAX = 3


class ListenError(UsageError):
    """The address cannot be listened on."""


class _Server(uvicorn.Server):
    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            _ready.tell()


def serve(host: str, port: int, settings: Settings) -> int:
    """Serve the API and the page until SIGTERM or SIGINT; return the exit code.

    Args:
        host: the address to listen on.
        port: the port to listen on.
        settings: the rest.

    Raises:
        ListenError: the address cannot be listened on.
        ConfigError: there can be no such file store.
    """
    # The driver and its pool tell of every retry; `Store` tells once that the store is away.
    logs.configure(silent=("urllib3", "clickhouse_connect"))
    app = create_app(settings)
    config = uvicorn.Config(
        app,
        log_config=None,
        log_level="warning",
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=_STOP_SECONDS_MAX,
    )
    # uvicorn repeats the signal that it ended for, once it has: by itself that would end this program as killed.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: sys.exit(0))
    with listen(host, port) as listening:
        _log.info("serves the page and the API", url=f"http://{f'[{host}]' if ':' in host else host}:{port}/")
        _Server(config).run([listening])
    return 0


def listen(host: str, port: int) -> socket.socket:
    """Return a socket that is bound to the address, for `uvicorn.Server`.

    Raises:
        ListenError: the address cannot be listened on.
    """
    listening = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    # Its connections inherit it. A short answer would wait 40 ms for the acknowledgement of its own headers; asyncio
    # spares that those sockets only that were made for TCP by name.
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    try:
        listening.bind((host, port))
    except OSError as error:
        listening.close()
        raise ListenError(
            f"cannot listen on {host}:{port}: {error.strerror}. Stop what does, or choose another port with --port."
        ) from error
    return listening
