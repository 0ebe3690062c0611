"""Waiting at a run's end for the shipper to deliver what it logged, for a while."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from runwire._say import logger
from runwire.shipper.start import STATUS
from runwire.spool import DELIVERED
from runwire.spool.files import held, waiting
from runwire.spool.folder import META, read_json

_QUIET_SECONDS = 1.0
_POLL_SECONDS = 0.02
#: An alert about a run's very last values is waited for so long, so that it is printed where the run logs.
_ALERT_SECONDS = 1.0


def wait(
    folder: Path,
    spools: Path,
    kafka: str | None,
    server: str | None,
    *,
    seconds: float,
    printed: Callable[[], float],
) -> None:
    """Wait until the shipper has delivered the spool, but no longer than told; then say where the rest waits.

    Args:
        folder: the spool, whose last record is written.
        spools: the host's spools.
        kafka: where it is delivered, None if nobody knows: then there is nothing to wait for.
        server: where its files are delivered, None if nobody knows: then they are not waited for.
        seconds: how long it may take.
        printed: when an alert was last printed here, seconds since the epoch.
    """
    if kafka is None:
        seconds = 0.0
    began = time.monotonic()
    told = False
    try:
        while not (done := delivered(folder)) and time.monotonic() - began < seconds:
            if server is None and _carried(folder):
                break
            time.sleep(_POLL_SECONDS)
            if not told and time.monotonic() - began > _QUIET_SECONDS:
                told = True
                to = f"the server at {server}" if _carried(folder) else f"Kafka at {kafka}"
                logger.info("delivering %d kB to %s …", _waiting(folder) >> 10, to)
        if done:
            _await_alert(folder, printed, began + seconds)
            return
    except KeyboardInterrupt:
        _say_waiting(folder, spools, server)
        raise
    _say_waiting(folder, spools, server)


def delivered(folder: Path) -> bool:
    """Return whether all of a finished spool is delivered."""
    return bool(read_json(folder / DELIVERED).get("done")) or not (folder / META).exists()


def _carried(folder: Path) -> bool:
    """Return whether only files are left to deliver."""
    told = read_json(folder / DELIVERED)
    return bool(told.get("carried")) and not told.get("done")


def _await_alert(folder: Path, printed: Callable[[], float], deadline: float) -> None:
    alerting = read_json(folder / DELIVERED).get("alerting")
    if not isinstance(alerting, (int, float)):
        return
    alerting /= 1e6
    while printed() < alerting and time.time() < alerting + _ALERT_SECONDS and time.monotonic() < deadline:
        time.sleep(_POLL_SECONDS)


def _say_waiting(folder: Path, spools: Path, server: str | None) -> None:
    if server is None and _carried(folder):
        logger.warning(
            "%d files (%d kB) wait in %s, for nothing says where the server is: name it with RUNWIRE_SERVER or in the "
            "config file, and `runwire sync` delivers them",
            sum(1 for _ in waiting(folder)),
            max(_waiting(folder) >> 10, 1),
            folder,
        )
        return
    problem = read_json(spools / STATUS).get("problem")
    because = f" ({problem})" if isinstance(problem, str) and problem else ""
    logger.warning(
        "%d kB wait in %s%s; they are delivered as soon as that can be, `runwire sync` sees to it",
        max(_waiting(folder) >> 10, 1),
        folder,
        because,
    )


def _waiting(folder: Path) -> int:
    try:
        return held(folder)
    except OSError:
        return 0
