"""`runwire importance`."""

from __future__ import annotations

from typing import Annotated

import typer

from runwire_server.cli.options import Home, Json, Server
from runwire_server.cli.output import print_json, say, show
from runwire_server.cli.remote import Remote


def importance(
    where: Annotated[
        str | None, typer.Argument(metavar="[FILTER]", help="Only runs for which this holds, as 'project = digits'.")
    ] = None,
    home: Home = None,
    server: Server = None,
    *,
    target: Annotated[str, typer.Option(metavar="NUMBER", help="What of each run, as min(val/loss).")],
    maximize: Annotated[bool, typer.Option("--maximize", help="High targets are the good ones.")] = False,
    json: Json = False,
) -> None:
    """Tell which config keys matter for a target over many runs; docs/queries.md says what the columns are."""
    goal = "maximize" if maximize else "minimize"
    found = Remote(server, home).get("importance", q=where, target=target, goal=goal)
    if json:
        print_json(found)
        return
    if found["parameters"]:
        from runwire_server.cli import tables  # noqa: PLC0415 - loads rich

        show(tables.importance(found["parameters"]))
    else:
        say("no config key varies over these runs")
    why = {
        "missing": "lack the target",
        "nonfinite": "have one that is not finite",
        "beyond": "started before the others",
    }
    out = [f"{found[name]:,} {reason}" for name, reason in why.items() if found[name]]
    say(f"{found['runs']:,} runs" + (f"; left out: {', '.join(out)}" if out else ""))
    for key, reason in found["ignored"].items():
        say(f"{key}: not looked at: {reason}")
