"""Which alerts are one incident: what follows from a cause, and the runs of a host."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import chain

from runwire.wire import Alert, dumps
from runwire.wire.messages import Severity
from runwire_alerting.policy import KEPT, PLAIN, SECOND, Policy, last
from runwire_alerting.shelf import Shelf

#: What follows from a cause within this time after it (a collective's time-out is 10 minutes, or 30) is its doing ...
_CASCADE = 1800 * SECOND
#: ... and so is what began a moment before it: clocks differ, and a stall counts from the last step.
_BEFORE = 600 * SECOND
#: What a cause explained is told by itself if it still stands so long after the cause is over.
_GRACE = 60 * SECOND
#: Runs of one host that were last heard of within this time are lost with it.
_TOGETHER = 60 * SECOND
_HOUR = 3600 * SECOND
_WEIGHTS: Mapping[Severity, int] = {"info": 0, "warning": 1, "critical": 2}


def judged(alert: Alert) -> Alert:
    """Return an alert as rules see it: a pending one is firing, and one that is over and kept firing is resolved."""
    if alert.state == "pending":
        return replace(alert, state="firing")
    if alert.kept_until is not None and alert.state == "firing":
        return replace(alert, state="resolved")
    return alert


class Incidents:
    """Finds the alert by which an incident is told.

    Args:
        alerts: those of the runs that this worker watches; may change at any time.

    Attributes:
        policies: what holds for alerts, by their rules' names.
    """

    def __init__(self, alerts: Shelf) -> None:
        self.policies: Mapping[str, Policy] = {}
        self._alerts = alerts
        self._abroad = Shelf()

    def hear(self, alert: Alert) -> None:
        """Take in a record of a run that another worker watches; only those about hosts are kept."""
        known = self._abroad.get(alert.id)
        if alert.incident and (known is None or known.version < alert.version):
            self._abroad.put(alert)

    def cause(self, alert: Alert) -> Alert | None:
        """Return the alert that explains one that fires, the first cause where there is a chain.

        Somebody was told of it: what nobody knows of explains nothing. And it is as severe at least, for who is told of
        what is critical may not be told of what is not.
        """
        for one in chain(self._own(alert), self._host(alert)):
            root = (self._known(one.part_of) if one.part_of else one) or one
            told = root.state == "firing" and root.told_at is not None
            if told and root.id != alert.id and _WEIGHTS[root.severity] >= _WEIGHTS[alert.severity]:
                return root
        return None

    def name(self, alert: Alert) -> str:
        """Return under what an alert's notices are known, "" for its id and episode.

        Two workers may find at the same moment that a host is lost on which runs of both are: each tells of it, by the
        same name, so receivers take it once. The first is numbered by the hour, for those before may be forgotten.
        """
        if not self._policy(alert).hostwide or not alert.host:
            return ""
        host = hashlib.sha256(dumps([alert.rule, alert.host])).hexdigest()[:16]
        known = chain(self._alerts.host(alert.rule, alert.host), self._abroad.host(alert.rule, alert.host))
        numbers = [int(one.incident.rpartition("-")[2]) for one in chain(known, [alert]) if one.incident]
        return f"{host}-{max(numbers) + 1 if numbers else alert.fired_at // _HOUR}"

    def unexplained(self, alert: Alert, now: int) -> bool:
        """Return whether the cause of an alert is over, and has been for so long that it is none any more."""
        cause = self._known(alert.part_of)
        if cause is None:
            return True
        # One that was closed for its age (`Book.expire`) explains as before.
        return cause.state == "resolved" and not cause.closed and (cause.resolved_at or 0) + _GRACE <= now

    def expire(self, now: int) -> None:
        """Forget what was heard long ago."""
        for alert in [alert for alert in self._abroad if now - last(alert) > KEPT]:
            self._abroad.drop(alert.id)

    def _own(self, alert: Alert) -> Iterator[Alert]:
        """Yield the alerts of the same run that may explain one."""
        follows = self._policy(alert).follows
        for one in self._alerts.run(alert.run):
            if one.kept_until is not None and (one.rule, one.metric) == (alert.rule, alert.metric):
                yield one  # ranks take turns: it is the same trouble, which is not over
            elif (one.kind or one.rule) in follows and judged(one).state == "firing" and _precedes(one, alert):
                yield one

    def _host(self, alert: Alert) -> Iterator[Alert]:
        """Yield the alerts, here and abroad, by which somebody was told of the same loss of this alert's host."""
        if not self._policy(alert).hostwide or not alert.host:
            return
        known = chain(self._alerts.host(alert.rule, alert.host), self._abroad.host(alert.rule, alert.host))
        for one in known:
            if not one.part_of and abs(_since(alert) - _since(one)) <= _TOGETHER:
                yield one

    def _known(self, id_: str) -> Alert | None:
        return self._alerts.get(id_) or self._abroad.get(id_)

    def _policy(self, alert: Alert) -> Policy:
        return self.policies.get(alert.rule, PLAIN)


def _since(alert: Alert) -> int:
    return alert.caused_at or alert.fired_at


def _precedes(cause: Alert, alert: Alert) -> bool:
    """Return whether one alert began so before another that the other may have followed from it.

    Clocks of two hosts cannot be compared: there it counts when we heard of the one and of the other.
    """
    if cause.host == alert.host:
        return _since(cause) - _BEFORE <= _since(alert) <= _since(cause) + _CASCADE
    return alert.fired_at <= cause.fired_at + _CASCADE
