"""The file store: files named by their content, in a folder or in whatever object storage a URL names."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path

from obstore.exceptions import BaseError, NotFoundError

from runwire.errors import UnavailableError, UsageError
from runwire_storage.object_storage import PARTS_AT_ONCE, advice, opened, part_bytes, shown, why

_CHUNK_BYTES = 1 << 20
#: Beside the files: of those that nobody names, since when; and those that are being removed.
_UNNAMED, _GOING = "unnamed", "going"
_GOING_AT_MOST = timedelta(hours=1)


class NoSuchFileError(UsageError):
    """There is no such file, or not yet."""

    hint = "it may still wait on the host that logged it: see `runwire status` there"


class WrongDigestError(UsageError):
    """What came is not what its name says."""

    hint = "it was changed meanwhile: log it again"


class FileStoreError(UnavailableError):
    """The file store does not do what it is asked for now."""

    hint = "the message says what to look at; what hosts have to upload waits there meanwhile"


@dataclass(frozen=True)
class Stored:
    """A file, or the mark of one: its digest, its size in bytes, and when it was last put."""

    digest: str
    size: int
    changed: datetime


class FileStore:
    """Keeps files; each is whole or not there, and none is ever changed.

    A file that nobody names is marked long before it is removed (`runwire_storage.removal.files`). From the mark on
    `offered` says that it is not there, so whoever logs that content again puts it again, which takes the mark away.

    Args:
        url: where: ``file:///folder``, ``s3://bucket/path``, ``gs://…``, ``az://…``. What these need besides, as keys,
            is taken from the environment.

    Raises:
        ConfigError: the URL names no store.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._store = opened(url)

    async def look(self) -> None:
        """See whether object storage answers; a folder was opened when this was made.

        Raises:
            UnavailableError: it does not; the message says why.
        """
        if self._url.startswith("file:"):
            return  # the library's threads, which nobody needs yet, take more than a MB
        # Whether a file is there it answers also where it is not there itself.
        async for _ in self.stored(marks=True):
            return

    async def put(self, digest: str, chunks: AsyncIterator[bytes], length: int | None = None) -> int:
        """Keep a file, and return its size; once more changes nothing.

        Args:
            digest: the SHA-256 of what is to come, as 64 hexadecimal digits.
            chunks: its content.
            length: how many bytes that has, as far as is known before.

        Raises:
            WrongDigestError: it is not what the digest says; nothing is kept.
            UnavailableError: the store takes nothing now, or this very file is being removed; then put it again.
        """
        size = 0

        async def checked() -> AsyncIterator[bytes]:
            # An exception in here, and the store keeps nothing of what it has been given.
            nonlocal size
            found = hashlib.sha256()
            async for chunk in chunks:
                found.update(chunk)
                size += len(chunk)
                if chunk:
                    yield chunk
            if found.hexdigest() != digest:
                raise WrongDigestError(
                    f"what came as {digest} has the SHA-256 {found.hexdigest()} ({size} bytes): not kept"
                )

        try:
            await self._store.put_async(
                _path(digest), checked(), chunk_size=part_bytes(length), max_concurrency=PARTS_AT_ONCE
            )
        except (BaseError, OSError) as error:
            raise self._away(error) from error
        # In this order, which `remove` counts on: it goes on only with a mark that is there after the file was.
        await self.unmark(digest)
        if await self._goes(digest) or await self._put_at(_path(digest)) is None:
            raise UnavailableError(f"the file {digest} was removed in the very moment in which it came: put it again")
        return size

    async def offered(self, digest: str) -> int:
        """Return how many bytes a file has that is there to stay, for whoever need not put it then.

        Raises:
            NoSuchFileError: there is no such file, or it is marked.
            UnavailableError: the store does not answer.
        """
        size = await self.size(digest)
        if await self._put_at(_beside(_UNNAMED, digest)) is not None or await self._goes(digest):
            raise NoSuchFileError(f"the file {digest} is about to be removed")
        return size

    async def size(self, digest: str) -> int:
        """Return how many bytes a file has.

        Raises:
            NoSuchFileError: there is no such file.
            UnavailableError: the store does not answer.
        """
        try:
            return int((await self._store.head_async(_path(digest)))["size"])
        except (FileNotFoundError, NotFoundError):
            raise NoSuchFileError(f"there is no file {digest}") from None
        except (BaseError, OSError) as error:
            raise self._away(error) from error

    async def read(self, digest: str, start: int, end: int) -> AsyncIterator[bytes]:
        """Yield what a file holds from byte ``start`` to before byte ``end``.

        Raises:
            UnavailableError: the store does not answer.
        """
        if start == end:
            return
        try:
            found = await self._store.get_async(_path(digest), options={"range": (start, end)})
            async for chunk in found.stream(min_chunk_size=_CHUNK_BYTES):
                yield bytes(chunk)
        except (BaseError, OSError) as error:
            raise self._away(error) from error

    async def stored(self, *, marks: bool = False) -> AsyncIterator[Stored]:
        """Yield all files.

        Args:
            marks: the marks instead.

        Raises:
            UnavailableError: the store does not answer.
        """
        try:
            async for some in self._store.list(_UNNAMED if marks else None):
                for one in some:
                    folder, _, digest = one["path"].rpartition("/")
                    if folder == (_UNNAMED if marks else digest[:2]):
                        yield Stored(digest, int(one["size"]), one["last_modified"])
        except (BaseError, OSError) as error:
            raise self._away(error) from error

    async def mark(self, digest: str) -> None:
        """Say that nobody names a file.

        Raises:
            UnavailableError: the store takes nothing now.
        """
        try:
            await self._store.put_async(_beside(_UNNAMED, digest), b"")
        except (BaseError, OSError) as error:
            raise self._away(error) from error

    async def unmark(self, digest: str) -> None:
        """Take the mark of a file away, if it has one.

        Raises:
            UnavailableError: the store takes nothing now.
        """
        await self._delete(_beside(_UNNAMED, digest))

    async def remove(self, digest: str) -> bool:
        """Remove a file that is marked; False if it has no mark any more, for it was put again.

        Raises:
            UnavailableError: the store does not do it now; then call it again.
        """
        going = _beside(_GOING, digest)
        try:
            await self._store.copy_async(_beside(_UNNAMED, digest), going)
        except (FileNotFoundError, NotFoundError):
            return False
        except (BaseError, OSError) as error:
            raise self._away(error) from error
        # From here on whoever puts the file is told to do so again. The mark goes last: killed before, all of it is
        # done again.
        await self._delete(_path(digest))
        await self._delete(going)
        await self.unmark(digest)
        return True

    async def _goes(self, digest: str) -> bool:
        """Return whether a file is being removed, by somebody who was not killed in the middle of that."""
        began = await self._put_at(_beside(_GOING, digest))
        return began is not None and datetime.now(timezone.utc) - began < _GOING_AT_MOST

    async def _put_at(self, path: str) -> datetime | None:
        """Return when something was put there; None if nothing is."""
        try:
            return (await self._store.head_async(path))["last_modified"]
        except (FileNotFoundError, NotFoundError):
            return None
        except (BaseError, OSError) as error:
            raise self._away(error) from error

    async def _delete(self, path: str) -> None:
        try:
            await self._store.delete_async(path)
        except (FileNotFoundError, NotFoundError):
            pass
        except (BaseError, OSError) as error:
            raise self._away(error) from error

    def _away(self, error: Exception) -> UnavailableError:
        return FileStoreError(f"the file store {shown(self._url)} does not do it: {why(error)}. {advice(self._url)}")


def folder_url(folder: Path) -> str:
    """Return the URL by which `FileStore` takes a folder."""
    return folder.absolute().as_uri()


def _path(digest: str) -> str:
    return f"{digest[:2]}/{digest}"  # no folder gets too long


def _beside(what: str, digest: str) -> str:
    return f"{what}/{digest}"
