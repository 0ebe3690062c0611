"""`runwire sync` belongs to the SDK, which has it without this package; here it is only listed."""

from __future__ import annotations

from typing import Any

import typer

RAW: dict[str, Any] = {
    "context_settings": {"ignore_unknown_options": True, "allow_extra_args": True, "help_option_names": []},
    "add_help_option": False,
}


def sync(ctx: typer.Context) -> None:
    """Deliver what waits in this host's spools."""
    from runwire import _command  # noqa: PLC0415

    raise typer.Exit(_command.sync(ctx.args))
