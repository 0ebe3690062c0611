"""Media that runs logged: under which names and at which steps there are some, and what they are."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from clickhouse_connect.driver.client import Client
from typing_extensions import TypedDict

from runwire.wire import loads
from runwire_storage.queries import logged
from runwire_storage.queries.errors import NoSuchMediaError
from runwire_storage.schema import DATABASE

#: Of a name that was logged at more steps, the last are told.
STEPS_MAX = 10_000


class MediaName(TypedDict):
    """A name under which a rank logged media: the kind of the last, and the steps, rising; of many the last."""

    name: str
    rank: int
    kind: str
    steps: list[int]


class Shown(TypedDict):
    """One of those that were logged by a name, a rank and at a step.

    ``place`` counts them from 0; ``digest`` names its file, if it has one; ``data`` is what else belongs to it, by
    kind, see `runwire.wire.media.MediaItem`.
    """

    place: int
    step: int
    ts: datetime
    kind: str
    format: str
    digest: str
    size: int
    caption: str
    data: dict[str, Any]


_KIND = logged.Kind(NoSuchMediaError, "media", "log({name: runwire.Image(...)}) makes some")
_COLUMNS = ", ".join(Shown.__annotations__)


def media(client: Client, run: str, limit: int = 1000) -> list[MediaName]:
    """Return under which names a run has media, by name and rank.

    Raises:
        ClickHouseError: the driver's own, where the store refuses or is away.
    """
    sql = f"""
        SELECT name, rank, argMax(kind, step) AS kind,
            arrayReverse(arraySlice(arrayReverseSort(groupUniqArray(step)), 1, {STEPS_MAX})) AS steps
        FROM {DATABASE}.media WHERE run = {{run:String}}
        GROUP BY name, rank ORDER BY name, rank LIMIT {{limit:UInt64}}
    """  # noqa: S608 - constants
    found: list[Any] = list(client.query(sql, {"run": run, "limit": limit}).named_results())
    return found


def shown(client: Client, run: str, name: str, *, rank: int | None = None, step: int | None = None) -> list[Shown]:
    """Return what was logged by a name at a step, in its order.

    Args:
        client: of the store.
        run: whose, by id.
        name: as it was logged.
        rank: of which rank; None for the lowest that has it.
        step: of which step; None for the last.

    Raises:
        NoSuchMediaError: the run has none such.
        ClickHouseError: the driver's own, where the store refuses or is away.
    """
    where, wanted = logged.place(rank, step)
    sql = f"""
        SELECT {_COLUMNS} FROM {DATABASE}.media
        WHERE run = {{run:String}} AND name = {{name:String}}{where} AND (step, rank) = (
                SELECT step, rank FROM {DATABASE}.media WHERE run = {{run:String}} AND name = {{name:String}}{where}
                ORDER BY step DESC, rank LIMIT 1
            )
        ORDER BY place
    """  # noqa: S608 - constants
    found: list[Any] = list(client.query(sql, {"run": run, "name": name, **wanted}).named_results())
    if not found:
        raise _KIND.none(run, name, wanted, (one["name"] for one in media(client, run)))
    for one in found:
        one["data"] = loads(one["data"])
    return found
