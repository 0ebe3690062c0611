"""Which alerts are one incident: what follows from a cause, and the runs of a host."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from itertools import chain

from runwire.wire import Alert, dumps
from runwire_alerting.policy import PLAIN, SECOND, Policy

#: What follows from a cause within this time after it (a collective's time-out is 10 minutes, or 30) is its doing ...
_CASCADE = 1800 * SECOND
#: ... and so is what began a moment before it: clocks differ, and a stall counts from the last step.
_BEFORE = 600 * SECOND
#: What a cause explained is told by itself if it still stands so long after the cause is over.
_GRACE = 60 * SECOND
#: Runs of one host that were last heard of within this time are lost with it.
_TOGETHER = 60 * SECOND


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
        alerts: those of the runs that this worker watches, by id; may change at any time.

    Attributes:
        policies: what holds for alerts, by their rules' names.
    """

    def __init__(self, alerts: Mapping[str, Alert]) -> None:
        self.policies: Mapping[str, Policy] = {}
        self._alerts = alerts
        self._abroad: dict[str, Alert] = {}

    def hear(self, alert: Alert) -> None:
        """Take in a record of a run that another worker watches; only those about hosts are kept."""
        known = self._abroad.get(alert.id)
        if alert.incident and (known is None or known.version < alert.version):
            self._abroad[alert.id] = alert

    def cause(self, alert: Alert, run: Iterable[Alert]) -> Alert | None:
        """Return the alert that explains one that fires, the first cause where there is a chain.

        Args:
            alert: the one that fires.
            run: all alerts about its run.
        """
        policy = self.policies.get(alert.rule, PLAIN)
        at = alert.caused_at or alert.fired_at
        if policy.follows:
            for one in run:
                kind = self.policies.get(one.rule, PLAIN).kind or one.rule
                since = one.caused_at or one.fired_at
                if (
                    kind in policy.follows
                    and one.mode == "notify"
                    and judged(one).state == "firing"
                    and since - _BEFORE <= at <= since + _CASCADE
                ):
                    root = self._alerts.get(one.part_of, one)
                    return None if root.id == alert.id else root
        if policy.hostwide and alert.host:
            for one in self._host(alert):
                told = one.state == "firing" and one.told_at is not None and not one.part_of
                if told and abs(at - (one.caused_at or one.fired_at)) <= _TOGETHER:
                    return one
        return None

    def name(self, alert: Alert) -> str:
        """Return under what an alert's notices are known, "" for its id and episode.

        Two workers may find at the same moment that a host is lost on which runs of both are: each tells of it, by the
        same name, so receivers take it once.
        """
        if not self.policies.get(alert.rule, PLAIN).hostwide or not alert.host:
            return ""
        host = hashlib.sha256(dumps([alert.rule, alert.host])).hexdigest()[:16]
        own = [alert] if alert.incident else []
        numbers = [int(one.incident.rpartition("-")[2]) for one in chain(own, self._host(alert))]
        return f"{host}-{max(numbers, default=0) + 1}"

    def unexplained(self, alert: Alert, now: int) -> bool:
        """Return whether the cause of an alert is over, and has been for so long that it is none any more."""
        cause = self._alerts.get(alert.part_of) or self._abroad.get(alert.part_of)
        return cause is None or (cause.state == "resolved" and (cause.resolved_at or 0) + _GRACE <= now)

    def _host(self, alert: Alert) -> Iterator[Alert]:
        """Yield the alerts, here and abroad, by which somebody was told of this alert's host, too."""
        for one in chain(self._alerts.values(), self._abroad.values()):
            if one.incident and (one.rule, one.host) == (alert.rule, alert.host) and one.id != alert.id:
                yield one
