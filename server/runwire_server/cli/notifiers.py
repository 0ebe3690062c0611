"""`runwire alerts test-route`: whether notices would arrive."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from runwire._addresses import find, find_home
from runwire.errors import UsageError
from runwire_server.cli.options import Home, Json
from runwire_server.cli.output import print_json, say


def try_route(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A route's name, or a notifier's.")],
    home: Home = None,
    *,
    file: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="The file that declares it. [default: RUNWIRE_ALERT_FILE]"),
    ] = None,
    json: Json = False,
) -> None:
    """Send a test notice by a route and tell what came back. Exit code 1 if it did not arrive everywhere."""
    from runwire_alerting import settings  # noqa: PLC0415 - only this command needs it
    from runwire_alerting.notifiers import declaration, trial  # noqa: PLC0415

    declares = file or settings.load().file
    if declares is None:
        raise UsageError("which file declares it? Give --file FILE or set RUNWIRE_ALERT_FILE")
    page = find("server", None, home=find_home(home))
    answers = asyncio.run(trial.try_out(declaration.read(declares), name, page.value if page else None))
    if json:
        print_json([{"notifier": to, "taken": one.taken, "answer": one.words} for to, one in answers.items()])
    else:
        for to, one in answers.items():
            say(f"{to}: {'taken' if one.taken else 'not taken'}, {one.words}")
        if not answers:
            say(f"{name} leads to nobody")
    raise typer.Exit(0 if all(one.taken for one in answers.values()) else 1)
