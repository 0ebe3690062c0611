"""`runwire ranks`: who of a run's ranks differs from the others."""

from __future__ import annotations

from typing import Annotated

import typer

from runwire_server.cli.options import Home, Json, Server
from runwire_server.cli.output import print_json, say, show
from runwire_server.cli.remote import Remote
from runwire_server.cli.runs import RunWord


def ranks(
    run: RunWord,
    metric: Annotated[str, typer.Argument(help="As train/loss or step_seconds.")],
    home: Home = None,
    server: Server = None,
    *,
    columns: Annotated[int, typer.Option(min=1, max=4096, help="Compare in at most so many stretches of steps.")] = 128,
    json: Json = False,
) -> None:
    """Compare the ranks of a run by a metric, and name stragglers, those that diverge, log NaN or are behind."""
    remote = Remote(server, home)
    about = remote.get("runs", run)
    found = remote.get("runs", about["id"], "matrix", metric=metric, columns=columns)
    if json:
        print_json(found)
        return
    names = found["ranks"]
    if not names:
        say(f"no rank of {about['name']} ({about['id']}) has logged {metric}")
        return
    outliers = found["outliers"]
    how = f"compared in stretches of {1 << found['level']:,} steps"
    say(f"{metric} of {about['name']} ({about['id']}): {len(names)} ranks, {len(outliers)} differ; {how}")
    if outliers:
        from runwire_server.cli import tables  # noqa: PLC0415 - loads rich

        show(tables.outliers(outliers))
