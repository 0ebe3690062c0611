"""What integrations have in common: which run they log into, how often, and whether it was asked to stop."""

from __future__ import annotations

import operator
from typing import Any

import runwire
from runwire._say import logger
from runwire.errors import RunFinishedError, UsageError


def chosen(run: runwire.Run | None, what: str) -> runwire.Run:
    """Return the run that was given, else the current one.

    Args:
        run: as it was given to an integration.
        what: how the integration is called, for the error.

    Raises:
        RunFinishedError: there is none.
    """
    found = run if run is not None else runwire.run
    if found is None:
        raise RunFinishedError(f"There is no run: call runwire.init() before {what}, or pass it a run")
    return found


def period(every: Any, what: str) -> int:
    """Return after how many of something an integration logs each time.

    Args:
        every: as it was given to an integration.
        what: what it may be, for the error.

    Raises:
        UsageError: it is no whole number, or less than 1.
    """
    try:
        number = operator.index(every)
    except TypeError:
        number = 0
    if number < 1:
        raise UsageError(f"every is {every!r:.80}: pass {what}")
    return number


def asked_to_stop(run: runwire.Run) -> bool:
    """Return whether a run was asked to stop; who is told so ends the training, which is said here.

    Args:
        run: the run; a finished one is asked nothing any more.
    """
    if run.finished or not run.should_stop:
        return False
    logger.warning("the training ends here, as run %s was asked to stop", run.name)
    return True
