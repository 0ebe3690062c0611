"""Which runs have no points any more, only rollups, see decision 0015."""

from __future__ import annotations

from collections.abc import Collection

from clickhouse_connect.driver.client import Client

from runwire_storage.schema import DATABASE


def expired(client: Client, runs: Collection[str]) -> frozenset[str]:
    """Return those of the runs whose points have expired: nothing finer than the lowest level is to be had of them.

    Raises:
        ClickHouseError: the driver's own, where the store refuses or is away.
    """
    sql = f"""
        SELECT DISTINCT run FROM {DATABASE}.stored_facts
        WHERE run IN {{runs:Array(String)}} AND kind = 'run' AND key = 'points_expired'
    """  # noqa: S608 - a constant
    if not runs:
        return frozenset()
    return frozenset(run for (run,) in client.query(sql, {"runs": sorted(runs)}).result_rows)
