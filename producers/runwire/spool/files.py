"""Files that wait in a spool: ``files/<digest>``, each named by its content, whole or not there.

What is kept here is uploaded by the shipper to the server's file store, and removed once it is acknowledged there. One
that was changed after it was kept, which a link can be, is dropped; ``files/<digest>.changed`` says so.
"""

from __future__ import annotations

import errno
import hashlib
import itertools
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

FOLDER = "files"
#: SHA-256, as hexadecimal digits.
DIGEST = re.compile("[0-9a-f]{64}")
_CHANGED = ".changed"
_CHUNK_BYTES = 1 << 20


@dataclass(frozen=True)
class Kept:
    """A file that is kept.

    Attributes:
        digest: names it: the SHA-256 of its content, as 64 hexadecimal digits.
        size: how many bytes it has.
    """

    digest: str
    size: int


@dataclass(frozen=True)
class Waiting:
    """A file that waits for its upload.

    Attributes:
        path: where it is; its name is its digest.
        size: how many bytes it has.
        linked: whether it is another's file, too, so that it takes no room of its own.
    """

    path: Path
    size: int
    linked: bool = False


class Files:
    """Keeps files in a spool, from any number of threads of the process whose spool it is.

    Args:
        spool: the spool's folder.
        bytes_max: how many bytes the spool may hold; None for as many as the disk takes.
    """

    def __init__(self, spool: Path, *, bytes_max: int | None = None) -> None:
        self._spool, self._bytes_max = spool, bytes_max
        self._folder = spool / FOLDER
        self._names = itertools.count()

    def keep(self, data: bytes) -> Kept:
        """Keep bytes.

        Raises:
            OSError: they cannot be stored.
        """
        kept = Kept(hashlib.sha256(data).hexdigest(), len(data))
        if not (self._folder / kept.digest).exists():
            new = self._begin(kept.size)
            try:
                with new.open("xb") as file:
                    file.write(data)
                new.replace(self._folder / kept.digest)
            except OSError:
                self._drop(new)
                raise
        return kept

    def copy(self, source: BinaryIO) -> Kept:
        """Keep what a file holds from where it is on.

        Raises:
            OSError: it cannot be read or stored.
        """
        new = self._begin(os.fstat(source.fileno()).st_size)
        try:
            with new.open("xb") as file:
                kept = _digest(source, file)
            new.replace(self._folder / kept.digest)
        except OSError:
            self._drop(new)
            raise
        return kept

    def link(self, path: Path) -> Kept:
        """Keep a file that nobody will change: without a copy of it where the disk is the same, else as `copy`.

        Raises:
            OSError: it cannot be read or stored.
        """
        with path.open("rb") as source:
            new = self._begin(0)
            try:
                os.link(path.resolve(), new)
            except OSError:
                return self.copy(source)
            try:
                kept = _digest(source)
                new.replace(self._folder / kept.digest)
            except OSError:
                self._drop(new)
                raise
            self._drop(new)  # rename does nothing where both are the same file already
        return kept

    def adopt(self, other: Files, sizes: Mapping[str, int]) -> None:
        """Keep files that another folder keeps, all or as good as none: without a copy where the disk is the same.

        Args:
            other: keeps them.
            sizes: how many bytes each has, by digest.

        Raises:
            OSError: they cannot be stored.
        """
        sources = {digest: other._folder / digest for digest in sizes if not (self._folder / digest).exists()}
        # A third name of what somebody else has takes no room.
        self._begin(sum(sizes[digest] for digest, source in sources.items() if source.stat().st_nlink == 1))
        for digest, source in sources.items():
            if not _linked(source, self._folder / digest):
                with source.open("rb") as file:
                    self.copy(file)

    def _begin(self, size: int) -> Path:
        """Return the path of a file that is not there yet, if so many bytes more may be held."""
        if self._bytes_max is not None and held(self._spool) + size > self._bytes_max:
            raise OSError(
                errno.EDQUOT,
                f"with a file of {size} bytes more it would hold over the {self._bytes_max >> 20} MiB that it may (the "
                "setting spool_bytes_max)",
            )
        self._folder.mkdir(exist_ok=True)
        return self._folder / f"{next(self._names)}.new"

    @staticmethod
    def _drop(new: Path) -> None:
        with suppress(OSError):
            new.unlink()


def _linked(source: Path, target: Path) -> bool:
    """Give a file another name; return whether that could be, or is so."""
    try:
        os.link(source, target)
    except FileExistsError:
        return True
    except OSError:  # another disk, or one without links
        return False
    return True


def waiting(spool: Path) -> Iterator[Waiting]:
    """Yield the files of a spool that wait, in no order."""
    try:
        with os.scandir(spool / FOLDER) as entries:
            for entry in entries:
                if DIGEST.fullmatch(entry.name):
                    with suppress(FileNotFoundError):
                        about = entry.stat()
                        yield Waiting(Path(entry.path), about.st_size, about.st_nlink > 1)
    except OSError:
        return


def names(spool: Path) -> set[str]:
    """Return the names of the files of a spool that wait: their digests."""
    try:
        with os.scandir(spool / FOLDER) as entries:
            return {entry.name for entry in entries if DIGEST.fullmatch(entry.name)}
    except OSError:
        return set()


def wait(spool: Path) -> bool:
    """Return whether a file of a spool waits: with a hundred thousand of them that takes no longer than with one."""
    try:
        with os.scandir(spool / FOLDER) as entries:
            return any(DIGEST.fullmatch(entry.name) for entry in entries)
    except OSError:
        return False


def drop(file: Path) -> None:
    """Drop a file that is not what its name says any more, and leave word of it.

    Raises:
        OSError: there is no room for that; the file stays.
    """
    file.with_name(f"{file.name}{_CHANGED}").touch()
    file.unlink(missing_ok=True)


def uploaded(file: Path) -> None:
    """Remove a file that the server has; if it had been changed before, and was kept again, nothing is lost."""
    for path in (file.with_name(f"{file.name}{_CHANGED}"), file):
        with suppress(FileNotFoundError):
            path.unlink()


def changed(spool: Path) -> set[str]:
    """Return the names of the files of a spool that were dropped, for they had been changed."""
    try:
        with os.scandir(spool / FOLDER) as entries:
            return {entry.name.removesuffix(_CHANGED) for entry in entries if entry.name.endswith(_CHANGED)}
    except OSError:
        return set()


def held(spool: Path) -> int:
    """Return how many bytes a spool takes: of its segments, and of its files that are nobody else's."""
    total = sum(file.size for file in waiting(spool) if not file.linked)
    with os.scandir(spool) as entries:
        for entry in entries:
            if entry.name.endswith(".seg"):
                with suppress(FileNotFoundError):  # the shipper removed it just now
                    total += entry.stat().st_size
    return total


def clear(spool: Path) -> None:
    """Remove the folder of a spool's files, with what is left in it."""
    folder = spool / FOLDER
    with suppress(FileNotFoundError):
        for path in folder.iterdir():
            path.unlink(missing_ok=True)
        folder.rmdir()


def _digest(source: BinaryIO, copy: BinaryIO | None = None) -> Kept:
    """Return what a file holds, copying it into another where there is one."""
    digest, size = hashlib.sha256(), 0
    while chunk := source.read(_CHUNK_BYTES):
        digest.update(chunk)
        size += len(chunk)
        if copy is not None:
            copy.write(chunk)
    return Kept(digest.hexdigest(), size)
