"""How commands print: text and tables for people, JSON for machines."""

from __future__ import annotations

import sys
from typing import Any

from runwire.wire import dumps

#: Control characters are orders to a terminal: names and texts that runs chose have signs in their place.
_SIGNS = {code: 0x2400 + code for code in range(32) if chr(code) not in "\t\n"} | {0x7F: 0x2421}
_SIGNS |= dict.fromkeys(range(0x80, 0xA0), 0xFFFD)


def visible(text: str) -> str:
    """Return a text without anything that a terminal would obey."""
    return text.translate(_SIGNS)


def escape(text: str) -> str:
    """Return a text as rich's markup that says just it."""
    from rich.markup import escape as escaped  # noqa: PLC0415 - not for --json

    return escaped(visible(text))


def say(text: str) -> None:
    """Print a line."""
    sys.stdout.write(f"{visible(text)}\n")


def print_json(value: Any) -> None:
    """Print a value as JSON in one line; what is not finite is "NaN", "Infinity", "-Infinity"."""
    sys.stdout.write(f"{dumps(value).decode()}\n")


def show(*renderables: Any) -> None:
    """Print rich's tables, panels and text; without colour where stdout is no terminal."""
    from rich.console import Console  # noqa: PLC0415 - not for --json

    console = Console(highlight=False, soft_wrap=not sys.stdout.isatty())
    for renderable in renderables:
        console.print(renderable)
