"""The server's connection to ClickHouse, made when it is first needed and kept."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Annotated, TypeVar

import structlog
from clickhouse_connect.driver.client import Client
from fastapi import Depends, Request

from runwire.errors import UnavailableError
from runwire_storage.client import connect, translated
from runwire_storage.migrations import migrate
from runwire_storage.schema import DATABASE

_T = TypeVar("_T")
_log = structlog.get_logger("runwire.server")


class Store:
    """Asks the ClickHouse at ``url``. Safe to use from many threads: no request depends on another."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._client: Client | None = None
        self._connecting = threading.Lock()
        self._away = False

    def ask(self, question: Callable[[Client], _T]) -> _T:
        """Return what ``question`` does with a client.

        Raises:
            UnavailableError: ClickHouse is away.
            StorageError: it refused.
        """
        try:
            with translated(self._url):
                answer = question(self._connected())
        except UnavailableError as error:
            if not self._away:
                self._away = True
                _log.warning("the store is away", error=str(error))
            raise
        if self._away:
            self._away = False
            _log.info("the store is back")
        return answer

    def _connected(self) -> Client:
        with self._connecting:
            if self._client is None:
                client = connect(self._url)
                migrate(client)
                client.database = DATABASE
                self._client = client
            return self._client


def _store(request: Request) -> Store:
    store: Store = request.app.state.store
    return store


#: The store, as a parameter of a route.
TheStore = Annotated[Store, Depends(_store)]
