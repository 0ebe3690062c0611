"""What a run logs: its metrics, each over all of its steps."""

from __future__ import annotations

from typing import Any, Literal

from clickhouse_connect.driver.client import Client
from typing_extensions import TypedDict

from runwire.wire import loads
from runwire.wire.names import is_system
from runwire_storage.schema import DATABASE


class Metric(TypedDict):
    """A metric of a run, over all ranks.

    ``axis`` says what its steps are: "step", those of the run; "time", milliseconds since the epoch, where it was
    measured beside the run.

    ``last`` is the value at the last step of the lowest rank. ``nonfinite`` counts NaN and infinities, the first of
    which, on any rank, stands at ``first_nonfinite_step``; ``min`` and ``max`` are of the finite values. ``definition``
    is what the run said of it (summary, goal, step_metric, step_sync, hidden, role), as far as it did.
    """

    metric: str
    axis: Literal["step", "time"]
    ranks: list[int]
    points: int
    first_step: int
    last_step: int
    last: float
    min: float | None
    max: float | None
    nonfinite: int
    first_nonfinite_step: int | None
    definition: dict[str, Any]


_METRICS = f"""
    SELECT
        metric, arraySort(groupArray(rank)) AS ranks, sum(count) AS points, min(s.first_step) AS first_step,
        max(s.last_step) AS last_step, argMin(s.last, rank) AS last, minOrNull(s.min) AS min, maxOrNull(s.max) AS max,
        sum(nan_count + pos_inf_count + neg_inf_count) AS nonfinite,
        minOrNull(s.first_nonfinite_step) AS first_nonfinite_step, any(d.definition) AS definition
    FROM {DATABASE}.series AS s
    LEFT JOIN (
        SELECT key AS metric, argMax(value, (ts, seq)) AS definition FROM {DATABASE}.stored_facts FINAL
        WHERE run = {{run:String}} AND kind = 'metric' GROUP BY key
    ) AS d ON d.metric = s.metric
    WHERE run = {{run:String}}
    GROUP BY metric ORDER BY metric
"""  # noqa: S608 - constants


def metrics(client: Client, run: str) -> list[Metric]:
    """Return the metrics of a run by name; none for a run that is not known. Costs the same however long the run is.

    Raises:
        ClickHouseError: the driver's own, where the store refuses or is away.
    """
    found: list[Any] = list(client.query(_METRICS, {"run": run}).named_results())
    for metric in found:
        metric["axis"] = "time" if is_system(metric["metric"]) else "step"
        metric["definition"] = loads(metric["definition"]) if metric["definition"] else {}
    return found
