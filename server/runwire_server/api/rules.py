"""`/api/rules`: the rules that alerting goes by."""

from __future__ import annotations

import time
from typing import Annotated, Any

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response
from typing_extensions import TypedDict

from runwire.wire import RuleSet
from runwire.wire.directives import BY_MAX
from runwire_server import directives
from runwire_server.api.errors import DirectingOffError
from runwire_server.api.reply import json
from runwire_server.api.settings import Settings
from runwire_server.control import KafkaUnavailableError

router = APIRouter(tags=["alerts"])
_BYTES_MAX = 512 << 10


class RuleFile(BaseModel):
    """A rules file, in place of all that was applied before."""

    model_config = ConfigDict(extra="forbid")

    text: str = Field(max_length=_BYTES_MAX, description="What the file holds, YAML.")
    source: str = Field(default="rules", max_length=500, description="What to call it in errors.")
    by: str = Field(default="somebody", min_length=1, max_length=BY_MAX, description="Who applies it.")


class Rules(TypedDict):
    """The rules in the order in which they judge; those that a file turned off have ``enabled`` false."""

    rules: list[dict[str, Any]]


def broker(settings: Settings) -> str:
    """Return where Kafka is, for what directs alerting.

    Raises:
        KafkaUnavailableError: nobody said.
    """
    if settings.kafka is None:
        raise KafkaUnavailableError("this server was not told where Kafka is, through which alerting is directed")
    return settings.kafka


def director(settings: Settings) -> str:
    """Return where Kafka is, if alerting may be directed through this server.

    Raises:
        DirectingOffError: it may not.
        KafkaUnavailableError: nobody said where Kafka is.
    """
    if not settings.allow_alerts:
        raise DirectingOffError(
            "this server takes no rules, acknowledgements and silences, for others than this machine may reach it",
            "start it with --allow-alerts, or ask one that listens on its own machine alone",
        )
    return broker(settings)


@router.get("/api/rules", responses={200: {"model": Rules}})
def ls(request: Request) -> Response:
    """List the rules that are on, and those that a file turned off; addresses are shown by their host alone."""
    return json(request, {"rules": directives.shown(directives.declared(broker(request.app.state.settings)))})


@router.put("/api/rules", responses={200: {"model": Rules}})
def apply(request: Request, file: Annotated[RuleFile, ...]) -> Response:
    """Have alerting go by the rules of a file from now on, beside those that are on without one."""
    from runwire_alerting import rulesfile  # noqa: PLC0415 - few servers ever need it

    kafka = director(request.app.state.settings)
    declared = rulesfile.read(file.text, file.source)
    directives.publish(kafka, RuleSet([one.wire() for one in declared], file.by, time.time_ns() // 1000))
    return json(request, {"rules": directives.shown(declared)})
