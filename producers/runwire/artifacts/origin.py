"""Who logged an artifact, and the wait until the pipeline has made it a version."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from runwire.artifacts.reference import Reference
from runwire.artifacts.remote import Remote
from runwire.errors import UnavailableError

_POLL_SECONDS_MIN, _POLL_SECONDS_MAX = 0.05, 1.0


@dataclass(frozen=True)
class Origin:
    """Who logs an artifact, and in which home and mode."""

    run: str
    rank: int
    project: str
    home: Path
    mode: str


def await_version(
    origin: Origin, artifact: str, seq: Callable[[], int | None], timeout: float | None
) -> tuple[Remote, Mapping[str, Any]]:
    """Wait until what was logged is a version; return the server that has it, and what that tells of it.

    Args:
        origin: who logged it.
        artifact: its name.
        seq: tells where in the run it was logged; None as long as that is not written.
        timeout: at most so many seconds; None for as long as it takes.

    Raises:
        UnavailableError: there is none in that time; the message says why.
    """
    end = None if timeout is None else time.monotonic() + timeout
    pause = _POLL_SECONDS_MIN
    while True:
        try:
            remote, place = Remote.find(origin.home), seq()
            found = None if place is None else remote.logged(origin.run, origin.rank, place)
            if found is not None:
                return remote, remote.version(Reference(origin.project, artifact, f"v{found['version']}"))
            problem = "its files are still on their way"
        except UnavailableError as error:
            problem = str(error)
        if end is not None and time.monotonic() > end:
            raise UnavailableError(
                f"the artifact {artifact} has no version after {timeout:g} s: {problem}. It is delivered as soon "
                "as that can be; `runwire status` says what waits. Wait again, or longer by wait(timeout=…)"
            )
        time.sleep(pause)
        pause = min(2 * pause, _POLL_SECONDS_MAX)
