"""How questions about series are put: several at once where none waits for another's answer."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from clickhouse_connect.driver.client import Client

from runwire_storage.client import ask
from runwire_storage.queries.removed import removed
from runwire_storage.reader import Reader
from runwire_storage.rows import Rows, Series

#: Threads do nothing but wait for the store; more questions than these wait for their turn.
_THREADS = 16

#: What is asked of a series' TOTAL to know what to read of it.
ENDS = ("first_step", "last_step")

_pool = ThreadPoolExecutor(_THREADS, "question")


def reader(client: Client, fields: Collection[str] | None = None) -> Reader:
    """Return a reader that asks for buckets and points side by side, of buckets and totals for these fields."""
    return Reader(partial(ask, client), _pool, fields)


def totals_and_expired(
    client: Client, names: Sequence[Series], runs: Collection[str], fields: Collection[str] | None = None
) -> tuple[dict[int, Rows], frozenset[str]]:
    """Return the TOTAL of each series that has one, by place, and those of the runs whose points have expired.

    Of the TOTALs only ``fields`` mean something, if not all.

    Raises:
        ClickHouseError: the driver's own, where the store refuses or is away.
    """
    asked = _pool.submit(removed, client, runs)
    totals = reader(client, fields).totals(names, deleted=True)
    gone = asked.result()
    return {int(row["series"]): row for row in totals if names[int(row["series"])][0] not in gone.deleted}, gone.expired
