"""`/api/series`: the one route that curves come through. docs/architecture.md has its contract."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any

import numpy as np
from fastapi import APIRouter, Request
from pydantic import BaseModel, Field, model_validator
from starlette.responses import Response
from typing_extensions import Self

from runwire.wire import dumps
from runwire.wire.names import METRIC_BYTES_MAX, RANK_MAX, RUN_ID
from runwire_server.api.reply import json
from runwire_server.api.store import TheStore
from runwire_storage import queries
from runwire_storage.queries import COLUMNS_MAX, PLANES, Columns

router = APIRouter(tags=["series"])

MEDIA_TYPE = "application/vnd.runwire.series"
MAGIC = b"RWS1"
_STEPS = {"ge": -(2**63), "le": 2**63}
#: Planes of counts and steps: whole numbers, which JSON writes without a point.
_WHOLE = frozenset(PLANES) - {"first", "last", "min", "max", "sum"}


class Name(BaseModel):
    """A series: a metric of a run on one rank."""

    run: Annotated[str, Field(pattern=f"^{RUN_ID.pattern}$")]
    metric: Annotated[str, Field(min_length=1, max_length=METRIC_BYTES_MAX)]
    rank: Annotated[int, Field(ge=0, le=RANK_MAX)] = 0


class View(BaseModel):
    """Which series, which of their steps (``lo <= step < hi``; null is a series' own end), in how many columns."""

    series: Annotated[list[Name], Field(min_length=1, max_length=1000)]
    lo: Annotated[int | None, Field(**_STEPS)] = None
    hi: Annotated[int | None, Field(**_STEPS)] = None
    columns: Annotated[int, Field(ge=1, le=COLUMNS_MAX)] = 1000

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.lo is not None and self.hi is not None and self.lo >= self.hi:
            raise ValueError(f"lo is {self.lo}, hi is {self.hi}: lo must be below hi")
        return self


@router.post("/api/series", responses={200: {"content": {MEDIA_TYPE: {}}}})
def series(request: Request, store: TheStore, view: View) -> Response:
    """Answer series in at most ``columns`` columns each, exact at every zoom: first, last, min, max, sum, counts.

    As JSON, or with ``Accept: application/vnd.runwire.series`` as planes of float64.
    """
    names = [(name.run, name.metric, name.rank) for name in view.series]
    found = store.ask(lambda client: queries.series(client, names, view.lo, view.hi, view.columns))
    if MEDIA_TYPE in request.headers.get("Accept", ""):
        return Response(encode(found), media_type=MEDIA_TYPE, headers={"Cache-Control": "no-store", "Vary": "Accept"})
    return json(request, {"series": [{**_about(one), "planes": _listed(one)} for one in found]})


def encode(found: Iterable[Columns]) -> bytes:
    """Return series as one binary reply, whose planes lie at multiples of 8 bytes."""
    found = list(found)
    start, header = 0, b""
    while True:  # the header tells where the planes begin, and they begin where it ends
        offset = start
        about = []
        for one in found:
            about.append({**_about(one), "offset": offset})
            offset += len(PLANES) * len(one) * 8
        header = dumps({"planes": PLANES, "series": about})
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
        "exact": True,
    }


def _listed(columns: Columns) -> dict[str, list[Any]]:
    return {name: _numbers(plane) if name in _WHOLE else plane.tolist() for name, plane in columns.planes.items()}


def _numbers(plane: np.ndarray[Any, np.dtype[np.float64]]) -> list[Any]:
    return [int(value) if value == value else value for value in plane.tolist()]  # noqa: PLR0124 - not for NaN
