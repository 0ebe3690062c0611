"""`runwire topics`: making Runwire's topics, and looking into them."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from runwire.wire import dumps
from runwire_server.cli.options import Home, Json, Kafka, address
from runwire_server.cli.output import print_json, say

topics = typer.Typer(help="Create and widen Runwire's topics; look at what is in them.", no_args_is_help=True)

Count = Annotated[int, typer.Option("-n", min=1, help="How many records, the newest.")]


@topics.command(epilog="example: runwire topics create --kafka kafka.lab:9092")
def create(
    kafka: Kafka = None,
    home: Home = None,
    partitions: Annotated[
        int | None,
        typer.Option(min=1, max=1000, help="How many partitions each gets. [default: as the others have, else 4]"),
    ] = None,
) -> None:
    """Create those of Runwire's topics that are not there."""
    from runwire_server.local.topics import create as create_topics  # noqa: PLC0415

    where = address("kafka", kafka, home)
    made = create_topics(where, partitions=partitions)
    say(f"created {', '.join(made)}" if made else f"all topics are there on {where}")


@topics.command(epilog="example: runwire topics peek runwire.pulse -n 2")
def peek(
    topic: Annotated[
        str, typer.Argument(help="As runwire.metrics, runwire.tables, runwire.console, runwire.events, runwire.pulse.")
    ],
    count: Count = 10,
    kafka: Kafka = None,
    home: Home = None,
    *,
    json: Json = False,
) -> None:
    """Show the newest records of a topic, decoded."""
    from runwire_server.cli import records  # noqa: PLC0415

    print_records(
        [records.readable(record) for record in records.newest(address("kafka", kafka, home), topic, count)], json=json
    )


@topics.command(epilog="example: runwire topics expand 8")
def expand(
    partitions: Annotated[int, typer.Argument(min=1, max=1000, help="How many partitions each topic is to have.")],
    kafka: Kafka = None,
    home: Home = None,
) -> None:
    """Give the topics more partitions, so that more workers share the work. What is kept and what comes stays right."""
    from runwire_server.local.topics import expand as expand_topics  # noqa: PLC0415

    before = expand_topics(address("kafka", kafka, home), partitions)
    for topic, count in before.items():
        say(
            f"{topic:<16} {count} -> {partitions} partitions"
            if count < partitions
            else f"{topic:<16} {count} as before"
        )
    say("workers and shippers find out within a minute; nothing need be started anew")


def print_records(found: list[dict[str, Any]], *, json: bool) -> None:
    """Print records, each as `runwire_server.cli.records.readable` returns it."""
    if json:
        print_json(found)
        return
    for record in found:
        say(f"{record['time']}  {record['topic']}/{record['partition']}@{record['offset']}  key {record['key']}")
        for name, value in record["headers"].items():
            say(f"    {name}: {value}")
        value = record["value"]
        say(f"    {value if isinstance(value, str) else dumps(value).decode()}")
