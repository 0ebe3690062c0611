"""`/metrics`: of what the engine counts, that by which one sees how it does, named as by ClickHouse's servers."""

from __future__ import annotations

from runwire_storage.embedded.engine import Engine, Query, Result
from runwire_storage.embedded.statement import Statement

#: As `system.metrics` names them: what holds now.
_GAUGES = ("Query", "Merge", "PartsActive", "DelayedInserts", "MemoryTracking")
#: As `system.events` names them: what was counted since the start.
_COUNTERS = (
    "Query",
    "FailedQuery",
    "SelectQuery",
    "SelectQueryTimeMicroseconds",
    "SelectedRows",
    "SelectedBytes",
    "InsertQuery",
    "FailedInsertQuery",
    "InsertQueryTimeMicroseconds",
    "InsertedRows",
    "InsertedBytes",
    "DelayedInserts",
    "RejectedInserts",
    "Merge",
    "MergedRows",
    "MergedUncompressedBytes",
)
_SQL = f"""
SELECT concat('ClickHouseMetrics_', metric) AS name, toFloat64(value) AS value, description AS help, 'gauge' AS type
FROM system.metrics WHERE metric IN {_GAUGES}
UNION ALL
SELECT concat('ClickHouseProfileEvents_', event), toFloat64(value), description, 'counter'
FROM system.events WHERE event IN {_COUNTERS}
"""  # noqa: S608 - of names that stand above
_QUERY = Query(Statement(_SQL, None, None), format="Prometheus", settings={"system_events_show_zero_values": "1"})


def read(engine: Engine) -> Result:
    """Return the metrics as Prometheus' text.

    Raises:
        EngineError: the engine has no turn to spare, or ends.
    """
    return engine.run(_QUERY)
