"""`/api/runs/{run}/export`: points as a file, sent as it is made."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from starlette.responses import StreamingResponse

from runwire.wire.names import METRIC_BYTES_MAX, RANK_MAX
from runwire_server.api.params import RunWord
from runwire_server.api.store import Store, TheStore
from runwire_storage import queries

router = APIRouter(tags=["runs"])

_Step = Annotated[int | None, Query(ge=-(2**63), le=2**63)]


@router.get("/api/runs/{run}/export", response_class=StreamingResponse)
def export(
    store: TheStore,
    run: RunWord,
    metric: Annotated[
        list[Annotated[str, Query(max_length=METRIC_BYTES_MAX)]] | None,
        Query(description="A name, or a pattern as val/*; may be repeated. All metrics without it.", max_length=1000),
    ] = None,
    rank: Annotated[
        list[Annotated[int, Query(ge=0, le=RANK_MAX)]] | None,
        Query(description="May be repeated. All ranks without it.", max_length=1000),
    ] = None,
    *,
    lo: _Step = None,
    hi: _Step = None,
    times: Annotated[bool, Query(description="Tell of each point when its step was logged.")] = False,
    wide: Annotated[
        bool, Query(description="A row a rank and step with a column a metric, not a row a point.")
    ] = False,
    format: Literal["arrow", "parquet", "csv"] = "arrow",  # noqa: A002 - as the URL has it
) -> StreamingResponse:
    """Send the points with ``lo <= step < hi`` by metric, rank and step: run, metric, rank, step, value.

    Or, wide, by rank and step: run, rank, step, and each metric under its name, null where it was not logged.

    As an Arrow stream, a Parquet file or CSV. If the store fails on the way, the reply breaks off instead of ending.
    """
    from runwire_storage.queries import export as exports  # noqa: PLC0415 - loads pyarrow, 40 MB

    kind = exports.FORMATS[format]
    about = store.ask(lambda client: queries.run(client, run))
    series = store.ask(lambda client: exports.chosen(client, about["id"], metric or (), rank or (), stepped=wide))
    schema = exports.wide_schema(series, times=times) if wide else exports.schema(times=times)
    ask = exports.wide if wide else exports.points
    batches = _asked(store, lambda client: ask(client, about["id"], series, lo, hi, times=times))
    return StreamingResponse(
        exports.encoded(schema, batches, kind),
        media_type=kind.media_type,
        headers={"Content-Disposition": f'attachment; filename="{about["id"]}{kind.suffix}"'},
    )


def _asked(store: Store, answer: Any) -> Iterator[Any]:
    """Yield what an answer yields, each time as a question of its own: so an outage on the way is said as one."""
    items = store.ask(answer)
    while (item := store.ask(lambda _: next(items, None))) is not None:
        yield item
