"""How commands print: text and tables for people, JSON for machines."""

from __future__ import annotations

import sys
from typing import Any

from runwire.wire import dumps


def say(text: str) -> None:
    """Print a line."""
    sys.stdout.write(f"{text}\n")


def print_json(value: Any) -> None:
    """Print a value as JSON in one line; what is not finite is "NaN", "Infinity", "-Infinity"."""
    say(dumps(value).decode())


def show(*renderables: Any) -> None:
    """Print rich's tables, panels and text; without colour where stdout is no terminal."""
    from rich.console import Console  # noqa: PLC0415 - not for --json

    console = Console(highlight=False, soft_wrap=not sys.stdout.isatty())
    for renderable in renderables:
        console.print(renderable)
