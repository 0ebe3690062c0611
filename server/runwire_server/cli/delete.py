"""`runwire delete`."""

from __future__ import annotations

from typing import Annotated

import typer

from runwire_server.cli.options import Home, Json, Server
from runwire_server.cli.output import print_json, say
from runwire_server.cli.remote import Remote, RequestError


def delete(
    run: Annotated[str, typer.Argument(metavar="RUN", help="A run's id, a prefix that only one has, or its name.")],
    home: Home = None,
    server: Server = None,
    *,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Even if it runs.")] = False,
    json: Json = False,
) -> None:
    """Delete a run with all that is stored of it. There is no way back."""
    remote = Remote(server, home)
    whole = run
    try:
        about = remote.get("runs", run)
    except RequestError as error:
        # What is not shown may have been deleted before: doing it again removes what has come since.
        if error.code != "no_such_run":
            raise
    else:
        whole = about["id"]
        if not yes:
            shown = f"{about['name']} ({whole}), {about['state']}, with all that is stored of it"
            typer.confirm(f"Delete {shown}?", abort=True, err=True)
    answer = remote.delete("runs", whole, force="true" if force else None)
    if json:
        print_json(answer)
    else:
        say(f"deleted {whole}: {answer['points']:,} points")
