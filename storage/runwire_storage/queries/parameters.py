"""What runs were configured with, beside a number that came of it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from clickhouse_connect.driver.client import Client

from runwire.wire import loads
from runwire_storage.queries.errors import QueryError
from runwire_storage.queries.filter.sql import selection
from runwire_storage.queries.filter.tree import Condition, Field, Operand, SortKey
from runwire_storage.queries.runs import ask
from runwire_storage.schema import DATABASE

#: So many runs are looked at, those that started last.
RUNS_MAX = 1000


@dataclass(frozen=True)
class Parameters:
    """Runs with their config and a target.

    Attributes:
        configs: by run, its config's leaves by their dotted keys.
        targets: by run, the target; NaN and infinities are what they are, None is missing.
        total: how many runs there are, of which these are the last that started.
    """

    configs: Mapping[str, Mapping[str, Any]]
    targets: Mapping[str, float | None]
    total: int


def parameters(client: Client, condition: Condition, target: Operand) -> Parameters:
    """Return the config and the target of the runs for which a condition holds, of `RUNS_MAX` at most.

    Raises:
        QueryError: the target is no number.
        FilterError: a pattern that ClickHouse has no form for.
        ClickHouseError: the driver's own, where the store refuses or is away.
    """
    if target.type not in {"number", "duration", "any"}:
        raise QueryError("the target is no number", "as min(val/loss), last(val/acc) or duration")
    asked = selection(client)
    where, order = asked.condition(condition), asked.order([SortKey(Field("started"), descending=True)])
    number = f"toFloat64({asked.sight(target).number})"
    sql = asked.select(f"id, {number}, count() OVER ()", where)
    rows = ask(client, f"{sql} ORDER BY {order} LIMIT {RUNS_MAX}", asked.parameters)
    configs: dict[str, dict[str, Any]] = defaultdict(dict)
    facts = client.query(
        f"""
            SELECT run, key, argMax(value, (ts, seq, value)) FROM {DATABASE}.stored_facts FINAL
            WHERE kind = 'config' AND run IN {{runs:Array(String)}} GROUP BY run, key
        """,  # noqa: S608 - a constant
        {"runs": [row[0] for row in rows]},
    ).result_rows
    read: dict[str, Any] = {}
    for run, key, text in facts:
        if text not in read:
            read[text] = loads(text)
        configs[run][key] = read[text]
    return Parameters(
        {run: configs[run] for run, _, _ in rows}, {run: value for run, value, _ in rows}, rows[0][2] if rows else 0
    )
