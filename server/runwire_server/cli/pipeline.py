"""`runwire up`, `down` and `status`: all of Runwire on this machine."""

from __future__ import annotations

from typing import Annotated

import typer

from runwire._settings import find_home
from runwire_server.cli.options import Home, Json
from runwire_server.cli.output import print_json, say, show


def up(
    home: Home = None,
    *,
    detach: Annotated[bool, typer.Option("--detach", "-d", help="Leave it in the background.")] = False,
    port: Annotated[int, typer.Option(min=1, max=65535, help="Of the server: the page and the API.")] = 7601,
    kafka: Annotated[
        str | None,
        typer.Option(metavar="HOST:PORT", help="Use this Kafka instead of starting one."),
    ] = None,
    clickhouse: Annotated[
        str | None,
        typer.Option(metavar="URL", help="Use this ClickHouse instead of starting one."),
    ] = None,
    kafka_port: Annotated[
        int | None,
        typer.Option(min=1, max=65535, help="Of the Kafka that is started. [default: a free one]"),
    ] = None,
    clickhouse_port: Annotated[
        int | None,
        typer.Option(min=1, max=65535, help="Of the ClickHouse that is started. [default: a free one]"),
    ] = None,
    alert_webhook: Annotated[
        list[str] | None,
        typer.Option(metavar="URL", help="Post alerts there; may be repeated."),
    ] = None,
) -> None:
    """Start Kafka, ClickHouse, the workers and the server on this machine; Ctrl-C stops all of it."""
    from runwire_server import local  # noqa: PLC0415

    options = local.UpOptions(
        home=find_home(home),
        port=port,
        kafka=kafka,
        clickhouse=clickhouse,
        kafka_port=kafka_port,
        clickhouse_port=clickhouse_port,
        alert_webhook=tuple(alert_webhook or ()),
        detach=detach,
    )
    raise typer.Exit(local.up(options))


def down(home: Home = None) -> None:
    """Stop what `runwire up -d` started."""
    from runwire_server import local  # noqa: PLC0415

    where = find_home(home)
    say("stopped" if local.down(where) else f"nothing runs on {where}")


def status(home: Home = None, *, json: Json = False) -> None:
    """Tell what runs, where, and how much it takes. Exit code 1 if not all of it is ready."""
    from runwire_server import local  # noqa: PLC0415

    told = local.status(find_home(home))
    if json:
        print_json(told.as_json())
    elif told.programs:
        show(local.as_table(told))
    else:
        say(f"{'starting' if told.running else 'nothing runs'} on {told.home}")
    raise typer.Exit(0 if told.ready else 1)
