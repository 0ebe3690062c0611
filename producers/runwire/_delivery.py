"""Waiting at a run's end for the shipper to deliver what it logged, for a while."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from runwire._say import logger
from runwire.shipper.start import STATUS
from runwire.spool import DELIVERED
from runwire.spool.folder import META, read_json

_QUIET_SECONDS = 1.0
_POLL_SECONDS = 0.02
#: An alert about a run's very last values is waited for so long, so that it is printed where the run logs.
_ALERT_SECONDS = 1.0


def wait(folder: Path, spools: Path, kafka: str | None, seconds: float, printed: Callable[[], float]) -> None:
    """Wait until the shipper has delivered the spool, but no longer than told; then say where the rest waits.

    Args:
        folder: the spool, whose last record is written.
        spools: the host's spools.
        kafka: where it is delivered, None if nobody knows: then there is nothing to wait for.
        seconds: how long it may take.
        printed: when an alert was last printed here, seconds since the epoch.
    """
    if kafka is None:
        seconds = 0.0
    began = time.monotonic()
    told = False
    try:
        while not (done := delivered(folder)) and time.monotonic() - began < seconds:
            time.sleep(_POLL_SECONDS)
            if not told and time.monotonic() - began > _QUIET_SECONDS:
                told = True
                logger.info("delivering %d kB to Kafka at %s …", _waiting(folder) >> 10, kafka)
        if done:
            _await_alert(folder, printed, began + seconds)
            return
    except KeyboardInterrupt:
        _say_waiting(folder, spools)
        raise
    _say_waiting(folder, spools)


def delivered(folder: Path) -> bool:
    """Return whether all of a finished spool is delivered."""
    return bool(read_json(folder / DELIVERED).get("done")) or not (folder / META).exists()


def _await_alert(folder: Path, printed: Callable[[], float], deadline: float) -> None:
    alerting = read_json(folder / DELIVERED).get("alerting")
    if not isinstance(alerting, (int, float)):
        return
    alerting /= 1e6
    while printed() < alerting and time.time() < alerting + _ALERT_SECONDS and time.monotonic() < deadline:
        time.sleep(_POLL_SECONDS)


def _say_waiting(folder: Path, spools: Path) -> None:
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
        return sum(path.stat().st_size for path in folder.glob("*.seg"))
    except OSError:
        return 0
