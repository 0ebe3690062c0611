"""Removing files that nobody names any more: those of deleted runs, and those whose word never came."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from clickhouse_connect.driver.client import Client

from runwire.errors import UnavailableError, WireError
from runwire.wire.artifacts import parse_manifest
from runwire_storage.files import FileStore, NoSuchFileError
from runwire_storage.schema import DATABASE

# Whatever looks like a digest in what is told of a medium names a file: its masks do.
_MEDIA = f"""
    SELECT DISTINCT arrayJoin(arrayConcat([digest], extractAll(data, '[0-9a-f]{{64}}'))) AS named
    FROM {DATABASE}.stored_media WHERE named != ''
"""  # noqa: S608 - constants
_MANIFESTS = f"SELECT DISTINCT digest FROM {DATABASE}.stored_artifacts"  # noqa: S608 - a constant


@dataclass(frozen=True)
class Pruned:
    """What became of the files that nobody names.

    Attributes:
        removed: how many went, or would go.
        size: how many bytes these had.
        marked: how many are marked now, or would be.
        waiting: how many were marked not long enough ago.
    """

    removed: int
    size: int
    marked: int
    waiting: int


async def named(client: Client, store: FileStore) -> set[str]:
    """Return the digests of all files that something stored names: media, masks, artifacts and the files of these.

    Raises:
        UnavailableError: the manifest of an artifact cannot be read, so that its files are not known.
        ClickHouseError: the driver's own, where the store refuses or is away.
    """
    found = {digest for (digest,) in client.query(_MEDIA).result_rows}
    for (digest,) in client.query(_MANIFESTS).result_rows:
        found.add(digest)
        try:
            chunks = [chunk async for chunk in store.read(digest, 0, await store.size(digest))]
            found.update(entry.digest for entry in parse_manifest(b"".join(chunks)))
        except (NoSuchFileError, WireError) as error:
            raise UnavailableError(
                f"nothing is removed: which files an artifact has cannot be told, for its manifest {digest} cannot be "
                f"read ({error})"
            ) from None
    return found


async def prune(store: FileStore, names: Collection[str], before: datetime, *, dry_run: bool = False) -> Pruned:
    """Mark files that nobody names, and remove those that were marked before a time and have not come again since.

    So a file goes at the second call at the earliest. Whoever puts a file in between, or asks whether to put it, keeps
    it (`FileStore`); and what a host was told is there before it was marked has been named for as long as the time
    between mark and removal gives it. May be stopped and called again at any time.

    Args:
        store: the file store.
        names: digests of the files that stay, by `named`.
        before: when a file must have been put to be marked, and marked to be removed.
        dry_run: only count.

    Raises:
        UnavailableError: the store does not do it now; then call it again.
    """
    marks = {mark.digest: mark.changed async for mark in store.stored(marks=True)}
    removed = size = marked = waiting = 0
    async for file in store.stored():
        since = marks.pop(file.digest, None)
        if file.digest in names:
            if since is not None and not dry_run:
                await store.unmark(file.digest)
        elif file.changed >= before:
            continue
        elif since is None:
            marked += 1
            if not dry_run:
                await store.mark(file.digest)
        elif since >= before:
            waiting += 1
        elif dry_run or await store.remove(file.digest):
            removed, size = removed + 1, size + file.size
    for digest in () if dry_run else marks:  # of files that are gone
        await store.unmark(digest)
    return Pruned(removed, size, marked, waiting)
