"""Which run an integration logs into."""

from __future__ import annotations

import runwire
from runwire.errors import RunFinishedError


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
