"""Artifacts: what is said when a version is logged, and the manifest that names the files in it.

A manifest is itself a file of the file store, whatever its length: a message names it by its digest, so a message is
small. Its bytes are canonical, so the same files under the same paths have the same digest, whoever logs them::

    {"v":1,"files":[[path,sha256,size],...]}    sorted by path, as UTF-8 JSON
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any, NamedTuple

from runwire.errors import WireError
from runwire.wire.json import dumps
from runwire.wire.messages import VERSION, _integer, _natural, _record, _typed
from runwire.wire.names import check_metric, check_rank, check_run

ARTIFACT_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
#: An alias stands behind a colon in a reference, and a reference in a URL.
ALIAS = re.compile(r"[^\s/:?#%\\\x00-\x1f\x7f]{1,128}")
#: What a version is called, and how its content is: an alias is neither.
VERSION_WORD = re.compile(r"v(0|[1-9][0-9]{0,8})")
DIGEST = re.compile(r"[0-9a-f]{64}")
#: The alias that the version which was logged last has by itself.
LATEST = "latest"

ALIASES_MAX = 100
METADATA_BYTES_MAX = 1 << 18
DESCRIPTION_MAX = 1 << 16
PATH_BYTES_MAX, NAME_BYTES_MAX = 1024, 255


class Entry(NamedTuple):
    """A file of an artifact: its path in it, the sha256 of its content as 64 hex digits, and its size in bytes."""

    path: str
    digest: str
    size: int


@dataclass(frozen=True)
class LoggedArtifact:
    """That a run logged an artifact.

    Attributes:
        seq: the message's place in the run's order; with run and rank it tells one logging from another.
        ts: when it was logged, microseconds since the epoch.
        project, name: the collection whose version it becomes.
        type: as "model" or "dataset", for people.
        metadata: plain data.
        aliases: what the version is to be called besides its number and LATEST.
        digest: of the manifest.
        files, size: how many files there are, and how many bytes they have together.
    """

    run: str
    rank: int
    seq: int
    ts: int
    project: str
    name: str
    type: str
    digest: str
    files: int
    size: int
    description: str = ""
    metadata: Mapping[str, Any] = field(default_factory=dict)
    aliases: Sequence[str] = ()

    @property
    def key(self) -> bytes:
        """The message's key: all of a collection lies in one partition, in one order."""
        return f"{self.project}/{self.name}".encode()

    def encode(self) -> bytes:
        """Return the message's value.

        Raises:
            WireError: the metadata are not plain data.
        """
        return dumps({"v": VERSION, **vars(self)})

    @classmethod
    def parse(cls, value: bytes) -> LoggedArtifact:
        """Read a message's value.

        Raises:
            WireError: it says of no artifact that it was logged.
        """
        record = _record(value)
        metadata, aliases = _typed(record, "metadata", dict), _typed(record, "aliases", list)
        description = _typed(record, "description", str)
        if len(dumps(metadata)) > METADATA_BYTES_MAX:
            raise WireError(f"metadata is {metadata!r:.80}, expected at most {METADATA_BYTES_MAX} bytes")
        if len(aliases) > ALIASES_MAX:
            raise WireError(f"aliases is {aliases!r:.80}, expected at most {ALIASES_MAX}")
        if len(description) > DESCRIPTION_MAX:
            raise WireError(f"description is {description!r:.80}, expected at most {DESCRIPTION_MAX} characters")
        return cls(
            run=check_run(record.get("run")),
            rank=check_rank(record.get("rank")),
            seq=_natural(record, "seq"),
            ts=_integer(record, "ts"),
            project=check_label(record.get("project"), "project"),
            name=check_artifact(record.get("name")),
            type=check_label(record.get("type"), "type"),
            digest=check_digest(record.get("digest")),
            files=_natural(record, "files"),
            size=_natural(record, "size"),
            description=description,
            metadata=metadata,
            aliases=[check_alias(alias) for alias in aliases],
        )


def check_artifact(value: Any) -> str:
    """Return ``value`` if an artifact may be called so.

    Raises:
        WireError: it may not.
    """
    if isinstance(value, str) and ARTIFACT_NAME.fullmatch(value):
        return value
    raise WireError(
        f"{value!r:.80} is no artifact's name: 1 to 128 letters, digits, '_', '.', '-', the first none of the last two"
    )


def check_alias(value: Any) -> str:
    """Return ``value`` if it is an alias of a version.

    Raises:
        WireError: it is none.
    """
    if isinstance(value, str) and ALIAS.fullmatch(value) and not _TAKEN.fullmatch(value):
        return value
    raise WireError(
        f"{value!r:.80} is no alias: 1 to 128 characters without spaces and / : ? # % \\, and neither a version's "
        "number, as v3, nor a digest"
    )


def check_label(value: Any, what: str) -> str:
    """Return ``value`` if a project or a type of artifacts may be called so: as a metric may.

    Raises:
        WireError: it may not.
    """
    try:
        return check_metric(value)
    except WireError as error:
        raise WireError(str(error).replace("no metric name", f"no {what} of an artifact")) from None


def check_digest(value: Any) -> str:
    """Return ``value`` if it is a sha256 as 64 hex digits.

    Raises:
        WireError: it is none.
    """
    if isinstance(value, str) and DIGEST.fullmatch(value):
        return value
    raise WireError(f"{value!r:.80} is no sha256: expected 64 hex digits")


def check_path(value: Any) -> str:
    """Return ``value`` if it is a path inside of an artifact: relative, its parts joined by ``/``, none of them "..".

    Raises:
        WireError: it is none.
    """
    if not isinstance(value, str) or not value.isprintable():
        raise WireError(f"{value!a:.80} is no path of a file in an artifact: expected printable text")
    try:
        parts = value.encode().split(b"/")
    except UnicodeEncodeError:
        raise WireError(f"{value!a:.80} is no path of a file in an artifact: it is not valid Unicode") from None
    if {b"", b".", b".."}.intersection(parts) or "\\" in value:
        raise WireError(f"{value!r:.80} is no path of a file in an artifact: expected a relative one, as data/a.csv")
    if len(value.encode()) > PATH_BYTES_MAX or max(map(len, parts)) > NAME_BYTES_MAX:
        raise WireError(f"{value!r:.80} is too long for a path in an artifact: {PATH_BYTES_MAX} bytes are the most")
    return value


def encode_manifest(entries: Iterable[Entry]) -> bytes:
    """Return the canonical bytes of a manifest; their sha256 is the digest of the artifact's content."""
    return dumps({"v": VERSION, "files": [list(entry) for entry in sorted(entries)]})


def parse_manifest(data: bytes) -> tuple[Entry, ...]:
    """Return the files that a manifest names, by path.

    Raises:
        WireError: it is no manifest, or not a sound one: a path leads out of it, or is a file and a folder.
    """
    files = _typed(_record(data), "files", list)
    entries = []
    for row in files:
        if not isinstance(row, list) or len(row) != 3:
            raise WireError(f"a file is {row!r:.80}, expected [path, sha256, size]")
        entries.append(Entry(check_path(row[0]), check_digest(row[1]), _natural({"size": row[2]}, "size")))
    paths = {entry.path for entry in entries}
    if len(paths) < len(entries):
        raise WireError("it names a path twice")
    folders = {str(folder) for path in paths for folder in PurePosixPath(path).parents}
    if both := paths & folders:
        raise WireError(f"{min(both)!r:.80} is a file and a folder")
    return tuple(entries)


_TAKEN = re.compile(f"{VERSION_WORD.pattern}|{DIGEST.pattern}")
