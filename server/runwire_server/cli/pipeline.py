"""`runwire up`, `down` and `status`: all of Runwire on this machine."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, NoReturn

import typer

from runwire._addresses import find_home
from runwire_server.cli.options import Home, Json, address
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
        typer.Option(
            metavar="URL",
            help="Post alerts there; may be repeated. Tell one that holds a secret by RUNWIRE_ALERT_WEBHOOKS.",
        ),
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


def status(
    home: Home = None,
    *,
    kafka: Annotated[
        str | None,
        typer.Option(metavar="HOST:PORT", help="Tell only how far the workers behind this Kafka are."),
    ] = None,
    json: Json = False,
) -> None:
    """Tell what runs, where, how much it takes, and how far behind it is. Exit code 1 if not all of it is ready."""
    from runwire_server import local  # noqa: PLC0415

    if kafka is not None:
        _status_of(kafka, json=json)
    told = local.status(find_home(home))
    if json:
        print_json(told.as_json())
    elif told.programs:
        show(local.as_table(told), *local.as_sentences(told))
    else:
        say(f"{'starting' if told.running else 'nothing runs'} on {told.home}")
        show(*local.as_sentences(told))
    raise typer.Exit(0 if told.ready else 1)


def _status_of(kafka: str, *, json: bool) -> NoReturn:
    """Tell how far the workers of a Kafka are, wherever they run; exit code 1 if one of the groups has no worker."""
    from runwire_server.local.lag import lag  # noqa: PLC0415
    from runwire_server.local.status import behind  # noqa: PLC0415

    groups = lag(address("kafka", kafka, None))
    if json:
        print_json({"lag": [asdict(group) for group in groups]})
    else:
        show(*(behind(group) for group in groups))
    raise typer.Exit(0 if all(group.workers for group in groups) else 1)
