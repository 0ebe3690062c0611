"""`runwire topics` and `runwire dead-letter`: looking into Kafka."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from runwire.wire import dumps
from runwire_server.cli.options import Home, Json, Kafka, address
from runwire_server.cli.output import print_json, say

topics = typer.Typer(help="Create Runwire's topics; look at what is in them.", no_args_is_help=True)
dead_letter = typer.Typer(help="Look at the records that could not be read.", no_args_is_help=True)

_Count = Annotated[int, typer.Option("-n", min=1, help="How many records, the newest.")]


@topics.command(epilog="example: runwire topics create --kafka kafka.lab:9092")
def create(kafka: Kafka = None, home: Home = None) -> None:
    """Create those of Runwire's topics that are not there."""
    from runwire_server.local.topics import create as create_topics  # noqa: PLC0415

    where = address("kafka", kafka, home)
    made = create_topics(where)
    say(f"created {', '.join(made)}" if made else f"all topics are there on {where}")


@topics.command(epilog="example: runwire topics peek runwire.pulse -n 2")
def peek(
    topic: Annotated[str, typer.Argument(help="As runwire.metrics, runwire.events, runwire.pulse, runwire.alerts.")],
    count: _Count = 10,
    kafka: Kafka = None,
    home: Home = None,
    *,
    json: Json = False,
) -> None:
    """Show the newest records of a topic, decoded."""
    from runwire_server.cli import records  # noqa: PLC0415

    _print(
        [records.readable(record) for record in records.newest(address("kafka", kafka, home), topic, count)], json=json
    )


@dead_letter.command("ls", epilog="example: runwire dead-letter ls -n 5")
def list_dead_letters(count: _Count = 20, kafka: Kafka = None, home: Home = None, *, json: Json = False) -> None:
    """Show the newest records that could not be read: why, and where they came from."""
    from runwire.wire import DEAD_LETTER  # noqa: PLC0415
    from runwire_server.cli import records  # noqa: PLC0415

    found = [records.readable(record) for record in records.newest(address("kafka", kafka, home), DEAD_LETTER, count)]
    if not found and not json:
        say("no dead letters: every record could be read")
    _print(found, json=json)


def _print(found: list[dict[str, Any]], *, json: bool) -> None:
    if json:
        print_json(found)
        return
    for record in found:
        say(f"{record['time']}  {record['topic']}/{record['partition']}@{record['offset']}  key {record['key']}")
        for name, value in record["headers"].items():
            say(f"    {name}: {value}")
        value = record["value"]
        say(f"    {value if isinstance(value, str) else dumps(value).decode()}")
