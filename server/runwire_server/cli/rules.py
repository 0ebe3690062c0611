"""`runwire rules`: what alerting goes by."""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path
from typing import Annotated, Any

import typer

from runwire.errors import ConfigError, UsageError
from runwire.wire import Alert
from runwire_server.cli.options import ClickHouse, Home, Json, Server, address, caller
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


@rules.command("show", epilog="example: runwire rules show stalled")
def describe(
    kind: Annotated[str, typer.Argument(metavar="KIND", help="As `ls` and docs/rules.md name it.")],
    *,
    json: Json = False,
) -> None:
    """Say of a kind of rule what it sees, by which formula, what can be set of it, and what it takes for trouble."""
    from runwire_server import catalogue  # noqa: PLC0415 - loads all rules

    told = catalogue.one(kind)
    if json:
        print_json({"kind": kind, "about": told, "example": catalogue.example(kind)})
        return
    from rich.markdown import Markdown  # noqa: PLC0415 - loads rich

    show(Markdown(f"# {kind}\n\n{told}"))


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
        "rules", body={"text": told, "source": file.name, "by": caller()}
    )["rules"]
    if json:
        print_json(found)
    else:
        applied = [one["name"] for one in found if one["applied"]]
        say(f"applied {', '.join(applied) or 'no rules'}; {sum(one['enabled'] for one in found)} rules are on")


@rules.command("test", epilog="example: runwire rules test rules.yaml --project digits --since 7d")
def try_(
    file: File,
    home: Home = None,
    clickhouse: ClickHouse = None,
    *,
    run: Annotated[str | None, typer.Option(metavar="ID", help="Try them on this run.")] = None,
    project: Annotated[str | None, typer.Option(help="Try them on the runs of this project.")] = None,
    since: Annotated[
        str | None, typer.Option(metavar="TIME", help="As 7d or 2026-11-24: only what they would have told since.")
    ] = None,
    json: Json = False,
) -> None:
    """Say what a file's rules, and those that are on without one, would have told of runs that are stored, and when.

    Nobody is told, and nothing is changed.
    """
    from runwire_alerting import backtest, rulesfile, settings  # noqa: PLC0415 - only these commands need them
    from runwire_alerting.rules import rules as armed  # noqa: PLC0415
    from runwire_server import past  # noqa: PLC0415 - loads numpy
    from runwire_storage.client import connect, translated  # noqa: PLC0415

    if (run is None) is (project is None):
        raise UsageError("say what to try them on: --run ID, or --project NAME")
    declared = rulesfile.read(text(file), str(file))
    begin = None if since is None else _time(since)
    micros = 0 if begin is None else round(begin.timestamp() * 1e6)
    url = address("clickhouse", clickhouse, home)
    found: list[dict[str, Any]] = []
    with translated(url):
        client = connect(url)
        for one in [run] if run is not None else past.runs(client, project or "", begin):
            told = past.records(client, one, begin)
            for alert in backtest.notices(armed(settings.load(), declared), told, micros):
                found.append(_brief(alert))
                if not json:
                    say("{at}  {state:<8}  {rule:<16}  {run}  rank {rank}  {title}".format(**found[-1]))
    if json:
        print_json(found)
    else:
        fired = sum(one["state"] == "firing" for one in found)
        say(f"would have fired {fired} times")


def _brief(alert: Alert) -> dict[str, Any]:
    at = datetime.fromtimestamp((alert.told_at or 0) / 1e6, timezone.utc).isoformat(timespec="milliseconds")
    return {
        "at": at.replace("+00:00", "Z"), "state": alert.state, "rule": alert.rule, "kind": alert.kind, "run": alert.run,
        "rank": alert.rank, "metric": alert.metric, "step": alert.step, "severity": alert.severity,
        "title": alert.title, "text": alert.text,
    }  # fmt: skip


def _time(told: str) -> datetime:
    from runwire_storage.queries.filter import literals  # noqa: PLC0415

    now = datetime.now(timezone.utc)
    seconds = literals.duration(told)
    found = literals.time(told, now) if seconds is None else literals.ago(seconds, now)
    if found is None:
        raise UsageError(f"--since is {told!r}: give an age, as 7d, or a time, as 2026-11-24T10:30")
    return found


def text(file: Path) -> str:
    """Return what a rules file holds.

    Raises:
        ConfigError: it cannot be read.
    """
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{file} cannot be read ({error}): give a rules file in YAML") from None
