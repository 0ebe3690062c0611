"""Which processes of a run go on, as far as the store knows."""

from __future__ import annotations

from clickhouse_connect.driver.client import Client

from runwire_storage.queries.errors import NoSuchRunError, OverError
from runwire_storage.schema import DATABASE

_SQL = f"""
    SELECT run_state, attempt FROM (
        SELECT
            anyIf(value, kind = 'state' AND key = 'state') AS run_state,
            toUInt64OrZero(anyIf(value, kind = 'run' AND key = 'attempt')) AS attempt
        FROM {DATABASE}.stored_facts FINAL
        WHERE run = {{run:String}} AND run NOT IN (SELECT run FROM {DATABASE}.deleted)
        GROUP BY rank
    )
"""  # noqa: S608 - constants


def living(client: Client, run: str) -> int:
    """Return the newest attempt among the ranks of a run that go on; of a run that goes on in part, too.

    Raises:
        NoSuchRunError: there is no run of this id.
        OverError: none of its ranks goes on.
        ClickHouseError: the driver's own, where the store refuses or is away.
    """
    ranks = client.query(_SQL, {"run": run}).result_rows
    if not ranks:
        raise NoSuchRunError(f"there is no run {run!r}", "`runwire runs` lists them; a run is asked by its whole id")
    attempts = [attempt for state, attempt in ranks if state in ('"running"', "")]
    if not attempts:
        raise OverError(f"run {run} has ended: there is nothing to stop", "`runwire show` says how it ended")
    return int(max(attempts))
