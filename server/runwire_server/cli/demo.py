"""`runwire demo`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from runwire._addresses import find_home
from runwire_server.cli.options import Home


def demo(
    home: Home = None,
    json: Annotated[
        Path | None,
        typer.Option("--json", metavar="FILE", help="Write what happened there as JSON too."),
    ] = None,
) -> None:
    """Start the pipeline, train twice (once into a NaN), and show the runs and the alert."""
    from runwire_server import demo as training  # noqa: PLC0415

    raise typer.Exit(training.run(find_home(home), json))
