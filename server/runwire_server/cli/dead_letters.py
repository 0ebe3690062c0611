"""`runwire dead-letter`: the records that could not be read, and sending them on their way again."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Annotated, Any

import typer

from runwire.errors import UnavailableError, UsageError
from runwire.wire import dumps
from runwire_server.cli.options import Home, Json, Kafka, address
from runwire_server.cli.output import print_json, say
from runwire_server.cli.topics import Count, print_records

dead_letter = typer.Typer(help="Look at the records that could not be read; replay them.", no_args_is_help=True)


@dead_letter.command("ls", epilog="example: runwire dead-letter ls -n 5")
def list_dead_letters(count: Count = 20, kafka: Kafka = None, home: Home = None, *, json: Json = False) -> None:
    """Show the newest records that could not be read: why, and where they came from."""
    from runwire.wire import DEAD_LETTER  # noqa: PLC0415
    from runwire_server.cli import records  # noqa: PLC0415

    found = [records.readable(record) for record in records.newest(address("kafka", kafka, home), DEAD_LETTER, count)]
    if not found and not json:
        say("no dead letters: every record could be read")
    print_records(found, json=json)


@dead_letter.command(epilog="example: runwire dead-letter show 17 --raw record.bin")
def show(
    offset: Annotated[int, typer.Argument(min=0, help="Which one: the number behind the @ of `dead-letter ls`.")],
    kafka: Kafka = None,
    home: Home = None,
    *,
    raw: Annotated[Path | None, typer.Option(metavar="FILE", help="Write the value's bytes there.")] = None,
    json: Json = False,
) -> None:
    """Show one dead letter wholly: its headers, its key, and its value as far as it can be read."""
    from runwire_server.cli import letters  # noqa: PLC0415

    (letter,) = letters.read(address("kafka", kafka, home), [offset])
    if raw is not None:
        try:
            raw.write_bytes(letter.value)
        except OSError as error:
            raise UnavailableError(f"{raw} cannot be written: {error.strerror or error}") from error
    if json:
        print_json(letters.shown(letter))
        return
    _print(letters.shown(letter))
    if raw is not None:
        say(f"wrote {len(letter.value)} bytes to {raw}")


@dead_letter.command(epilog="example: runwire dead-letter replay --reason 'version 2' --dry-run")
def replay(
    offsets: Annotated[list[int] | None, typer.Argument(min=0, help="Which ones.")] = None,
    kafka: Kafka = None,
    home: Home = None,
    *,
    every: Annotated[
        bool, typer.Option("--all", help="All of them, but pulses, which say how a run was then.")
    ] = False,
    reason: Annotated[str, typer.Option(metavar="TEXT", help="All whose reason holds this text.")] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be done.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Publish dead letters again to the topics they came from, for example once a newer Runwire can read them.

    What was stored already stays as it is, and what still cannot be read becomes a new dead letter.
    """
    from runwire_server.cli import letters  # noqa: PLC0415

    if bool(offsets) == (every or bool(reason)):
        raise UsageError("say which: either offsets, as `dead-letter ls` shows them, or --all, or --reason TEXT")
    where = address("kafka", kafka, home)
    wanted, left = letters.choose(where, offsets, reason)
    for line in _counted(left):
        say(f"left out: {line}")
    told = ", ".join(f"{count} to {topic}" for topic, count in sorted(Counter(wanted.values()).items()))
    if not wanted or dry_run:
        say(f"would replay {told}" if wanted else "nothing to replay")
        return
    if not yes:
        typer.confirm(f"replay {told}?", abort=True)
    letters.replay(where, wanted)
    say(f"replayed {told}; what still cannot be read comes back as a new dead letter")


def _counted(left: dict[int, str]) -> list[str]:
    return [f"{count}, {why}" for why, count in Counter(left.values()).most_common()]


def _print(told: dict[str, Any]) -> None:
    say(f"{told['time']}  {told['topic']}/{told['partition']}@{told['offset']}")
    for name, value in told["headers"].items():
        say(f"    {name}: {value}")
    say(f"key    {told['key']}")
    say(f"value  {told['bytes']} bytes")
    if told["value"] is not None:
        say(f"    {dumps(told['value']).decode()}")
    for line in told["hexdump"]:
        say(f"    {line}")
