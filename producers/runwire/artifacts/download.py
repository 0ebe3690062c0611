"""An artifact's files into a folder, each checked by its content; and whether a folder holds them."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from runwire.artifacts.remote import Remote
from runwire.errors import ArtifactDamagedError, UnavailableError, UsageError
from runwire.wire.artifacts import Entry, parse_manifest

#: So many files are fetched at a time.
_THREADS = 8
_CHUNK_BYTES = 1 << 20
_NAMED_MAX = 3


def manifest(remote: Remote, digest: str) -> tuple[Entry, ...]:
    """Return the files that an artifact's manifest names.

    Raises:
        ArtifactDamagedError: what the server has is not it.
        UnavailableError: the server does not answer.
    """
    with remote.file(digest) as body:
        data = body.read()
    if hashlib.sha256(data).hexdigest() != digest:
        raise ArtifactDamagedError(f"the manifest {digest} comes from {remote.url} with other content")
    return parse_manifest(data)


def fetch(remote: Remote, entries: Sequence[Entry], root: Path) -> None:
    """Bring files into a folder; those that are there already are not fetched again.

    Raises:
        ArtifactDamagedError: what the server sends is not what was logged.
        UnavailableError: the server does not answer, or the folder cannot be written.
        UsageError: a symbolic link in the folder leads out of it.
    """
    from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415 -- most who import this download nothing

    real = root.resolve()
    with ThreadPoolExecutor(min(_THREADS, max(len(entries), 1)), "runwire-files") as pool:
        under_way = [pool.submit(_fetch, remote, entry, root, real, number) for number, entry in enumerate(entries)]
        try:
            for one in under_way:
                one.result()
        finally:
            for one in under_way:
                one.cancel()


def verify(entries: Iterable[Entry], root: Path) -> None:
    """See that a folder holds files as they were logged; others in it are not looked at.

    Raises:
        ArtifactDamagedError: it does not; the message names some.
    """
    wrong = list(_wrong(entries, root))
    if wrong:
        named = ", ".join(wrong[:_NAMED_MAX]) + (", …" if len(wrong) > _NAMED_MAX else "")
        raise ArtifactDamagedError(f"{root} does not hold what was logged, {len(wrong)} files differ: {named}")


def _wrong(entries: Iterable[Entry], root: Path) -> Iterator[str]:
    for entry in entries:
        if not (root / entry.path).is_file():
            yield f"{entry.path} is missing"
        elif not _holds(root / entry.path, entry):
            yield f"{entry.path} was changed"


def _holds(path: Path, entry: Entry) -> bool:
    """Return whether a file has an entry's content."""
    try:
        with path.open("rb") as file:
            if os.fstat(file.fileno()).st_size != entry.size:
                return False
            found = hashlib.sha256()
            while chunk := file.read(_CHUNK_BYTES):
                found.update(chunk)
            return found.hexdigest() == entry.digest
    except OSError:
        return False


def _fetch(remote: Remote, entry: Entry, root: Path, real: Path, number: int) -> None:
    target = root / entry.path
    folder = target.parent.resolve()
    if folder != real and real not in folder.parents:
        raise UsageError(f"{target} would lie in {folder}, out of {root}: a symbolic link leads there. Remove it")
    if _holds(target, entry):
        return
    new = folder / f".runwire-{os.getpid()}-{number}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with new.open("wb") as file, remote.file(entry.digest) as body:
            found, size = hashlib.sha256(), 0
            while chunk := body.read(_CHUNK_BYTES):
                found.update(chunk)
                size += len(chunk)
                file.write(chunk)
        if (found.hexdigest(), size) != (entry.digest, entry.size):
            raise ArtifactDamagedError(f"{entry.path} comes from {remote.url} with other content than was logged")
        new.replace(target)
    except OSError as error:
        raise UnavailableError(f"{target} cannot be written: {error.strerror or error}") from None
    finally:
        new.unlink(missing_ok=True)
