"""`runwire export`."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Annotated

import typer

from runwire.errors import UsageError
from runwire_server.cli.options import Home, Server
from runwire_server.cli.remote import Remote
from runwire_server.cli.runs import RunWord

_SUFFIXES = {".arrow": "arrow", ".arrows": "arrow", ".parquet": "parquet", ".csv": "csv"}
_CHUNK_BYTES = 1 << 20
_TOLD_EVERY_SECONDS = 0.2


def export(
    run: RunWord,
    home: Home = None,
    server: Server = None,
    *,
    out: Annotated[
        str,
        typer.Option(
            "--out", "-o", metavar="FILE", help="Its suffix says the format: .parquet, .arrow, .csv; - is stdout."
        ),
    ],
    metric: Annotated[
        list[str] | None, typer.Option("--metric", "-m", help="A name or pattern; may be repeated. [default: all]")
    ] = None,
    rank: Annotated[list[int] | None, typer.Option(min=0, help="May be repeated. [default: all]")] = None,
    lo: Annotated[int | None, typer.Option(help="From this step on.")] = None,
    hi: Annotated[int | None, typer.Option(help="Up to this step, which is left out.")] = None,
    times: Annotated[bool, typer.Option("--times", help="Also when each point's step was logged: ts.")] = False,
    wide: Annotated[bool, typer.Option("--wide", help="A row a rank and step, with a column a metric.")] = False,
    format: Annotated[  # noqa: A002 - as the option is called
        str | None, typer.Option(help="arrow, parquet or csv. [default: by the file's suffix]")
    ] = None,
) -> None:
    """Write a run's points to a file, for pandas, Polars, DuckDB; docs/export.md shows how they read it."""
    kind = format or _SUFFIXES.get(Path(out).suffix)
    if kind is None:
        raise UsageError(f"{out} does not say its format: end it with .parquet, .arrow or .csv, or give --format")
    if out == "-" and kind != "csv" and sys.stdout.isatty():
        raise UsageError(f"a terminal cannot show {kind}: give -o FILE, or --format csv")
    asked = {"metric": metric, "rank": rank, "lo": lo, "hi": hi, "format": kind}
    flags = {name: "true" for name, given in (("times", times), ("wide", wide)) if given}
    with Remote(server, home).stream("runs", run, "export", **asked, **flags) as read, _file(out) as file:
        _copy(read, file)


@contextlib.contextmanager
def _file(out: str) -> Iterator[IO[bytes]]:
    """Give the file, which has its name only once it is whole.

    Raises:
        UsageError: it cannot be written.
    """
    if out == "-":
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    part = Path(f"{out}.part")
    try:
        with part.open("wb") as file:
            yield file
        part.replace(out)
    except OSError as error:
        raise UsageError(f"{out} cannot be written: {error.strerror or error}") from error
    finally:
        part.unlink(missing_ok=True)


def _copy(read: Callable[[int], bytes], file: IO[bytes]) -> None:
    size, told = 0, time.monotonic()
    shown = sys.stderr.isatty()
    while chunk := read(_CHUNK_BYTES):
        file.write(chunk)
        size += len(chunk)
        if shown and time.monotonic() - told > _TOLD_EVERY_SECONDS:
            told = time.monotonic()
            sys.stderr.write(f"\r{size / 1e6:,.1f} MB")
            sys.stderr.flush()
    if shown:
        sys.stderr.write(f"\r{size / 1e6:,.1f} MB\n")
