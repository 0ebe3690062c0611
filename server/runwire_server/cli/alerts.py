"""`runwire alerts`."""

from __future__ import annotations

from typing import Annotated

import typer

from runwire_server.cli.options import Home, Json, Server
from runwire_server.cli.output import print_json, say, show
from runwire_server.cli.remote import Remote


def alerts(
    run: Annotated[str | None, typer.Argument(metavar="[RUN]", help="Only this run's: id, prefix or name.")] = None,
    home: Home = None,
    server: Server = None,
    *,
    firing: Annotated[bool, typer.Option("--firing", help="Only those that still fire.")] = False,
    limit: Annotated[int, typer.Option("-n", min=1, max=100_000, help="At most so many, the newest.")] = 100,
    json: Json = False,
) -> None:
    """List alerts."""
    remote = Remote(server, home)
    of = None if run is None else remote.get("runs", run)["id"]
    found = remote.get("alerts", run=of, state="firing" if firing else None, limit=limit)["alerts"]
    if json:
        print_json(found)
    elif not found:
        say("no alerts")
    else:
        from runwire_server.cli import tables  # noqa: PLC0415 - loads rich

        show(tables.alerts(found))
