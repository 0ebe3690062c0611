"""What a run logs: its metrics, each over all of its steps."""

from __future__ import annotations

from typing import Any

import numpy as np
from clickhouse_connect.driver.client import Client
from typing_extensions import TypedDict

from runwire_storage.queries import fetch
from runwire_storage.queries.curves import first_step
from runwire_storage.schema import DATABASE


class Metric(TypedDict):
    """A metric of a run, over all ranks.

    ``last`` is the value at the last step of the lowest rank. ``nonfinite`` counts NaN and infinities, the first of
    which, on any rank, stands at ``first_nonfinite_step``.
    """

    metric: str
    ranks: list[int]
    points: int
    first_step: int
    last_step: int
    last: float
    nonfinite: int
    first_nonfinite_step: int | None


def metrics(client: Client, run: str) -> list[Metric]:
    """Return the metrics of a run by name; none for a run that is not known. Costs the same however long the run is.

    Raises:
        ClickHouseError: the driver's own, where the store refuses or is away.
    """
    rows = client.query(
        f"""
            SELECT metric, rank, last_step, last FROM {DATABASE}.series
            WHERE run = {{run:String}} ORDER BY metric, rank
        """,  # noqa: S608 - a constant
        {"run": run},
    ).result_rows
    found: dict[str, Metric] = {}
    for start in range(0, len(rows), fetch.SERIES_MAX):
        batch = rows[start : start + fetch.SERIES_MAX]
        names = [(run, metric, rank) for metric, rank, _, _ in batch]
        totals = fetch.totals(client, names, {place: row[2] for place, row in enumerate(batch)})
        for place, (metric, rank, last_step, last) in enumerate(batch):
            known = found.setdefault(metric, _empty(metric, last_step, last))
            known["ranks"].append(rank)
            known["last_step"] = max(known["last_step"], last_step)
            for row in totals[totals["series"] == place]:
                _add(known, row)
    return list(found.values())


def _empty(metric: str, last_step: int, last: float) -> Metric:
    return {
        "metric": metric,
        "ranks": [],
        "points": 0,
        "first_step": last_step,
        "last_step": last_step,
        "last": last,
        "nonfinite": 0,
        "first_nonfinite_step": None,
    }


def _add(metric: Metric, row: Any) -> None:
    odd = int(np.sum([row[name] for name in ("nan", "pos_inf", "neg_inf")]))
    metric["points"] += int(row["count"])
    metric["first_step"] = min(metric["first_step"], first_step(row))
    metric["nonfinite"] += odd
    if odd:
        known = metric["first_nonfinite_step"]
        step = int(row["first_nonfinite_step"])
        metric["first_nonfinite_step"] = step if known is None else min(known, step)
