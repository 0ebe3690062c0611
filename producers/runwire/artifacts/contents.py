"""The files of an artifact until it is logged: under which paths, where they are kept, and what became of that."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Any

from runwire._recorder import Recorder
from runwire._say import logger
from runwire.artifacts.staging import Staging
from runwire.errors import UsageError, WireError
from runwire.spool.files import Files, Kept
from runwire.wire.artifacts import Entry, check_path, encode_manifest


@dataclass(frozen=True)
class Manifest:
    """What a run's spool was handed: the digest of the manifest, and those of all files that wait for their upload."""

    digest: str
    waits_for: list[str]


class Contents:
    """What an artifact is put together from. A disk that does not keep a file is said, and no reason to stop anything.

    Args:
        artifact: its name, for what is said.
        home: tells the home, once it is needed.

    Attributes:
        entries: its files by path.
        lost: why it cannot be logged; None if it can.
    """

    def __init__(self, artifact: str, home: Callable[[], Path]) -> None:
        self._artifact, self._home = artifact, home
        self.entries: dict[str, Entry] = {}
        self.lost: str | None = None
        self._folders: set[str] = set()
        self._staging: Staging | None = None

    def free(self, name: str) -> str:
        """Return a path for a file, if there may be one.

        Raises:
            UsageError: there may not.
        """
        try:
            inner = check_path(str(name))
        except WireError as error:
            raise UsageError(f"the artifact {self._artifact}: {error}") from None
        folders = {str(folder) for folder in PurePosixPath(inner).parents[:-1]}
        if inner in self._folders or not folders.isdisjoint(self.entries):
            raise UsageError(
                f"the artifact {self._artifact} has {inner!r:.200}, or a part of it, as file and as folder"
            )
        return inner

    def keep(self, inner: str, keep: Callable[[Files], Kept]) -> None:
        """Keep a file until the artifact is logged.

        Args:
            inner: its path.
            keep: keeps it.
        """
        staging = self._stage()
        if staging is None:
            return
        try:
            kept = keep(staging.files)
        except OSError as error:
            self._lose(f"{inner} cannot be kept: {error.strerror or error}")
            return
        self.entries[inner] = Entry(inner, kept.digest, kept.size)
        self._folders.update(str(folder) for folder in PurePosixPath(inner).parents[:-1])

    @contextmanager
    def new(self, inner: str, mode: str, encoding: str | None) -> Iterator[IO[Any]]:
        """Yield a file to write to, which is kept when it is closed; one that goes nowhere if none can be kept.

        Args:
            inner: its path.
            mode: "w" or "wb".
            encoding: of text.
        """
        staging = self._stage()
        if staging is None:
            with open(os.devnull, mode) as nowhere:  # noqa: PTH123 -- what is written is lost, which was said
                yield nowhere
            return
        with staging.new() as path:
            file = path.open(mode, encoding=encoding)
            try:
                yield file
            except BaseException:
                with suppress(OSError):
                    file.close()
                raise
            try:
                file.close()
            except OSError as error:  # what is still to be written finds no room
                self._lose(f"{inner} cannot be written: {error.strerror or error}")
            self.keep(inner, lambda files: files.link(path))

    def hand_over(self, recorder: Recorder) -> Manifest | None:
        """Put all files and their manifest into a run's spool; None if they are lost.

        Args:
            recorder: of the run.
        """
        manifest = encode_manifest(sorted(self.entries.values()))
        staging, self._staging = self._staging, None
        sizes = {entry.digest: entry.size for entry in self.entries.values()}

        def keep(files: Files) -> Kept:
            if staging is not None:
                files.adopt(staging.files, sizes)
            return files.keep(manifest)

        if self.lost is None:
            kept = recorder.file(keep)
            self.lost = None if kept is not None else "its files could not be kept"
        if staging is not None:
            staging.close()
        if self.lost is not None:
            return None
        digest = hashlib.sha256(manifest).hexdigest()
        return Manifest(digest, [*sizes, digest])

    def _stage(self) -> Staging | None:
        if self._staging is None and self.lost is None:
            try:
                self._staging = Staging(self._home())
            except OSError as error:
                self._lose(f"{error.filename or 'the home'} cannot be written: {error.strerror or error}")
        return self._staging if self.lost is None else None

    def _lose(self, why: str) -> None:
        self.lost = why
        logger.error("the artifact %s will not be logged, the training goes on: %s", self._artifact, why)
