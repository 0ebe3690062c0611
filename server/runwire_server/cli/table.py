"""`runwire table`: what a run logged as a Table."""

from __future__ import annotations

from typing import Annotated

import typer

from runwire_server.cli.options import Home, Json, Server
from runwire_server.cli.output import print_json, say, show
from runwire_server.cli.remote import Remote
from runwire_server.cli.runs import RunWord


def table(
    run: RunWord,
    name: Annotated[str | None, typer.Argument(help="Of which table. [default: list them]")] = None,
    home: Home = None,
    server: Server = None,
    *,
    step: Annotated[int | None, typer.Option(help="Of this step. [default: the last]")] = None,
    rank: Annotated[int | None, typer.Option(min=0, help="Of this rank. [default: the lowest that has it]")] = None,
    limit: Annotated[int, typer.Option("-n", min=1, max=10_000, help="At most so many rows.")] = 20,
    offset: Annotated[int, typer.Option(min=0, help="Leave out so many before them.")] = 0,
    json: Json = False,
) -> None:
    """List the tables that a run logged, or show rows of one; `runwire sql` groups them (view table_rows)."""
    remote = Remote(server, home)
    about = remote.get("runs", run)
    if name is None:
        found = remote.get("runs", about["id"], "tables")["tables"]
        if json:
            print_json(found)
        elif not found:
            say(f"{about['name']} ({about['id']}) has logged no table")
        else:
            from runwire_server.cli import tables  # noqa: PLC0415 - loads rich

            show(tables.logged(found))
        return
    answer = remote.get("runs", about["id"], "table", name=name, step=step, rank=rank, limit=limit, offset=offset)
    if json:
        print_json(answer)
        return
    from runwire_server.cli import tables  # noqa: PLC0415 - loads rich

    which, cells = answer["table"], answer["cells"]
    show(tables.cells(which["columns"], cells))
    rows = f"{offset + 1:,} to {offset + len(cells):,} of {which['rows']:,} rows" if cells else "no rows"
    say(f"{which['name']} at step {which['step']:,}, rank {which['rank']}: {rows}")
