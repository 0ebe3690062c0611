"""`runwire console`: what a run printed."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Mapping
from typing import Annotated, Any

import typer

from runwire_server.cli.options import Home, Json, Server
from runwire_server.cli.output import print_json, say
from runwire_server.cli.remote import Remote
from runwire_server.cli.runs import RunWord

_FOLLOW_SECONDS = 1.0
#: A run may be known to have ended before its last lines are there.
_LATE_SECONDS = 3.0
#: What is asked for at once of what is new.
_MANY = 10_000


def console(
    run: RunWord,
    home: Home = None,
    server: Server = None,
    *,
    rank: Annotated[int | None, typer.Option(min=0, help="Of this rank. [default: the lowest that printed]")] = None,
    limit: Annotated[int, typer.Option("-n", min=1, max=10_000, help="The last so many lines.")] = 1000,
    search: Annotated[str, typer.Option(help="Only lines that hold this text.")] = "",
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until the run has ended.")] = False,
    json: Json = False,
) -> None:
    """Show what a process of a run printed; with --follow also what comes."""
    remote = Remote(server, home)
    about = remote.get("runs", run)
    words = {"rank": rank, "search": search or None}
    answer = remote.get("runs", about["id"], "console", limit=limit, **words)
    if json and not follow:
        print_json(answer)
        return
    if not answer["lines"] and not follow:
        say(f"{about['name']} ({about['id']}) has printed nothing" + (f" with {search!r}" if search else ""))
        return
    number: tuple[int, int] | None = None
    for line in _lines(remote, about["id"], answer, words, follow=follow):
        if json:
            print_json(line)
            continue
        this = line["attempt"], line["n"]
        missing = this[1] - number[1] - 1 if number is not None and number[0] == this[0] and not search else 0
        if missing > 0:
            say(f"… {missing:,} lines left out")
        number = max(number or this, this)
        sys.stdout.write(line["text"] + "\n")
        sys.stdout.flush()


def _lines(
    remote: Remote, run: str, answer: Mapping[str, Any], words: Mapping[str, Any], *, follow: bool
) -> Iterator[Mapping[str, Any]]:
    """Yield the lines of an answer, and what comes while the run goes on."""
    yield from answer["lines"]
    new = time.monotonic()
    while follow:
        going = remote.get("runs", run)["state"] == "running"
        answer = remote.get("runs", run, "console", limit=_MANY, **words, after=answer["last"])
        yield from answer["lines"]
        if going or answer["lines"]:
            new = time.monotonic()
        elif time.monotonic() - new > _LATE_SECONDS:
            return
        if not answer["lines"]:
            time.sleep(_FOLLOW_SECONDS)
