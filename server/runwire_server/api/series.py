"""`/api/series`: the one route that curves come through. docs/architecture.md has its contract."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal

import numpy as np
from clickhouse_connect.driver.client import Client
from fastapi import APIRouter, Request
from pydantic import BaseModel, Field, model_validator
from starlette.responses import Response
from typing_extensions import Self

from runwire.wire import dumps
from runwire.wire.names import METRIC_BYTES_MAX, RANK_MAX, RUN_ID
from runwire_server.api.params import Span
from runwire_server.api.reply import json
from runwire_server.api.store import TheStore
from runwire_storage import queries
from runwire_storage.queries import COLUMNS_MAX, PLANES, Columns

router = APIRouter(tags=["series"])

MEDIA_TYPE = "application/vnd.runwire.series"
MAGIC = b"RWS1"
#: Planes of counts and steps: whole numbers, which JSON writes without a point.
_WHOLE = frozenset(PLANES) - {"first", "last", "min", "max", "sum"}


class Name(BaseModel):
    """A series: a metric of a run on one rank."""

    run: Annotated[str, Field(pattern=f"^{RUN_ID.pattern}$")]
    metric: Annotated[str, Field(min_length=1, max_length=METRIC_BYTES_MAX)]
    rank: Annotated[int, Field(ge=0, le=RANK_MAX)] = 0


class View(Span):
    """Which series, which of their steps (``lo <= step < hi``; null is a series' own end), in how many columns.

    With ``x`` "time", columns are stretches of time, and ``lo`` and ``hi`` microseconds since the epoch. With
    ``against``, a metric, each series comes with that metric of the same run and rank in the same columns of steps.
    """

    series: Annotated[list[Name], Field(min_length=1, max_length=1000)]
    columns: Annotated[int, Field(ge=1, le=COLUMNS_MAX)] = 1000
    x: Literal["step", "time"] = "step"
    against: Annotated[str | None, Field(min_length=1, max_length=METRIC_BYTES_MAX)] = None

    @model_validator(mode="after")
    def _over_one(self) -> Self:
        if self.x == "time" and self.against is not None:
            raise ValueError("a series can be shown over time or against another metric, not both")
        return self


@router.post("/api/series", responses={200: {"content": {MEDIA_TYPE: {}}}})
def series(request: Request, store: TheStore, view: View) -> Response:
    """Answer series in at most ``columns`` columns each, exact at every zoom: first, last, min, max, sum, counts.

    As JSON, or with ``Accept: application/vnd.runwire.series`` as planes of float64.
    """
    found, others = store.ask(lambda client: _answer(client, view))
    if MEDIA_TYPE in request.headers.get("Accept", ""):
        body = encode([*found, *others], "microseconds" if view.x == "time" else "steps")
        return Response(body, media_type=MEDIA_TYPE, headers={"Cache-Control": "no-store", "Vary": "Accept"})
    told = [{**_about(one), "planes": _listed(one)} for one in found]
    for its, other in zip(told, others, strict=False):
        its["against"] = {**_about(other), "planes": _listed(other)}
    return json(request, {"unit": "microseconds" if view.x == "time" else "steps", "series": told})


def _answer(client: Client, view: View) -> tuple[list[Columns], list[Columns]]:
    """Return the series, and what each is against."""
    names = [(name.run, name.metric, name.rank) for name in view.series]
    if view.against is not None:
        pairs = queries.against(client, names, view.against, lo=view.lo, hi=view.hi, columns=view.columns)
        return [y for y, _ in pairs], [x for _, x in pairs]
    curves = queries.timeline if view.x == "time" else queries.series
    return curves(client, names, lo=view.lo, hi=view.hi, columns=view.columns), []


def encode(found: Sequence[Columns], unit: str = "steps") -> bytes:
    """Return series as one binary reply, whose planes lie at multiples of 8 bytes."""
    start, header = 0, b""
    while True:  # the header tells where the planes begin, and they begin where it ends
        offset = start
        about = []
        for one in found:
            about.append({**_about(one), "offset": offset})
            offset += len(PLANES) * len(one) * 8
        header = dumps({"planes": PLANES, "unit": unit, "series": about})
        size = 8 + len(header)
        if start == size + -size % 8:
            break
        start = size + -size % 8
    planes = [one.planes[name].astype("<f8", copy=False).tobytes() for one in found for name in PLANES]
    return b"".join((MAGIC, len(header).to_bytes(4, "little"), header, bytes(-size % 8), *planes))


def _about(columns: Columns) -> dict[str, Any]:
    bad = columns.first_nonfinite
    return {
        "run": columns.run,
        "metric": columns.metric,
        "rank": columns.rank,
        "level": columns.level,
        "n": len(columns),
        "points": columns.points,
        "last_step": columns.last_step,
        "first_nonfinite": bad and {"step": bad.step, "kind": bad.kind},
        "exact": columns.exact,
    }


def _listed(columns: Columns) -> dict[str, list[Any]]:
    return {name: _numbers(plane) if name in _WHOLE else plane.tolist() for name, plane in columns.planes.items()}


def _numbers(plane: np.ndarray[Any, np.dtype[np.float64]]) -> list[Any]:
    return [int(value) if value == value else value for value in plane.tolist()]  # noqa: PLR0124 - not for NaN
