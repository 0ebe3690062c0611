"""The one way to ClickHouse, embedded or not: its HTTP protocol, our settings, our errors."""

from __future__ import annotations

import http.client
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import clickhouse_connect
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError, Error, OperationalError

from runwire.errors import ConfigError, UnavailableError
from runwire_storage.errors import StorageError

CONNECT_SECONDS_MAX = 5
_PING_SECONDS_MAX = 2.0
#: A store that has not answered for so long is taken for away; whoever waits asks again.
REPLY_SECONDS_MAX = 60

#: A question may name thousands of series, and finds its rows by the primary key alone: there is no more to plan.
_SELECT = {
    "max_query_size": 1 << 28,
    "max_ast_elements": 10_000_000,
    "max_expanded_ast_elements": 10_000_000,
    "optimize_move_to_prewhere": 0,
}

#: Errors by which ClickHouse says "not now": the same request may be granted later.
_NOT_NOW = {
    159,  # TIMEOUT_EXCEEDED
    164,  # READONLY: an existing server that is being repaired
    202,  # TOO_MANY_SIMULTANEOUS_QUERIES
    209,  # SOCKET_TIMEOUT
    210,  # NETWORK_ERROR
    236,  # ABORTED: it is shutting down
    241,  # MEMORY_LIMIT_EXCEEDED
    243,  # NOT_ENOUGH_SPACE
    252,  # TOO_MANY_PARTS
    394,  # QUERY_WAS_CANCELLED: as by a server that shuts down
    425,  # SYSTEM_ERROR
}


def connect(url: str, *, reply_seconds_max: float = REPLY_SECONDS_MAX, **settings: Any) -> Client:
    """Return a client of the ClickHouse at ``url`` (``http[s]://[user[:password]@]host[:port]``).

    Args:
        url: where it listens.
        reply_seconds_max: how long a reply may take.
        settings: ClickHouse's own settings, sent with each request.

    Raises:
        ConfigError: the url is none.
        UnavailableError: nobody answers there now.
        StorageError: it refused, for example the password.
    """
    parts = urlsplit(url)
    try:
        port = parts.port
    except ValueError:
        port = 0
    if parts.scheme not in {"http", "https"} or not parts.hostname or port == 0:
        raise ConfigError(f"{_shown(url)} is no address of a ClickHouse: expected http://host:port")
    with translated(url):
        return clickhouse_connect.get_client(
            interface=parts.scheme,
            host=parts.hostname,
            port=port,
            username=parts.username,
            password=parts.password or "",
            compress=False,  # loopback or a rack's network: the processor is the scarce part
            query_limit=0,
            form_encode_query_params=True,  # a page of runs is named by more ids than a URL may hold
            connect_timeout=CONNECT_SECONDS_MAX,
            send_receive_timeout=reply_seconds_max,
            autogenerate_session_id=False,
            settings=settings,
        )


def answers(url: str) -> bool:
    """Return whether the ClickHouse at ``url`` answers within two seconds that it is there."""
    parts = urlsplit(url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = kind(parts.hostname or "", parts.port, timeout=_PING_SECONDS_MAX)
    try:
        connection.request("GET", f"{parts.path.rstrip('/')}/ping")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def ask(client: Client, sql: str, parameters: Mapping[str, Any]) -> bytes:
    """Return what a SELECT answers, in the Native format; parameters are bound as literals, ``%(name)s``.

    Raises:
        ClickHouseError: the driver's own, where the store refuses or is away.
    """
    return client.raw_query(sql, dict(parameters), _SELECT, fmt="Native")


@contextmanager
def translated(url: str) -> Iterator[None]:
    """Turn the driver's errors into ours, naming the store at ``url``.

    Raises:
        UnavailableError: the store did not answer, or said "not now".
        StorageError: it refused.
    """
    try:
        yield
    except Error as error:
        code = error.code
        # The driver says OperationalError when the connection failed, and gives no code then.
        if code in _NOT_NOW or (code is None and isinstance(error, OperationalError)):
            raise UnavailableError(f"ClickHouse at {_shown(url)} does not answer: {_brief(error)}") from error
        raise StorageError(f"ClickHouse at {_shown(url)} refused: {_brief(error)}", code) from error
    except ClickHouseError as error:
        raise StorageError(f"ClickHouse at {_shown(url)}: {_brief(error)}") from error


def _shown(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}" if parts.netloc else url


def _brief(error: Exception) -> str:
    text = " ".join(str(error).split())
    return text if len(text) <= 500 else f"{text[:500]} …"
