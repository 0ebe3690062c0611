"""`/api/alerts` and `/api/silences`."""

from __future__ import annotations

import secrets
import time
from typing import Annotated, Literal

from fastapi import APIRouter, Path, Request
from pydantic import BaseModel, ConfigDict, Field, StringConstraints
from starlette.responses import Response
from typing_extensions import TypedDict

from runwire.errors import UsageError
from runwire.wire import Acknowledgement, Silence
from runwire.wire.directives import BY_MAX, COMMENT_MAX
from runwire_server import directives
from runwire_server.api.params import Limit
from runwire_server.api.reply import json
from runwire_server.api.rules import broker, director
from runwire_server.api.store import TheStore
from runwire_storage import queries
from runwire_storage.queries import Alert

router = APIRouter(tags=["alerts"])

_State = Literal["pending", "firing", "acknowledged", "silenced", "resolved"]
_Id = Annotated[str, Path(min_length=1, max_length=200, description="An alert's id, or how it begins.")]
_Glob = Annotated[str, StringConstraints(min_length=1, max_length=200)]
_By = Annotated[str, Field(min_length=1, max_length=BY_MAX, description="Who says so, as they call themselves.")]
_Comment = Annotated[str, Field(max_length=COMMENT_MAX, description="Why, or what is done about it.")]
_SECOND = 1_000_000
_SILENT_SECONDS_MAX = 366 * 86400


class Alerts(TypedDict):
    """Alerts, those that fired last first."""

    alerts: list[Alert]


class Episodes(TypedDict):
    """Each time that an alert fired, the last first."""

    episodes: list[Alert]


class Who(BaseModel):
    """Who sees to an alert."""

    model_config = ConfigDict(extra="forbid")

    by: _By = "somebody"
    comment: _Comment = ""
    episode: int | None = Field(
        default=None, ge=1, description="Which time that it fired is meant; refused if it has fired anew since."
    )


class Acknowledged(TypedDict):
    """An alert that somebody sees to. Its state tells so as soon as alerting has taken note."""

    alert: str
    episode: int


class Match(BaseModel):
    """Which alerts are meant: all of these globs must fit."""

    model_config = ConfigDict(extra="forbid")

    alert: _Glob | None = None
    rule: _Glob | None = None
    run: _Glob | None = None
    project: _Glob | None = None
    host: _Glob | None = None


class Quiet(BaseModel):
    """What nobody is to be told of, and for how long."""

    model_config = ConfigDict(extra="forbid")

    match: Match
    seconds: float = Field(ge=0, le=_SILENT_SECONDS_MAX, description="For how long; 0 ends the silence of that id.")
    id: Annotated[str, StringConstraints(pattern=r"^[a-z0-9]{1,32}$")] | None = Field(
        default=None, description="Of the silence that this replaces."
    )
    by: _By = "somebody"
    comment: _Comment = ""


class Silenced(TypedDict):
    """A silence; ``at`` and ``until`` are microseconds since the epoch."""

    id: str
    match: dict[str, str]
    at: int
    until: int
    by: str
    comment: str


class Silences(TypedDict):
    """The silences that hold now, those that end first first."""

    silences: list[Silenced]


class Seen(TypedDict):
    """Who sees to an alert, since when (microseconds since the epoch), and what they say of it."""

    by: str
    at: int
    comment: str


class Said(Silences):
    """What people said of an alert's last episode: who sees to it, and the silences that hold of it now."""

    acknowledged: Seen | None


@router.get("/api/alerts", responses={200: {"model": Alerts}})
def alerts(
    request: Request,
    store: TheStore,
    run: str | None = None,
    state: _State | None = None,
    limit: Limit = 1000,
) -> Response:
    """List alerts, those that fired last first."""
    return json(request, {"alerts": store.ask(lambda client: queries.alerts(client, run, state, limit))})


@router.get("/api/alerts/{alert}", responses={200: {"model": Episodes}})
def episodes(request: Request, store: TheStore, alert: _Id) -> Response:
    """Tell each time that an alert fired, by its id or how that begins."""
    return json(request, {"episodes": store.ask(lambda client: queries.episodes(client, alert))})


@router.post("/api/alerts/{alert}/ack", responses={200: {"model": Acknowledged}})
def acknowledge(request: Request, store: TheStore, alert: _Id, who: Who) -> Response:
    """Note that somebody sees to an alert that fires: it is not told again."""
    kafka = director(request.app.state.settings)
    last = store.ask(lambda client: queries.episodes(client, alert))[0]
    if who.episode not in {None, last["episode"]}:
        raise UsageError(f"alert {last['id']} has fired anew, episode {last['episode']}: look at that one first")
    if last["state"] == "resolved":
        raise UsageError(f"alert {last['id']} is resolved: there is nothing to see to")
    now = time.time_ns() // 1000
    directives.publish(kafka, Acknowledgement(last["id"], last["episode"], who.by, now, who.comment))
    return json(request, {"alert": last["id"], "episode": last["episode"]})


@router.get("/api/alerts/{alert}/said", responses={200: {"model": Said}})
def said(request: Request, store: TheStore, alert: _Id) -> Response:
    """Tell what people said of an alert: who sees to its last episode, and the silences that hold of it now."""
    kafka = broker(request.app.state.settings)
    last = store.ask(lambda client: queries.episodes(client, alert))[0]
    seen, found = directives.said(kafka, last, time.time_ns() // 1000)
    who = None if seen is None else {"by": seen.by, "at": seen.at, "comment": seen.comment}
    return json(request, {"acknowledged": who, "silences": [_silenced(one) for one in found]})


@router.get("/api/silences", responses={200: {"model": Silences}})
def silences(request: Request) -> Response:
    """List the silences that hold now."""
    found = directives.silences(broker(request.app.state.settings), time.time_ns() // 1000)
    return json(request, {"silences": [_silenced(one) for one in found]})


@router.post("/api/silences", responses={200: {"model": Silenced}})
def silence(request: Request, quiet: Quiet) -> Response:
    """Have nobody told of some alerts for a while; they are recorded all the same."""
    kafka = director(request.app.state.settings)
    match = quiet.match.model_dump(exclude_none=True)
    if not match:
        raise UsageError("a silence of everything is none: name an alert, a rule, a run, a project or a host")
    if quiet.seconds == 0 and quiet.id is None:
        raise UsageError("a silence of no time is none: say for how many seconds, or by its id which one ends")
    now = time.time_ns() // 1000
    made = Silence(
        quiet.id or secrets.token_hex(4), match, now + round(quiet.seconds * _SECOND), quiet.by, now, quiet.comment
    )
    directives.publish(kafka, made)
    return json(request, _silenced(made))


def _silenced(one: Silence) -> Silenced:
    return {
        "id": one.id, "match": one.match, "at": one.at, "until": one.until, "by": one.by, "comment": one.comment,
    }  # fmt: skip
