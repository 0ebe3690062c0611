"""Each program of the pipeline by itself: what `up` starts, and what a cluster's units start."""

from __future__ import annotations

from typing import Annotated

import typer

from runwire._addresses import find, find_home
from runwire_server.cli.options import (
    ClickHouse,
    Files,
    Home,
    Kafka,
    MetricsHost,
    MetricsPort,
    Port,
    address,
    file_store,
)

Host = Annotated[str, typer.Option(help="The address to listen on.")]


def kafka(home: Home = None, port: Port = 9092) -> None:
    """Run Kafka: one broker on 127.0.0.1."""
    from runwire_server.local import kafka as broker  # noqa: PLC0415

    broker.serve(find_home(home), port)


def clickhouse(home: Home = None, port: Port = 8123, host: Host = "127.0.0.1") -> None:
    """Run ClickHouse's engine behind ClickHouse's HTTP protocol."""
    from runwire import _ready  # noqa: PLC0415
    from runwire_faust import logs  # noqa: PLC0415
    from runwire_storage.embedded import serve  # noqa: PLC0415

    logs.configure(aloud=("runwire_storage.embedded",))
    raise typer.Exit(serve(find_home(home) / "clickhouse", host, port, ready=lambda _: _ready.tell()))


def stream(
    home: Home = None,
    kafka: Kafka = None,
    clickhouse: ClickHouse = None,
    metrics_port: MetricsPort = None,
    metrics_host: MetricsHost = "127.0.0.1",
) -> None:
    """Run the worker that stores what comes through Kafka; several share the work."""
    from runwire_stream import worker  # noqa: PLC0415

    where = find_home(home)
    raise typer.Exit(
        worker.run(
            address("kafka", kafka, home),
            address("clickhouse", clickhouse, home),
            where / "stream",
            metrics_host=metrics_host,
            metrics_port=metrics_port,
        )
    )


def alerting(
    home: Home = None,
    kafka: Kafka = None,
    *,
    alert_webhook: Annotated[
        list[str] | None,
        typer.Option(
            metavar="URL",
            help="Post alerts there; may be repeated. Tell one that holds a secret by RUNWIRE_ALERT_WEBHOOKS.",
        ),
    ] = None,
    server: Annotated[
        str | None,
        typer.Option(metavar="URL", help="Where the page is, for links in alerts."),
    ] = None,
    stalled_after: Annotated[
        float | None,
        typer.Option(min=0, metavar="SECONDS", help="Tell of a run whose steps pause for so long."),
    ] = None,
    heartbeat_after: Annotated[
        float | None,
        typer.Option(min=0, metavar="SECONDS", help="Tell of a run that is silent for so long."),
    ] = None,
    metrics_port: MetricsPort = None,
    metrics_host: MetricsHost = "127.0.0.1",
) -> None:
    """Run the worker that watches runs and tells when one fails."""
    from runwire_alerting import settings, worker  # noqa: PLC0415

    page = find("server", server, home=find_home(home))
    numbers = settings.load(stalled_after=stalled_after, heartbeat_after=heartbeat_after)
    raise typer.Exit(
        worker.run(
            address("kafka", kafka, home),
            alert_webhook or (),
            find_home(home) / "alerting",
            page.value if page else None,
            numbers,
            metrics_host=metrics_host,
            metrics_port=metrics_port,
        )
    )


def server(
    home: Home = None,
    kafka: Kafka = None,
    clickhouse: ClickHouse = None,
    *,
    host: Host = "127.0.0.1",
    port: Port = 7601,
    files: Files = None,
    allow_host: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="A name, besides localhost, by which browsers may call it; may be repeated."),
    ] = None,
    allow_delete: Annotated[
        bool | None,
        typer.Option(help="Whether runs may be deleted through it. [default: if it listens on this machine alone]"),
    ] = None,
    allow_stop: Annotated[
        bool | None,
        typer.Option(help="Whether runs may be asked to stop through it. [default: likewise]"),
    ] = None,
    allow_alerts: Annotated[
        bool | None,
        typer.Option(help="Whether rules, acknowledgements and silences may come through it. [default: likewise]"),
    ] = None,
) -> None:
    """Run the server: the page and the HTTP API."""
    from runwire_server import api  # noqa: PLC0415

    where = address("clickhouse", clickhouse, home)
    alone = host in {"127.0.0.1", "::1", "localhost"}
    broker = find("kafka", kafka, home=find_home(home))
    settings = api.Settings(
        where,
        file_store(files, home),
        (*(allow_host or ()), host),
        allow_delete=alone if allow_delete is None else allow_delete,
        allow_stop=alone if allow_stop is None else allow_stop,
        allow_alerts=alone if allow_alerts is None else allow_alerts,
        kafka=broker.value if broker else None,
    )
    raise typer.Exit(api.serve(host, port, settings))
