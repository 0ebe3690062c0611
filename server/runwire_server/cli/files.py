"""`runwire files prune`."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from datetime import datetime, timezone
from typing import Annotated

import typer

from runwire.errors import UsageError
from runwire_server.cli.options import ClickHouse, Files, Home, Json, address, file_store
from runwire_server.cli.output import print_json, say

#: So long Kafka keeps the word of a file, and who was told that it is there has to be heard of.
_DAYS_MIN = 8
#: The store's own threads let go of what they did within this time; a Python that ends before is aborted by them.
_SETTLE_SECONDS = 0.1

files = typer.Typer(help="Look after the file store.", no_args_is_help=True)


@files.callback()
def _group() -> None:
    """Keep `prune` a command of its own, also while it is the only one."""


@files.command(epilog="example: runwire files prune --unnamed-for 30d --dry-run")
def prune(
    home: Home = None,
    clickhouse: ClickHouse = None,
    files: Files = None,
    *,
    unnamed_for: Annotated[
        str, typer.Option(metavar="AGE", help="How long a file is marked before it goes, as 30d, 8w; at least 8d.")
    ] = "30d",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only tell what would be done.")] = False,
    json: Json = False,
) -> None:
    """Remove files that no run and no artifact names any more. The first time marks them, a later one removes them."""
    from runwire_server.cli.tables import size  # noqa: PLC0415 - loads rich
    from runwire_storage import removal  # noqa: PLC0415 - loads the store's driver
    from runwire_storage.client import connect, translated  # noqa: PLC0415
    from runwire_storage.files import FileStore  # noqa: PLC0415
    from runwire_storage.migrations import migrate  # noqa: PLC0415
    from runwire_storage.queries.filter.literals import ago, duration  # noqa: PLC0415

    seconds = duration(unnamed_for)
    before = None if seconds is None else ago(seconds, datetime.now(timezone.utc))
    if seconds is None or before is None or seconds < _DAYS_MIN * 86400:
        raise UsageError(
            f"--unnamed-for is {unnamed_for}: give an age of at least {_DAYS_MIN}d, as 30d or 8w; the word of what is "
            "younger may still come through Kafka"
        )
    store = FileStore(file_store(files, home))
    url = address("clickhouse", clickhouse, home)

    async def pruned() -> removal.Pruned:
        try:
            with translated(url):
                client = connect(url)
                migrate(client)
                names = await removal.named(client, store)
            return await removal.prune(store, names, before, dry_run=dry_run)
        finally:
            await asyncio.sleep(_SETTLE_SECONDS)

    done = asyncio.run(pruned())
    if json:
        print_json(asdict(done))
        return
    would = "would be " if dry_run else ""
    say(
        f"{done.removed:,} files ({size(done.size)}) {would}removed; {done.marked:,} that nobody names {would}marked, "
        f"{done.waiting:,} marked less than {unnamed_for} ago"
    )
