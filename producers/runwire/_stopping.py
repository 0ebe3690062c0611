"""A run's being stopped: that it was asked to, that its end is planned, and whether it then ended by that."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from runwire import _values
from runwire._say import logger
from runwire.errors import Stopped

if TYPE_CHECKING:
    from runwire.wire import StopRequest  # loaded by the first that comes

#: What a shell says of a process that ended by SIGTERM; handlers of it often end by that code.
EXIT_SIGTERM = 143
#: So long a planned stop may take unless told: clouds give 30 to 120 s between notice and end.
GRACE_SECONDS = 120.0
_REASON_MAX = 200
_SIGTERM_SECONDS = 1.0


class Stopping:
    """What one run knows of its stop.

    Args:
        run: how people call it.
        tell: records an event.
        raises: whether `log` is to raise `Stopped`.

    Attributes:
        asked: whether it was asked to stop.
        due: the request for which `log` has still to raise.
    """

    def __init__(self, run: str, tell: Callable[[str, dict[str, Any]], None], *, raises: bool) -> None:
        self._run, self._tell, self._raises = run, tell, raises
        self.asked = False
        self.due: StopRequest | None = None
        self._seen = self._stopped = False
        self._planned_until = 0
        self._answered: set[int] = set()

    def ask(self, request: StopRequest) -> None:
        """Take in a request, and answer it; the companion calls it, from its own thread."""
        if request.asked_at in self._answered:
            return
        self._answered.add(request.asked_at)
        self._tell("stopping", {"by": request.by, "reason": request.reason, "asked_at": request.asked_at})
        because = f": {request.reason}" if request.reason else ""
        then = "the next log() raises runwire.Stopped" if self._raises else "run.should_stop is True from here on"
        logger.warning("%s asks this run to stop%s (%s)", request.by, because, then)
        if not self.asked and self._raises:
            self.due = request
        self.asked = True

    def seen(self) -> bool:
        """Return whether the run was asked to stop, to the training, which knows it then."""
        self._seen |= self.asked
        return self.asked

    def obey(self) -> None:
        """Raise what `log` owes, once.

        Raises:
            Stopped: it is owed.
        """
        request, self.due = self.due, None
        if request is not None:
            self._seen = True
            because = f": {request.reason}" if request.reason else ""
            raise Stopped(
                f"{request.by} asked run {self._run} to stop{because}. Let this end the program, or catch "
                "runwire.Stopped to save what is to be kept; it is raised once",
                by=request.by,
                reason=request.reason,
            )

    def plan(self, reason: str, grace: float) -> None:
        """Say that whatever ends the process within ``grace`` seconds is meant."""
        self._planned_until = _now() + round(grace * 1e6)
        told = str(_values.plain(reason))[:_REASON_MAX]
        self._tell("planned_stop", {"reason": told, "until": self._planned_until})

    def raised(self, error: BaseException) -> dict[str, Any] | None:
        """Return what the exception that ends the run tells of a stop; None if it is the stop itself, and no error."""
        if isinstance(error, Stopped):
            self._stopped = True
            return None
        return self._told(_now() <= self._planned_until)

    def finished(self, exit_code: int) -> dict[str, Any]:
        """Return what the finish tells of a stop."""
        if exit_code == EXIT_SIGTERM and not self._planned_until:
            self.plan("SIGTERM", _SIGTERM_SECONDS)
        obeyed = self._stopped or (self._seen and exit_code == 0)
        return self._told(obeyed or _now() <= self._planned_until)

    @staticmethod
    def _told(stopped: bool) -> dict[str, Any]:  # noqa: FBT001 -- the only thing that it is told
        return {"stopped": True} if stopped else {}


def _now() -> int:
    return time.time_ns() // 1000
