"""`runwire alerts`: what fired, and what people say about it."""

from __future__ import annotations

from contextlib import suppress
from typing import Annotated, Any

import typer

from runwire.errors import UsageError
from runwire_server.cli.options import Home, Json, Server, caller
from runwire_server.cli.output import print_json, say
from runwire_server.cli.output import show as print_rich
from runwire_server.cli.remote import Remote, ServerError

alerts = typer.Typer(help="Look at alerts, see to them, silence them.", no_args_is_help=True)

_Id = Annotated[str, typer.Argument(metavar="ALERT", help="An alert's id, or how it begins.")]
_Match = Annotated[str | None, typer.Option(metavar="GLOB", help="Only what fits.")]


@alerts.command("ls", epilog="example: runwire alerts ls --firing --json")
def list_(
    run: Annotated[str | None, typer.Argument(metavar="[RUN]", help="Only this run's: id, prefix or name.")] = None,
    home: Home = None,
    server: Server = None,
    *,
    firing: Annotated[bool, typer.Option("--firing", help="Only those that fire and nobody sees to.")] = False,
    state: Annotated[
        str | None, typer.Option(help="Only those: pending, firing, acknowledged, silenced or resolved.")
    ] = None,
    limit: Annotated[int, typer.Option("-n", min=1, max=100_000, help="At most so many, the newest.")] = 100,
    json: Json = False,
) -> None:
    """List alerts, those that fired last first."""
    remote = Remote(server, home)
    of = None if run is None else remote.get("runs", run)["id"]
    found = remote.get("alerts", run=of, state="firing" if firing else state, limit=limit)["alerts"]
    if json:
        print_json(found)
    elif not found:
        say("no alerts")
    else:
        from runwire_server.cli import tables  # noqa: PLC0415 - loads rich

        print_rich(tables.alerts(found))


@alerts.command(epilog="example: runwire alerts show 1f0c")
def show(alert: _Id, home: Home = None, server: Server = None, *, json: Json = False) -> None:
    """Show an alert: what happened, to which ranks, what followed, who sees to it, and its earlier episodes."""
    remote = Remote(server, home)
    found: list[dict[str, Any]] = remote.get("alerts", alert)["episodes"]
    if json:
        print_json(found)
        return
    from runwire_server.cli import tables  # noqa: PLC0415 - loads rich

    said: dict[str, Any] = {}
    if found[0]["state"] in {"acknowledged", "silenced"}:
        with suppress(ServerError):  # that Kafka is away hides nothing of what is stored
            said = remote.get("alerts", found[0]["id"], "said")
    print_rich(*tables.alert(found, said))


@alerts.command(epilog="example: runwire alerts ack 1f0c --comment 'looking at the data'")
def ack(
    alert: _Id,
    home: Home = None,
    server: Server = None,
    *,
    comment: Annotated[str, typer.Option(help="What you say of it.")] = "",
    json: Json = False,
) -> None:
    """Say that you see to an alert: it is not told again. Its end is told."""
    done = Remote(server, home).post("alerts", alert, "ack", body={"by": caller(), "comment": comment})
    if json:
        print_json(done)
    else:
        say(f"{done['alert']} is yours")


@alerts.command(epilog="example: runwire alerts silence --run 'sweep-*' --rule stalled --for 2h --comment 'slow disk'")
def silence(
    alert: Annotated[str | None, typer.Argument(metavar="[ALERT]", help="An alert's id, or how it begins.")] = None,
    home: Home = None,
    server: Server = None,
    *,
    rule: _Match = None,
    run: _Match = None,
    project: _Match = None,
    host: _Match = None,
    for_: Annotated[str, typer.Option("--for", metavar="TIME", help="As 30m, 2h, 1d.")] = "1h",
    comment: Annotated[str, typer.Option(help="Why.")] = "",
    ls: Annotated[bool, typer.Option("--ls", help="List the silences that hold.")] = False,
    end: Annotated[str | None, typer.Option(metavar="ID", help="End this silence.")] = None,
    json: Json = False,
) -> None:
    """Have nobody told of some alerts for a while; they are recorded, and told when it ends if they still stand."""
    remote = Remote(server, home)
    holding: list[dict[str, Any]] = remote.get("silences")["silences"] if ls or end else []
    if ls:
        _tell(holding, json=json)
        return
    if end is not None:
        match = next((one["match"] for one in holding if one["id"] == end), None)
        if match is None:
            raise UsageError(f"there is no silence {end!r} now: `runwire alerts silence --ls` lists them")
        made = remote.post("silences", body={"match": match, "seconds": 0, "id": end, "by": caller()})
    else:
        whole = remote.get("alerts", alert)["episodes"][0]["id"] if alert else None
        globs = {"alert": whole, "rule": rule, "run": run, "project": project, "host": host}
        match = {name: glob for name, glob in globs.items() if glob is not None}
        asked = {"match": match, "seconds": _seconds(for_), "by": caller(), "comment": comment}
        made = remote.post("silences", body=asked)
    _tell([made], json=json)


def _seconds(told: str) -> float:
    from runwire_alerting.duration import seconds  # noqa: PLC0415 - only this needs it

    try:
        return float(seconds(told))
    except ValueError as error:
        raise UsageError(f"--for is {told!r}: {error}") from None


def _tell(silences: list[dict[str, Any]], *, json: bool) -> None:
    if json:
        print_json(silences)
    elif not silences:
        say("no silences")
    else:
        from runwire_server.cli import tables  # noqa: PLC0415 - loads rich

        print_rich(tables.silences(silences))
