"""A program's lasting connection to the store, which comes and goes."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, TypeVar

from clickhouse_connect.driver.client import Client
from prometheus_client import Counter, Histogram

from runwire.errors import UnavailableError
from runwire_storage.client import ask, connect, translated
from runwire_storage.native import Column, block
from runwire_storage.schema import DATABASE

#: Batches are ours, whole, and idempotent by their rows: ClickHouse is neither to gather them, nor to replace rows
#: while inserting (merges do), nor to drop a block because it looks like an earlier one.
_INSERT = {"async_insert": 0, "optimize_on_insert": 0, "insert_deduplicate": 0}
#: A text is a text, whatever it looks like; a key may have dots.
_JSON = {
    "input_format_try_infer_dates": 0,
    "input_format_try_infer_datetimes": 0,
    "json_type_escape_dots_in_keys": 1,
}

_T = TypeVar("_T")

_INSERT_SECONDS = Histogram(
    "runwire_store_insert_seconds",
    "How long the store took for an insert that it took, by table.",
    ["table"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60),
)
_ROWS = Counter("runwire_store_inserted_rows", "Rows that were inserted, repeated ones included, by table.", ["table"])


class Outage(Protocol):
    """What to do while the store is away."""

    def wait(self, error: UnavailableError) -> None:
        """Return when it is time to try again, or raise."""

    def over(self) -> None:
        """Called whenever the store has answered."""


class Session:
    """Inserts and reads, begun anew while the store is away.

    Everything asked through it is idempotent, so what may or may not have been done when the connection broke is
    simply done again.
    """

    def __init__(self, url: str, outage: Outage) -> None:
        self._url = url
        self._outage = outage
        self._client: Client | None = None

    def insert(self, table: str, columns: Mapping[str, Column], rows: int) -> None:
        """Insert ``rows`` rows, which are there when this returns.

        Raises:
            StorageError: ClickHouse refused them.
        """
        data = block(columns, rows)
        self._put(table, lambda client, name: client.raw_insert(name, list(columns), data, _INSERT, fmt="Native"), rows)

    def insert_json(self, table: str, rows: Sequence[bytes]) -> None:
        """Insert rows that are JSON objects, which are there when this returns.

        Raises:
            StorageError: ClickHouse refused them.
        """
        data, settings = b"\n".join(rows), {**_INSERT, **_JSON}
        self._put(
            table, lambda client, name: client.raw_insert(name, None, data, settings, fmt="JSONEachRow"), len(rows)
        )

    def _put(self, table: str, insert: Callable[[Client, str], object], rows: int) -> None:
        def put(client: Client) -> None:
            began = time.perf_counter()
            insert(client, f"{DATABASE}.{table}")
            _INSERT_SECONDS.labels(table).observe(time.perf_counter() - began)

        self.run(put)
        _ROWS.labels(table).inc(rows)

    def ask(self, sql: str, parameters: Mapping[str, Any]) -> bytes:
        """Return what a SELECT answers, in the Native format.

        Raises:
            StorageError: ClickHouse refused the query.
        """
        return self.run(lambda client: ask(client, sql, parameters))

    def run(self, call: Callable[[Client], _T]) -> _T:
        """Return what ``call`` does with a client, called again for as long as the store is away.

        Raises:
            StorageError: ClickHouse refused.
        """
        while True:
            result = self._try(call)
            if not isinstance(result, UnavailableError):
                self._outage.over()
                return result
            self._outage.wait(result)

    def _try(self, call: Callable[[Client], _T]) -> _T | UnavailableError:
        try:
            with translated(self._url):
                if self._client is None:
                    self._client = connect(self._url)
                return call(self._client)
        except UnavailableError as error:
            return error
