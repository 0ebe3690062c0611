"""Where spools lie, what each says of itself, and how one is begun.

``<home>/spool/<host>/<run>/<rank>/<attempt>/`` is one process's part of a run. ``meta.json`` is written last: a folder
without it is not a spool yet.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from runwire.errors import UnavailableError, WireError
from runwire.spool import files
from runwire.spool.lock import hold
from runwire.wire.names import check_rank, check_run

META, LOCK, DELIVERED, INBOX = "meta.json", "lock", "delivered.json", "inbox.jsonl"
#: Holds something if SIGTERM ended the process: where it was then.
TERMINATED = "terminated"
#: What a spool that is being removed is called behind its attempt.
_REMOVED = ".removed"
_TRIES = 100


@dataclass(frozen=True)
class Meta:
    """What a spool says of itself.

    Attributes:
        run, rank, attempt: whose it is.
        project, name: the run's.
        host, pid: where its process runs.
        started: when it began, microseconds since the epoch.
        kafka: where it is to be delivered, if the process was told; else whoever delivers it finds out.
        server: where its files are to be delivered, likewise.
        offline: whether it waits for ``runwire sync``.
    """

    run: str
    rank: int
    attempt: int
    project: str
    name: str
    host: str
    pid: int
    started: int
    kafka: str | None = None
    offline: bool | None = None
    server: str | None = None

    @classmethod
    def read(cls, folder: Path) -> Meta | None:
        """Return what the folder's ``meta.json`` says; None if it says nothing that makes it a spool."""
        try:
            told = json.loads((folder / META).read_text(encoding="utf-8"))
            meta = cls(**{field: told.get(field) for field in cls.__dataclass_fields__})
            check_run(meta.run)
            check_rank(meta.rank)
        except (OSError, ValueError, AttributeError, WireError):
            return None
        numbers = (meta.attempt, meta.pid, meta.started)
        texts = (meta.project, meta.name, meta.host, meta.kafka or "", meta.server or "")
        sound = all(isinstance(one, int) and one >= 0 for one in numbers) and all(isinstance(one, str) for one in texts)
        # Its place must be the one that it names: what it says becomes a Kafka key.
        sound = sound and folder.parts[-3:] == (meta.run, str(meta.rank), str(meta.attempt))
        return meta if sound else None


def root(home: Path, host: str) -> Path:
    """Return the folder of a host's spools."""
    return home / "spool" / host


def begin(spools: Path, meta: Meta) -> tuple[Path, Meta, int]:
    """Begin a spool: make its folder, take its lock, and write its ``meta.json``.

    Returns:
        The folder, the meta with the attempt that it got (the second at which it began, or more, so that it is no less
        than the one in ``meta``, and greater than every earlier one of this run and rank here), and the lock's
        descriptor.

    Raises:
        UnavailableError: the folder cannot be made; the message says why.
    """
    ranks = spools / meta.run / str(meta.rank)
    problem: OSError | None = None
    for _ in range(_TRIES):
        try:
            ranks.mkdir(parents=True, exist_ok=True)
            earlier = [int(entry.name) for entry in ranks.iterdir() if entry.name.isdecimal()]
            attempt = max([int(time.time()), meta.attempt, *(one + 1 for one in earlier)])
            folder = ranks / str(attempt)
            folder.mkdir()
        except (FileExistsError, FileNotFoundError) as error:
            # Another process took this attempt just now, or the shipper removed the empty parent.
            problem = error
            if isinstance(error, FileExistsError) and not ranks.is_dir():
                break
            continue
        except OSError as error:
            problem = error
            break
        begun = replace(meta, attempt=attempt)
        try:
            lock = hold(folder / LOCK)
            if lock is None:
                raise UnavailableError(f"the lock of the new spool {folder} is held by another process")
            write_json(folder / META, {"version": 1, **asdict(begun)})
        except OSError as error:
            problem = error
            break
        return folder, begun, lock
    raise UnavailableError(
        f"no spool can be made in {ranks}: {problem}. Make the home writable, or name another with RUNWIRE_HOME"
    )


def found(spools: Path) -> Iterator[Path]:
    """Yield the folders that may be spools, in no order; names that are no run, rank or attempt are passed over."""
    for run in _folders(str(spools)):
        for rank in _folders(run.path):
            if rank.name.isdecimal():
                yield from (Path(attempt.path) for attempt in _folders(rank.path) if attempt.name.isdecimal())


def remove(folder: Path) -> None:
    """Remove a spool that is delivered, and its parents if they are empty then."""
    with suppress(OSError):
        # Its name goes first: the feed writes into an inbox for as long as there is a folder of that name, and what is
        # left, should this be cut short, is no spool.
        _clear(folder.rename(folder.with_name(f"{folder.name}{_REMOVED}")))


def sweep(spools: Path) -> None:
    """Remove what is left of spools whose removal was cut short; to be called while nobody else removes any."""
    for run in _folders(str(spools)):
        for rank in _folders(run.path):
            if not rank.name.isdecimal():
                continue
            for left in _folders(rank.path):
                if left.name.endswith(_REMOVED) and left.name.removesuffix(_REMOVED).isdecimal():
                    with suppress(OSError):
                        _clear(Path(left.path))
            _remove_empty(Path(rank.path))
        _remove_empty(Path(run.path))


def read_json(path: Path) -> dict[str, Any]:
    """Return the JSON object that a file holds; an empty one if it is not there or holds none."""
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return told if isinstance(told, dict) else {}


def write_json(path: Path, value: dict[str, Any]) -> None:
    """Write a JSON object into a file, whole or not at all."""
    new = f"{path}.new"
    with open(new, "wb") as file:  # noqa: PTH123 -- done for every run again and again, and a Path takes twice as long
        file.write(json.dumps(value).encode())
    os.replace(new, path)  # noqa: PTH105 -- likewise


def _clear(going: Path) -> None:
    """Remove a spool that has lost its name, and its parents if they are empty then."""
    files.clear(going)
    for path in going.iterdir():
        path.unlink(missing_ok=True)
    _remove_empty(going, going.parent, going.parent.parent)


def _remove_empty(*folders: Path) -> None:
    with suppress(OSError):  # one that is not empty, and so are those around it
        for folder in folders:
            folder.rmdir()


def _folders(path: str) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(path) as entries:
            return [entry for entry in entries if entry.is_dir(follow_symlinks=False)]
    except OSError:
        return []
