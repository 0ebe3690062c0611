"""`runwire sql`."""

from __future__ import annotations

from typing import Annotated

import typer

from runwire_server.cli.options import Home, Json, Server
from runwire_server.cli.output import print_json, say, show
from runwire_server.cli.remote import Remote


def sql(
    statement: Annotated[str, typer.Argument(metavar="SELECT", help="One statement of ClickHouse's SQL that reads.")],
    home: Home = None,
    server: Server = None,
    *,
    json: Json = False,
) -> None:
    """Ask the views points, series, rollups, runs and alerts by SQL; the engine lets it only read."""
    result = Remote(server, home).post("sql", body={"sql": statement})
    names = [column["name"] for column in result["columns"]]
    if json:
        print_json([dict(zip(names, row, strict=True)) for row in result["rows"]])
    elif not result["rows"]:
        say("no rows")
    else:
        from runwire_server.cli import tables  # noqa: PLC0415 - loads rich

        show(tables.rows(result["columns"], result["rows"]))
        say(f"{len(result['rows'])} row{'s' * (len(result['rows']) != 1)} in {result['seconds']:.3f} s")
