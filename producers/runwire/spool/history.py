"""What a home remembers of a run and rank when its spool is long delivered, so that it can be gone on with.

``<home>/runs/<run>/<rank>.json`` is written by the process when it begins and when it finishes, and by the shipper
before it removes the spool of one that did not.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from runwire.spool.folder import read_json, write_json
from runwire.spool.format import HEADER, segments
from runwire.wire.names import are_samples

if TYPE_CHECKING:
    from runwire.spool.reader import Rows  # loaded where it is read


@dataclass(frozen=True)
class Past:
    """How far a run and rank was.

    Attributes:
        attempt: the last one that began here.
        project, name: the run's, as that attempt had them.
        next_step: the step that a row without one would have got next, as of when this was written; None if that is not
            known.
        finished: whether that attempt said that it ended.
    """

    attempt: int
    project: str
    name: str
    next_step: int | None = None
    finished: bool = False


def remember(home: Path, run: str, rank: int, past: Past) -> None:
    """Write down how far a run and rank is, unless a later attempt has done so.

    Raises:
        OSError: it cannot be written.
    """
    path = _path(home, run, rank)
    known = written(home, run, rank)
    if known is None or known.attempt <= past.attempt:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_json(path, asdict(past))


def recall(home: Path, run: str, rank: int) -> Past | None:
    """Return how far a run and rank was; None if it never began in this home.

    What is not delivered yet says more than what was written down.
    """
    past = written(home, run, rank)
    if past is None or past.finished:
        return past
    steps = [step for spool in spools(home, run, rank, past.attempt) if (step := _next_step(spool)) is not None]
    return replace(past, next_step=max(steps)) if steps else past


def written(home: Path, run: str, rank: int) -> Past | None:
    """Return what was written down of a run and rank, without a look into its spool; None if nothing was."""
    told = read_json(_path(home, run, rank))
    attempt, step = told.get("attempt"), told.get("next_step")
    project, name = told.get("project"), told.get("name")
    if not (isinstance(attempt, int) and isinstance(project, str) and isinstance(name, str)):
        return None
    return Past(attempt, project, name, step if isinstance(step, int) else None, told.get("finished") is True)


def spools(home: Path, run: str, rank: int, attempt: int) -> list[Path]:
    """Return where an attempt's spool lies, on whichever of the hosts that share the home; nothing if it is gone."""
    return list((home / "spool").glob(f"*/{run}/{rank}/{attempt}"))


def begun(home: Path, run: str) -> bool:
    """Return whether the run began in this home, in whatever rank."""
    return (home / "runs" / run).is_dir()


def _path(home: Path, run: str, rank: int) -> Path:
    return home / "runs" / run / f"{rank}.json"


def _next_step(spool: Path) -> int | None:
    """Return the step behind the last row of a spool whose process is gone; None if it has no row."""
    from runwire.spool.reader import Position, Reader, Rows  # noqa: PLC0415 -- only where a run is gone on with

    for segment in reversed(segments(spool)):
        step = None
        reader = Reader(spool, Position(segment, 0))
        try:
            while reader.position.segment == segment and (items := reader.read(gone=True)):
                for item in items:
                    if isinstance(item, Rows) and not are_samples(item.keys):
                        step = _last_step(item)
        except OSError:
            return None
        finally:
            reader.close()
        if step is not None:
            return min(step + 1, 2**63 - 1)
    return None


def _last_step(rows: Rows) -> int:
    at = len(rows.data) - len(rows.data) // rows.count + HEADER.size + 8
    return int.from_bytes(rows.data[at : at + 8], "little", signed=True)
