"""`runwire stop`."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Annotated, Any

import typer

from runwire.errors import UnavailableError
from runwire.wire.control import REASON_MAX
from runwire_server.cli.options import Home, Json, Server, caller
from runwire_server.cli.output import print_json, say
from runwire_server.cli.remote import Remote

_POLL_SECONDS = 0.25


class NoAnswerError(UnavailableError):
    """The run was asked to stop, and has not said that it knows."""


def stop(
    run: Annotated[str, typer.Argument(metavar="RUN", help="A run's id, a prefix that only one has, or its name.")],
    home: Home = None,
    server: Server = None,
    *,
    reason: Annotated[str, typer.Option(help="Why; the run prints and records it.")] = "",
    wait: Annotated[float, typer.Option(min=0, metavar="SECONDS", help="Wait so long for its answer.")] = 10.0,
    json: Json = False,
) -> None:
    """Ask a running run to stop by its own hand, and say whether it has answered.

    A training finds `run.should_stop` true from then on, or gets `runwire.Stopped` from its next log(), as its settings
    say. One that looks at neither goes on.
    """
    remote = Remote(server, home)
    whole = remote.get("runs", run)["id"]
    asked = remote.post("runs", whole, "stop", body={"reason": reason[:REASON_MAX], "by": caller()})
    about = _answer(remote, whole, asked["asked_at"], wait)
    answered = _answered(about, asked["asked_at"])
    if json:
        print_json({**asked, "answered": answered, "state": about["state"]})
    elif answered:
        say(f"{whole} knows that it is to stop, and is {about['state']} now")
    if not answered:
        raise NoAnswerError(
            f"{whole} was asked to stop, and has not answered within {wait:g} s: its host may not reach Kafka, or it "
            f"may have ended. It is told as soon as that can be; `runwire show {whole}` says whether it was"
        )


def _answer(remote: Remote, run: str, asked_at: int, seconds: float) -> dict[str, Any]:
    """Return what is known of a run once it has answered and ended, or after so many seconds."""
    until = time.monotonic() + seconds
    while True:
        about: dict[str, Any] = remote.get("runs", run)
        over = _answered(about, asked_at) and about["state"] != "running"
        if over or time.monotonic() >= until:
            return about
        time.sleep(_POLL_SECONDS)


def _answered(about: Mapping[str, Any], asked_at: int) -> bool:
    return about["stop"] is not None and about["stop"].get("asked_at") == asked_at
