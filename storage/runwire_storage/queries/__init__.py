"""Questions to the store: curves, runs, metrics, alerts, output, and a user's own SQL. Every value is bound, none is
pasted.
"""

from __future__ import annotations

from runwire_storage.queries.alerts import Alert, alerts, episodes
from runwire_storage.queries.artifacts import (
    Artifact,
    ArtifactOfRun,
    ArtifactVersion,
    artifact,
    artifact_version,
    artifacts,
    artifacts_of_run,
)
from runwire_storage.queries.columns import COLUMNS_MAX, PLANES, Columns, NonFinite
from runwire_storage.queries.console import Printed, PrintedLine, console
from runwire_storage.queries.curves import against, series
from runwire_storage.queries.errors import (
    AmbiguousRunError,
    ExpiredError,
    NoSuchAlertError,
    NoSuchArtifactError,
    NoSuchMediaError,
    NoSuchRunError,
    NoSuchSeriesError,
    NoSuchTableError,
    OverError,
    QueryError,
    RunningError,
    SqlError,
)
from runwire_storage.queries.filter import FilterError
from runwire_storage.queries.living import living
from runwire_storage.queries.media import MediaName, Shown, media, shown
from runwire_storage.queries.metrics import Metric, metrics
from runwire_storage.queries.outliers import Outlier
from runwire_storage.queries.parameters import Parameters, parameters
from runwire_storage.queries.ranks import Matrix, Pool, matrix, pool
from runwire_storage.queries.runs import Page, Run, run, runs
from runwire_storage.queries.sql import Limits, Table, read_only_sql
from runwire_storage.queries.tables import Cells, LoggedTable, table, tables
from runwire_storage.queries.times import timeline

__all__ = [
    "COLUMNS_MAX",
    "PLANES",
    "Alert",
    "AmbiguousRunError",
    "Artifact",
    "ArtifactOfRun",
    "ArtifactVersion",
    "Cells",
    "Columns",
    "ExpiredError",
    "FilterError",
    "Limits",
    "LoggedTable",
    "Matrix",
    "MediaName",
    "Metric",
    "NoSuchAlertError",
    "NoSuchArtifactError",
    "NoSuchMediaError",
    "NoSuchRunError",
    "NoSuchSeriesError",
    "NoSuchTableError",
    "NonFinite",
    "Outlier",
    "OverError",
    "Page",
    "Parameters",
    "Pool",
    "Printed",
    "PrintedLine",
    "QueryError",
    "Run",
    "RunningError",
    "Shown",
    "SqlError",
    "Table",
    "against",
    "alerts",
    "artifact",
    "artifact_version",
    "artifacts",
    "artifacts_of_run",
    "console",
    "episodes",
    "living",
    "matrix",
    "media",
    "metrics",
    "parameters",
    "pool",
    "read_only_sql",
    "run",
    "runs",
    "series",
    "shown",
    "table",
    "tables",
    "timeline",
]
