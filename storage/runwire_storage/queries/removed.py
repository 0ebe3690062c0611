"""Which runs are not what their series say: deleted, or with rollups alone, see decision 0015."""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

from clickhouse_connect.driver.client import Client

from runwire_storage.schema import DATABASE


class Removed(NamedTuple):
    """Runs of which something was taken away.

    Attributes:
        deleted: nothing is to be had of them.
        expired: nothing finer than the lowest level is to be had of them: their points have gone.
    """

    deleted: frozenset[str]
    expired: frozenset[str]


def removed(client: Client, runs: Collection[str]) -> Removed:
    """Return those of the runs of which something was taken away.

    Raises:
        ClickHouseError: the driver's own, where the store refuses or is away.
    """
    sql = f"""
        SELECT run, true, false FROM {DATABASE}.deleted WHERE run IN {{runs:Array(String)}}
        UNION ALL
        SELECT DISTINCT run, false, true FROM {DATABASE}.stored_facts
        WHERE run IN {{runs:Array(String)}} AND kind = 'run' AND key = 'points_expired'
    """  # noqa: S608 - a constant
    rows = client.query(sql, {"runs": sorted(runs)}).result_rows if runs else []
    return Removed(
        frozenset(run for run, deleted, _ in rows if deleted), frozenset(run for run, _, expired in rows if expired)
    )
