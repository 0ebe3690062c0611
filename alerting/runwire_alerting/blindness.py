"""That alerting itself cannot see: an alert of its own, about a worker and no run.

It goes to the receivers directly and not through Kafka, which may be why nothing is seen. The last that was told of it
lies in a file, so whoever goes on under the worker's name tells of the end. Times are microseconds since the epoch.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from runwire.errors import WireError
from runwire.wire import Alert, dumps, loads
from runwire_alerting.verdicts import identity

RULE = "blind"
_SECOND = 1_000_000
#: Who looks each second and has not for so long stood still: its process was frozen, or its host slept.
_LOOK_GAP_MAX = 5 * _SECOND


class Blindness:
    """Follows whether a worker sees.

    Args:
        worker: its name.
        file: where is kept what was told.
        after: for how many seconds it may be blind before that is told.
        now: when it begins.

    Attributes:
        alert: the last that was told; None if it was never blind.
        seconds: for how long it has been blind, 0 if it is not.
    """

    def __init__(self, worker: str, file: Path, after: float, now: int) -> None:
        self._worker, self._file, self._after = worker, file, after
        self._seen = self._looked = now
        self.alert = _read(file)
        self.seconds = 0.0

    def look(self, reason: str | None, now: int) -> Alert | None:
        """Take in why not all is seen, None if it is. Return what is to be told, None for nothing."""
        if now - self._looked > _LOOK_GAP_MAX:
            reason = f"it stood still for {(now - self._looked) / _SECOND:.0f} s"
        self._looked = now
        self.seconds = 0.0 if reason is None else max(now - self._seen, 0) / _SECOND
        stands = self.alert if self.alert is not None and self.alert.state == "firing" else None
        if reason is None:
            self._seen = now
            return self._end(stands, now) if stands is not None else None
        return self._begin(reason, now) if stands is None and self.seconds >= self._after else None

    def delivered(self, notice: Alert, receiver: str, now: int) -> None:
        """Note that a receiver (its digest) took a notice, if it was one of this alert's present state."""
        if self.alert is not None and self.alert.notice == notice.notice:
            self._keep(replace(self.alert, delivered_at={**self.alert.delivered_at, receiver: now}))

    def _begin(self, reason: str, now: int) -> Alert:
        known = self.alert
        return self._keep(
            Alert(
                id=identity(RULE, self._worker, "", None, 0),
                episode=known.episode + 1 if known else 1,
                state="firing",
                rule=RULE,
                severity="critical",
                run="",
                project="",
                name="",
                host=self._worker,
                title=f"Alerting has not seen everything for {self.seconds:.0f} s",
                text=f"The alerting worker {self._worker} does not see what the runs do that it watches: {reason}. Of "
                "what went wrong meanwhile it tells late, and of silence only once it sees again.",
                fired_at=now,
                version=known.version + 1 if known else 1,
                caused_at=self._seen,
                told_at=now,
            )
        )

    def _end(self, alert: Alert, now: int) -> Alert:
        text = f"{alert.text}\nResolved: everything is in sight again."
        over = replace(alert, state="resolved", text=text, resolved_at=now, told_at=now, delivered_at={})
        return self._keep(replace(over, version=over.version + 1))

    def _keep(self, alert: Alert) -> Alert:
        self.alert = alert
        part = self._file.with_suffix(".part")
        with suppress(OSError):  # on a full disk it is told all the same
            part.write_bytes(dumps(vars(alert)))
            part.replace(self._file)
        return alert


def _read(file: Path) -> Alert | None:
    # Not by `Alert.parse`: each alert in Kafka is about a run.
    with suppress(OSError, WireError, TypeError):
        return Alert(**loads(file.read_bytes()))
    return None
