"""`runwire rules`: what alerting goes by."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from runwire.errors import ConfigError
from runwire_server.cli.options import Home, Json, Server, caller
from runwire_server.cli.output import print_json, say, show
from runwire_server.cli.remote import Remote

rules = typer.Typer(help="Look at, check and apply the rules of alerts.", no_args_is_help=True)

File = Annotated[Path, typer.Argument(metavar="FILE", help="A rules file, YAML; see docs/alerts.md.")]


@rules.command("ls", epilog="example: runwire rules ls --json")
def list_(home: Home = None, server: Server = None, *, json: Json = False) -> None:
    """List the rules that alerting goes by."""
    found = Remote(server, home).get("rules")["rules"]
    if json:
        print_json(found)
        return
    from runwire_server.cli import tables  # noqa: PLC0415 - loads rich

    show(tables.rules(found))


@rules.command(epilog="example: runwire rules lint rules.yaml")
def lint(file: File, *, json: Json = False) -> None:
    """Check a rules file, and say each mistake with its line."""
    from runwire_alerting import rulesfile  # noqa: PLC0415 - only these commands need it

    found = rulesfile.read(text(file), str(file))
    if json:
        print_json([one.wire() for one in found])
    else:
        say(f"{file}: {len(found)} rules, all well")


@rules.command(epilog="example: runwire rules apply rules.yaml")
def apply(file: File, home: Home = None, server: Server = None, *, json: Json = False) -> None:
    """Have alerting go by a file's rules, in place of all that were applied before.

    Rules that are on without a file stay on, unless the file has one of the same name.
    """
    from runwire_alerting import rulesfile  # noqa: PLC0415

    told = text(file)
    rulesfile.read(told, str(file))
    found: list[dict[str, Any]] = Remote(server, home).put(
        "rules", {"text": told, "source": file.name, "by": caller()}
    )["rules"]
    if json:
        print_json(found)
    else:
        applied = [one["name"] for one in found if one["applied"]]
        say(f"applied {', '.join(applied) or 'no rules'}; {sum(one['enabled'] for one in found)} rules are on")


def text(file: Path) -> str:
    """Return what a rules file holds.

    Raises:
        ConfigError: it cannot be read.
    """
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{file} cannot be read ({error}): give a rules file in YAML") from None
