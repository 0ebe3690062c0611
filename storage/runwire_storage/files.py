"""The file store: files named by their content, in a folder or in whatever object storage a URL names."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from pathlib import Path

from obstore.exceptions import BaseError, NotFoundError
from obstore.store import ObjectStore, from_url

from runwire.errors import ConfigError, UnavailableError, UsageError

_CHUNK_BYTES = 1 << 20


class NoSuchFileError(UsageError):
    """There is no such file, or not yet."""

    hint = "it may still wait on the host that logged it: see `runwire status` there"


class WrongDigestError(UsageError):
    """What came is not what its name says."""

    hint = "it was changed meanwhile: log it again"


class FileStore:
    """Keeps files; each is whole or not there, and none is ever changed.

    Args:
        url: where: ``file:///folder``, ``s3://bucket/path``, ``gs://…``, ``az://…``. What these need besides, as keys,
            is taken from the environment, as their own tools do.

    Raises:
        ConfigError: the URL names no store.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        try:
            if url.startswith("file:"):
                self._store: ObjectStore = from_url(url, mkdir=True)
            else:
                self._store = from_url(url)
        except (BaseError, ValueError, OSError) as error:
            raise ConfigError(
                f"the file store {url!r:.200} cannot be used: {error!s:.300}. Name a folder or a bucket by --files or "
                "RUNWIRE_FILES, as file:///srv/runwire/files or s3://bucket/path"
            ) from None

    async def put(self, digest: str, chunks: AsyncIterator[bytes]) -> int:
        """Keep a file, and return its size; once more changes nothing.

        Args:
            digest: the SHA-256 of what is to come, as 64 hexadecimal digits.
            chunks: its content.

        Raises:
            WrongDigestError: it is not what the digest says; nothing is kept.
            UnavailableError: the store takes nothing now.
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
            await self._store.put_async(_path(digest), checked())
        except (BaseError, OSError) as error:
            raise self._away(error) from error
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

    def _away(self, error: Exception) -> UnavailableError:
        return UnavailableError(f"the file store {self._url} does not do it: {error!s:.300}")


def folder_url(folder: Path) -> str:
    """Return the URL by which `FileStore` takes a folder."""
    return folder.absolute().as_uri()


def _path(digest: str) -> str:
    return f"{digest[:2]}/{digest}"  # no folder gets too long
