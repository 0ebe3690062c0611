"""Whether a run goes on with an earlier one, with which, and from which step."""

from __future__ import annotations

import hashlib
import json
import os
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from runwire import _addresses, _job, _key
from runwire._about import Place
from runwire._say import logger
from runwire.errors import ConfigError, UsageError
from runwire.spool import LOCK, history
from runwire.spool.folder import read_json, write_json
from runwire.spool.lock import held

Resume = Literal["allow", "must", "never", "auto"]

#: The one wait that `init` may have for a server: where it was told to find out what only a server knows.
_ASK_SECONDS = 2.0

#: The runs that this process began: their locks must not be looked at, for closing its file lets go of one.
_own: set[str] = set()


@dataclass(frozen=True)
class Resumed:
    """The earlier run that one goes on with.

    Attributes:
        next_step: the step of the next row without one; None if that is not known.
        name, project: as it had them; None if that is not known.
    """

    next_step: int | None
    name: str | None = None
    project: str | None = None


def check(value: Any) -> Resume | None:
    """Return what ``resume=`` means; booleans are those of other trackers: True is "auto", False is None.

    Raises:
        ConfigError: it means nothing.
    """
    if isinstance(value, bool) or value is None:
        return "auto" if value else None
    if value not in get_args(Resume):
        raise ConfigError(f"resume is {value!r:.80}: expected one of {', '.join(get_args(Resume))}, or None")
    return value  # type: ignore[no-any-return]


def last_unfinished(place: Place, project: str, rank: int) -> str | None:
    """Return the id of the run that this program began last with ``resume="auto"``, if it did not finish."""
    run = read_json(_pointer(place.home, project, rank)).get("run")
    if not isinstance(run, str) or run in _own:
        return None
    past = history.written(place.home, run, rank)
    return None if past is None or past.finished or lives(place, run, rank) else run


def lives(place: Place, run: str, rank: int) -> bool:
    """Return whether another process goes on with a run and rank now, as far as this home tells."""
    past = history.written(place.home, run, rank)
    if past is None or run in _own:
        return False
    try:
        return any(held(spool / LOCK) for spool in history.spools(place.home, run, rank, past.attempt))
    except OSError:  # another user's, say
        return True


def note(how: Resume | None, place: Place, project: str, rank: int, run: str) -> None:
    """Take note of a run that this process begins, and write it down for ``resume="auto"``."""
    _own.add(run)
    if how != "auto":
        return
    with suppress(OSError):  # then a crash is not resumed by itself, which is no reason to stop the training
        path = _pointer(place.home, project, rank)
        path.parent.mkdir(parents=True, exist_ok=True)
        write_json(path, {"run": run})


def find(how: Resume | None, place: Place, run: str, rank: int) -> Resumed | None:
    """Return how far the run and rank was, None if it is new.

    The home is asked, and where that does not know the run and ``how`` was said, the server. For "never" it is this
    rank alone that must not have been there, and of a job of several processes nobody asks the server: what is there
    of others may be of this very launch.

    Raises:
        UsageError: there is no such run and ``how`` is "must", or there is one and it is "never".
    """
    past = history.recall(place.home, run, rank)
    found = Resumed(past.next_step, past.name, past.project) if past is not None else None
    if found is None and how != "never" and history.begun(place.home, run):
        found = Resumed(None)
    if found is None and how is not None and (how != "never" or (rank == 0 and _job.size() == 1)):
        found = _ask(place.home, run, how)
    if found is None and how == "must":
        raise UsageError(
            f'resume="must", but there is no run {run!r}: `runwire runs` lists them; resume="allow" begins a new one'
        )
    if found is not None and how == "never":
        raise UsageError(
            f'resume="never", but there is a run {run!r} already: leave id= out for a new one, or resume="allow" to go '
            "on with it"
        )
    return found


def _ask(home: Path, run: str, how: Resume) -> Resumed | None:
    """Ask the server for a run. If it does not answer, go on as is harmless, and say so."""
    import http.client  # noqa: PLC0415 -- takes longer than all else that init() loads, and is hardly ever needed
    import urllib.error  # noqa: PLC0415
    import urllib.request  # noqa: PLC0415

    url = _addresses.find_server(home)
    problem = "nothing says where a server is"
    if url is not None:
        request = urllib.request.Request(f"{url}/api/runs/{run}")  # noqa: S310 -- find() checked it
        try:
            _key.add(request, _key.find(url))
            with urllib.request.urlopen(request, timeout=_ASK_SECONDS) as answer:  # noqa: S310
                told = json.load(answer)
            if told.get("id") != run:  # it found another one by its name
                return None
            step = told.get("last_step")
            return Resumed(
                min(step + 1, 2**63 - 1) if isinstance(step, int) else None, told.get("name"), told.get("project")
            )
        except urllib.error.HTTPError as error:
            if error.code == 404:
                return None
            problem = f"the server at {url} answers {error.code}"
        except ConfigError as error:
            problem = str(error)
        except (OSError, ValueError, AttributeError, http.client.HTTPException) as error:
            problem = f"the server at {url} does not answer ({error})"
    if how in ("must", "never"):
        logger.warning('whether there is a run %s cannot be told (%s): going on as with resume="allow"', run, problem)
    return Resumed(None) if how == "must" else None


def _pointer(home: Path, project: str, rank: int) -> Path:
    """Return where it is written down which run this program began last, in this folder and project, as this rank."""
    program = json.dumps([project, rank, os.getcwd(), sys.argv[:1]])  # noqa: PTH109
    return home / "resume" / f"{hashlib.sha256(program.encode()).hexdigest()[:16]}.json"
