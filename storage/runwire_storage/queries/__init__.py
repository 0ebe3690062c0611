"""Questions to the store: curves, runs, metrics, alerts, and a user's own SQL. Every value is bound, none is pasted."""

from __future__ import annotations

from runwire_storage.queries.alerts import Alert, alerts
from runwire_storage.queries.curves import COLUMNS_MAX, PLANES, Columns, NonFinite, series
from runwire_storage.queries.errors import (
    AmbiguousRunError,
    ExpiredError,
    NoSuchRunError,
    NoSuchSeriesError,
    QueryError,
    RunningError,
    SqlError,
)
from runwire_storage.queries.filter import FilterError
from runwire_storage.queries.metrics import Metric, metrics
from runwire_storage.queries.parameters import Parameters, parameters
from runwire_storage.queries.runs import Page, Run, run, runs
from runwire_storage.queries.sql import Limits, Table, read_only_sql

__all__ = [
    "COLUMNS_MAX",
    "PLANES",
    "Alert",
    "AmbiguousRunError",
    "Columns",
    "ExpiredError",
    "FilterError",
    "Limits",
    "Metric",
    "NoSuchRunError",
    "NoSuchSeriesError",
    "NonFinite",
    "Page",
    "Parameters",
    "QueryError",
    "Run",
    "RunningError",
    "SqlError",
    "Table",
    "alerts",
    "metrics",
    "parameters",
    "read_only_sql",
    "run",
    "runs",
    "series",
]
