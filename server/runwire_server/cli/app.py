"""The typer app that the commands are added to, and what becomes of an error."""

from __future__ import annotations

import os
import sys
from typing import Any

import typer
from typer.core import TyperGroup

from runwire.errors import RunwireError, UsageError


class _Commands(TyperGroup):
    """Runs a command; what a user can cause ends in one sentence and an exit code, never in a traceback."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except RunwireError as error:
            fail(error)
        except KeyboardInterrupt:
            raise typer.Exit(130) from None
        except BrokenPipeError:  # `runwire runs | head`: whoever read has seen enough
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise typer.Exit(0) from None


def fail(error: RunwireError) -> None:
    """Say what is wrong on stderr and end the command.

    Raises:
        typer.Exit: 2 if the command asked for what cannot be had, else 1.
    """
    sys.stdout.flush()
    sys.stderr.write(f"error: {error}\n")
    if hint := getattr(error, "hint", None):
        sys.stderr.write(f"{hint}\n")
    raise typer.Exit(2 if isinstance(error, UsageError) else 1) from error


app = typer.Typer(
    name="runwire",
    cls=_Commands,
    help="Experiment tracking as a pipeline of events: runs, curves and alerts through Kafka, Faust and ClickHouse.",
    epilog="`runwire COMMAND --help` shows an example of each. Docs: docs/architecture.md, docs/operations.md.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)
