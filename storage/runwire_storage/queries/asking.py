"""How questions about series are put: several at once where none waits for another's answer."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from clickhouse_connect.driver.client import Client

from runwire_storage.client import ask
from runwire_storage.queries.expired import expired
from runwire_storage.reader import Reader
from runwire_storage.rows import Rows, Series

#: Threads do nothing but wait for the store; more questions than these wait for their turn.
_THREADS = 16

_pool = ThreadPoolExecutor(_THREADS, "question")


def reader(client: Client) -> Reader:
    """Return a reader that asks for buckets and points side by side."""
    return Reader(partial(ask, client), _pool)


def totals_and_expired(
    client: Client, names: Sequence[Series], runs: Collection[str]
) -> tuple[dict[int, Rows], frozenset[str]]:
    """Return the TOTAL of each series that has one, by place, and those of the runs whose points have expired.

    Raises:
        ClickHouseError: the driver's own, where the store refuses or is away.
    """
    gone = _pool.submit(expired, client, runs)
    totals = {int(row["series"]): row for row in reader(client).totals(names)}
    return totals, gone.result()
