"""Which series of a run are meant by patterns and ranks."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from clickhouse_connect.driver.client import Client

from runwire.wire.names import is_system
from runwire_storage.queries.errors import ExpiredError, NoSuchSeriesError
from runwire_storage.queries.removed import removed
from runwire_storage.schema import DATABASE


@dataclass(frozen=True)
class Chosen:
    """A series, and how many points it had when it was looked up."""

    metric: str
    rank: int
    count: int


def chosen(
    client: Client, run: str, metrics: Collection[str] = (), ranks: Collection[int] = (), *, stepped: bool = False
) -> list[Chosen]:
    """Return the series of a run, by metric and rank, that are meant.

    Args:
        client: of the store.
        run: its id.
        metrics: names, or patterns of names as ``val/*``; none for all metrics.
        ranks: none for all ranks.
        stepped: only those that were logged at steps of the run, which the machine's figures were not.

    Raises:
        NoSuchSeriesError: there is none.
        ExpiredError: its points are gone.
        ClickHouseError: the driver's own, where the store refuses or is away.
    """
    rows = client.query(
        f"SELECT metric, rank, count FROM {DATABASE}.series WHERE run = {{run:String}} ORDER BY metric, rank",  # noqa: S608
        {"run": run},
    ).result_rows
    found = [
        Chosen(metric, rank, count)
        for metric, rank, count in rows
        if not (stepped and is_system(metric))
        and (not ranks or rank in ranks)
        and (not metrics or any(metric == name or fnmatchcase(metric, name) for name in metrics))
    ]
    if not found:
        raise NoSuchSeriesError(
            _nothing(run, metrics, ranks, rows, stepped=stepped), f"`runwire show {run}` lists its metrics"
        )
    if removed(client, [run]).expired:
        raise ExpiredError(f"the points of run {run} have expired", "its rollups stay: SELECT … FROM rollups")
    return found


def _nothing(
    run: str, metrics: Collection[str], ranks: Collection[int], rows: Sequence[Sequence[object]], *, stepped: bool
) -> str:
    if not rows:
        return f"run {run} has logged no points"
    wanted = f" like {', '.join(metrics)}" if metrics else ""
    on = f" on rank {', '.join(map(str, sorted(ranks)))}" if ranks else ""
    return f"run {run} has no metric{wanted}{on}{' that was logged at steps' if stepped else ''}"
