"""Artifacts of which is still to be told: ``files/<seq>.artifact``, written once all of their files are kept there.

The first line is the message that goes to Kafka, the second the JSON list of the files that have to be uploaded before:
a version exists only once it is whole. So it is no record of a segment, which would hold up all that is behind it.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from runwire.errors import WireError
from runwire.spool.files import FOLDER
from runwire.wire.json import dumps, loads

_SUFFIX = ".artifact"


@dataclass(frozen=True)
class Announcement:
    """That an artifact was logged, and which files it waits for, each by its digest."""

    key: bytes
    message: bytes
    waits_for: frozenset[str]


def announce(spool: Path, seq: int, message: bytes, waits_for: Sequence[str]) -> None:
    """Write down that an artifact was logged.

    Raises:
        OSError: it cannot be stored.
    """
    path = spool / FOLDER / f"{seq}{_SUFFIX}"
    path.parent.mkdir(exist_ok=True)
    new = path.with_suffix(".new")
    try:
        new.write_bytes(message + b"\n" + dumps(list(waits_for)))
        new.replace(path)
    except OSError:
        with suppress(OSError):
            new.unlink()
        raise


def announced(spool: Path) -> list[Path]:
    """Return where the announcements of a spool are, in the order in which they were made."""
    try:
        with os.scandir(spool / FOLDER) as entries:
            seqs = [int(name[: -len(_SUFFIX)]) for entry in entries if (name := entry.name).endswith(_SUFFIX)]
    except OSError:
        return []
    return [spool / FOLDER / f"{seq}{_SUFFIX}" for seq in sorted(seqs)]


def read(path: Path) -> Announcement:
    """Read an announcement.

    Raises:
        OSError: it cannot be read.
        WireError: it was damaged.
    """
    message, _, files = path.read_bytes().partition(b"\n")
    waits_for = loads(files)
    if not isinstance(waits_for, list):
        raise WireError(f"{path} was damaged")
    from runwire.wire.artifacts import LoggedArtifact  # noqa: PLC0415 -- the shipper reads, a training writes

    return Announcement(LoggedArtifact.parse(message).key, message, frozenset(map(str, waits_for)))
