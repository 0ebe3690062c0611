"""`runwire import`: what other tools logged, as runs."""

from __future__ import annotations

import json as json_module
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from runwire.errors import UsageError
from runwire_server.cli.options import Home, Json, Kafka
from runwire_server.cli.output import print_json, say

imports = typer.Typer(help="Bring in what other tools logged.", no_args_is_help=True)

#: What a line's step and time may be called if nobody says.
_STEPS = ("_step", "step", "global_step", "iteration")
_TIMES = ("_timestamp", "timestamp")
#: The metric whose values take the place of the time at which a row is logged.
_TIMESTAMP = "_timestamp"
_SHOWN = 3
#: So long it waits at most until all is delivered; what is not stays in the home, and `runwire sync` sees to it.
_FINISH_SECONDS = 600


@imports.command(epilog="example: runwire import jsonl history.jsonl --project old --step iteration")
def jsonl(
    files: Annotated[list[Path], typer.Argument(help="One JSON object a line: values by metric. Each file is a run.")],
    home: Home = None,
    kafka: Kafka = None,
    *,
    project: Annotated[str | None, typer.Option(help="Of the runs.")] = None,
    name: Annotated[str | None, typer.Option(help="Of the run. [default: the file's, without its suffix]")] = None,
    run: Annotated[str | None, typer.Option("--id", help="Of the run, if it is one. [default: a new one]")] = None,
    step: Annotated[
        str | None,
        typer.Option(metavar="KEY", help=f"What holds the step. [default: of {', '.join(_STEPS)}]"),
    ] = None,
    time: Annotated[
        str | None,
        typer.Option(metavar="KEY", help=f"What holds the time, s since 1970. [default: of {', '.join(_TIMES)}]"),
    ] = None,
    json: Json = False,
) -> None:
    """Bring in files of JSON lines, as other tools write their history: each becomes a run."""
    if run is not None and len(files) > 1:
        raise UsageError(f"--id names one run, and there are {len(files)} files: leave it out, or give one file")
    found = []
    for path in files:
        about = {"project": project, "name": name or path.stem, "id": run, "kafka": kafka, "dir": home}
        found.append(_bring(path, about, (step,) if step else _STEPS, (time,) if time else _TIMES))
    if json:
        print_json(found)
    else:
        for one in found:
            say(f"{one['file']}: run {one['run']}, {one['rows']:,} rows")
    if any(one["unreadable"] for one in found):
        raise typer.Exit(1)


def _bring(path: Path, about: Mapping[str, Any], steps: tuple[str, ...], times: tuple[str, ...]) -> dict[str, Any]:
    """Log a file's lines into a run of their own, and say what of it cannot be read."""
    import runwire  # noqa: PLC0415 - as all that only one command needs

    try:
        file = path.open("rb")
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror or error}") from None
    settings = {"finish_timeout": _FINISH_SECONDS, "code": False, "packages": False, "machine": False}
    rows, unreadable = 0, 0
    with file, runwire.init(**about, settings=settings) as run:
        for number, line in enumerate(_shown(file, path), 1):
            if not line.strip():
                continue
            data = _parsed(line)
            if data is None:
                unreadable += 1
                if unreadable <= _SHOWN:
                    sys.stderr.write(f"{path}:{number}: no JSON object: left out\n")
                continue
            at, when = _number(data, steps), _number(data, times)
            run.log(data if when is None else {**data, _TIMESTAMP: when}, step=at)  # type: ignore[arg-type] # which it checks
            rows += 1
        if unreadable > _SHOWN:
            sys.stderr.write(f"{path}: {unreadable:,} lines are no JSON objects\n")
    return {"file": str(path), "run": run.id, "rows": rows, "unreadable": unreadable}


def _parsed(line: bytes) -> dict[str, Any] | None:
    try:
        data = json_module.loads(line)  # which knows NaN and Infinity, as many tools write them
    except ValueError:
        return None
    return data if isinstance(data, dict) else None


def _number(data: dict[str, Any], keys: tuple[str, ...]) -> float | None:
    """Take the first of these keys that holds a number out of the data."""
    for key in keys:
        value = data.get(key)
        if isinstance(value, (int, float)) and not isinstance(value, bool) and value == value:  # noqa: PLR0124
            del data[key]
            return value
    return None


def _shown(file: Any, path: Path) -> Iterator[bytes]:
    """Yield a file's lines, and show how far it is on a terminal."""
    if not sys.stderr.isatty():
        yield from file
        return
    from rich.console import Console  # noqa: PLC0415
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn  # noqa: PLC0415

    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(path.name, total=path.stat().st_size)
        for line in file:
            yield line
            progress.advance(task, len(line))
