"""`runwire import`: what other tools logged, as runs."""

from __future__ import annotations

import json as json_module
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from runwire.errors import UsageError
from runwire_server.cli.options import Home, Json, Kafka
from runwire_server.cli.output import print_json, say

if TYPE_CHECKING:
    from runwire_server.cli.event_files import Scalars

imports = typer.Typer(help="Bring in what other tools logged.", no_args_is_help=True)

#: What a line's step and time may be called if nobody says.
_STEPS = ("_step", "step", "global_step", "iteration")
_TIMES = ("_timestamp", "timestamp")
#: The metric whose values take the place of the time at which a row is logged.
_TIMESTAMP = "_timestamp"
_SHOWN = 3
#: An import records nothing of the program that imports. So long it waits at most until all is delivered; what is not
#: stays in the home, and `runwire sync` sees to it.
_SETTINGS = {
    "finish_timeout": 600,
    "code": False,
    "packages": False,
    "machine": False,
    "system_interval": 0,
    "console": False,
}

_Project = Annotated[str | None, typer.Option(help="Of the runs.")]
_Run = Annotated[str | None, typer.Option("--id", help="Of the run, if it is one. [default: a new one]")]


@imports.command(epilog="example: runwire import jsonl history.jsonl --project old --step iteration")
def jsonl(
    files: Annotated[list[Path], typer.Argument(help="One JSON object a line: values by metric. Each file is a run.")],
    home: Home = None,
    kafka: Kafka = None,
    *,
    project: _Project = None,
    name: Annotated[str | None, typer.Option(help="Of the run. [default: the file's, without its suffix]")] = None,
    run: _Run = None,
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


@imports.command(epilog="example: runwire import tensorboard logs/ --project old")
def tensorboard(
    path: Annotated[Path, typer.Argument(help="An event file, or a folder. Each folder that holds some is a run.")],
    home: Home = None,
    kafka: Kafka = None,
    *,
    project: _Project = None,
    name: Annotated[str | None, typer.Option(help="Of the run, if it is one. [default: the folder's]")] = None,
    run: _Run = None,
    json: Json = False,
) -> None:
    """Bring in the scalars of TensorBoard's event files."""
    folders = _event_folders(path)
    if len(folders) > 1 and (run is not None or name is not None):
        raise UsageError(f"--id and --name are of one run, and there are {len(folders)} in {path}: name one folder")
    found = []
    for folder, files in folders.items():
        title = folder.absolute().name if path.is_file() or folder == path else folder.relative_to(path).as_posix()
        about = {"project": project, "name": name or title, "id": run, "kafka": kafka, "dir": home}
        found.append(_bring_events(files, about))
    if json:
        print_json(found)
    else:
        for one in found:
            left = ", ".join(f"{count:,} {kind}" for kind, count in one["left_out"].items())
            rest = f"; left out: {left}" if left else ""
            say(f"{one['folder']}: run {one['run']}, {one['scalars']:,} scalars{rest}")
    if any(one["damaged"] for one in found):
        raise typer.Exit(1)


def _event_folders(path: Path) -> dict[Path, list[Path]]:
    """Return the event files below a path by their folder, in the order in which they were written.

    Raises:
        UsageError: there are none.
    """
    if path.is_file():
        return {path.parent: [path]}
    if not path.is_dir():
        raise UsageError(f"{path} cannot be read: there is no such file or folder")
    found: dict[Path, list[Path]] = {}
    # Their names tell the second of their beginning.
    for file in sorted(path.rglob("*tfevents*"), key=lambda file: (file.parent, file.name)):
        found.setdefault(file.parent, []).append(file)
    if not found:
        raise UsageError(f"{path} holds no event files: TensorBoard's have tfevents in their names")
    return found


def _bring_events(files: list[Path], about: Mapping[str, Any]) -> dict[str, Any]:
    """Log a run's event files into one of ours. What was logged of a step one after the other becomes one row."""
    import runwire  # noqa: PLC0415 - as all that only one command needs
    from runwire_server.cli.event_files import EventFile  # noqa: PLC0415

    readings = [EventFile(file) for file in files]
    scalars = 0
    size = sum(file.stat().st_size for file in files)
    with runwire.init(**about, settings=_SETTINGS) as run, _progress(size) as show:
        for reading in readings:
            read = 0
            try:
                for step, row in _rows(reading.read()):
                    run.log(row, step=step)
                    scalars += len(row) - 1
                    show(reading.size - read)
                    read = reading.size
            except OSError as error:
                reading.damage = error.strerror or str(error)
            if reading.damage:
                sys.stderr.write(f"{reading.path}: {reading.damage}\n")
    return {
        "folder": str(files[0].parent),
        "run": run.id,
        "scalars": scalars,
        "left_out": dict(sum((reading.left_out for reading in readings), Counter())),
        "damaged": [str(reading.path) for reading in readings if reading.damage],
    }


def _rows(events: Iterable[Scalars]) -> Iterator[tuple[int, dict[str, float]]]:
    """Yield a row for as many events, one after the other, as are of a step and of different tags.

    Its time is that of the last one.
    """
    step = 0
    row: dict[str, float] = {}
    for event in events:
        if row and (event.step != step or not row.keys().isdisjoint(event.values)):
            yield step, row
            row = {}
        step = event.step
        row |= {**event.values, _TIMESTAMP: event.time}
    if row:
        yield step, row


def _bring(path: Path, about: Mapping[str, Any], steps: tuple[str, ...], times: tuple[str, ...]) -> dict[str, Any]:
    """Log a file's lines into a run of their own, and say what of it cannot be read."""
    import runwire  # noqa: PLC0415 - as all that only one command needs

    try:
        file = path.open("rb")
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror or error}") from None
    rows, unreadable = 0, 0
    size = path.stat().st_size
    with file, runwire.init(**about, settings=_SETTINGS) as run, _progress(size) as show:
        for number, line in enumerate(file, 1):
            show(len(line))
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


@contextmanager
def _progress(size: int) -> Iterator[Callable[[int], None]]:
    """Give the function that takes the bytes that are done, and shows how far it is on a terminal."""
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.console import Console  # noqa: PLC0415
    from rich.progress import BarColumn, DownloadColumn, Progress, TimeRemainingColumn  # noqa: PLC0415

    columns = (BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("", total=size)
        yield lambda done: progress.advance(task, done)
