"""The states of alerts: what is firing, what was, and which notices are still owed.

An alert is identified by (rule, run, metric, rank), and by ``which`` where a rule speaks of more than one thing under
these. Each time that it fires anew it begins an episode. A record of `runwire.wire.Alert` is the whole state of one
alert; the one with the highest version holds.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from runwire.wire import Alert, dumps
from runwire.wire.messages import Severity


def identity(rule: str, run: str, metric: str, rank: int | None, which: int | None = None) -> str:
    """Return the id of an alert: 16 hexadecimal digits."""
    return hashlib.sha256(dumps([rule, run, metric, rank, which])).hexdigest()[:16]


@dataclass(frozen=True)
class Fire:
    """A rule's verdict: this is wrong, since ``caused_at`` (microseconds, by the clock of the host where it is)."""

    rule: str
    run: str
    rank: int
    attempt: int
    title: str
    text: str
    severity: Severity
    caused_at: int
    project: str = ""
    name: str = ""
    host: str = ""
    metric: str = ""
    which: int | None = None
    step: int | None = None
    value: float | None = None
    before: list[tuple[int, float]] = field(default_factory=list)
    tags: list[str] = field(default_factory=list)
    console: list[str] = field(default_factory=list)

    @property
    def id(self) -> str:
        """Return the id of the alert that this is about."""
        return identity(self.rule, self.run, self.metric, self.rank, self.which)


@dataclass(frozen=True)
class Resolve:
    """A rule's verdict: what ``alert`` is about is over, by the doings of ``attempt``."""

    alert: Alert
    attempt: int | None
    reason: str


Verdict = Fire | Resolve


class Book:
    """Every alert of the runs that this worker watches."""

    def __init__(self) -> None:
        self._alerts: dict[str, Alert] = {}
        #: By run, then by rule and metric, then by id. Most runs have none, and all are asked about at each pulse.
        self._runs: dict[str, dict[tuple[str, str], dict[str, Alert]]] = {}
        #: How many alerts of each rule are firing.
        self.counts: Counter[str] = Counter()

    def __iter__(self) -> Iterator[Alert]:
        return iter(self._alerts.values())

    def of(self, run: str, rule: str, metric: str = "") -> list[Alert]:
        """Return a rule's alerts about a run and metric, of whatever rank and state."""
        return list(self._runs.get(run, {}).get((rule, metric), {}).values())

    def own(self, run: str, rule: str, rank: int, metric: str = "") -> Alert | None:
        """Return a rule's alert about one rank, of whatever state. Rules that use ``which`` have more than one."""
        if run not in self._runs:
            return None
        return next((alert for alert in self.of(run, rule, metric) if alert.rank == rank), None)

    def firing(self, run: str, rule: str) -> list[Alert]:
        """Return a rule's alerts about a run that are firing, of whatever metric and rank."""
        known = self._runs.get(run, {}).items()
        alerts = (alert for (name, _), alerts in known if name == rule for alert in alerts.values())
        return [alert for alert in alerts if alert.state == "firing"]

    def fold(self, alert: Alert) -> None:
        """Take in a record that was published, in whatever order they are read."""
        known = self._alerts.get(alert.id)
        if known is None or known.version < alert.version:
            self._put(alert)

    def apply(self, verdict: Verdict, now: int) -> Alert | None:
        """Return the alert's new state, or None where the verdict changes nothing."""
        if isinstance(verdict, Resolve):
            return self._resolve(verdict, now)
        return self._fire(verdict, now)

    def delivered(self, notice: Alert, receiver: str, now: int) -> Alert | None:
        """Note that ``receiver`` (a digest) took a notice. Return the new state, None if it was of an older one."""
        alert = self._alerts.get(notice.id)
        if alert is None or (alert.episode, alert.state) != (notice.episode, notice.state):
            return None
        return self._put(replace(alert, version=alert.version + 1, delivered_at={**alert.delivered_at, receiver: now}))

    def _fire(self, fire: Fire, now: int) -> Alert | None:
        # One cause, one incident: while a rank's alert stands, other ranks with the same trouble join it.
        if fire.which is None and any(alert.state == "firing" for alert in self.of(fire.run, fire.rule, fire.metric)):
            return None
        id_ = fire.id
        known = self._alerts.get(id_)
        if known is not None and known.state == "firing":
            return None
        return self._put(
            Alert(
                id=id_,
                episode=known.episode + 1 if known else 1,
                version=known.version + 1 if known else 1,
                state="firing",
                fired_at=now,
                rule=fire.rule,
                severity=fire.severity,
                run=fire.run,
                project=fire.project,
                name=fire.name,
                host=fire.host,
                title=fire.title,
                text=fire.text,
                rank=fire.rank,
                attempt=fire.attempt,
                metric=fire.metric,
                step=fire.step,
                value=fire.value,
                before=fire.before,
                tags=fire.tags,
                console=fire.console,
                caused_at=fire.caused_at,
            )
        )

    def _resolve(self, resolve: Resolve, now: int) -> Alert | None:
        alert = self._alerts.get(resolve.alert.id)
        if alert is None or alert.state != "firing" or alert.episode != resolve.alert.episode:
            return None
        return self._put(
            replace(
                alert,
                state="resolved",
                version=alert.version + 1,
                resolved_at=now,
                attempt=alert.attempt if resolve.attempt is None else resolve.attempt,
                text=f"{alert.text}\nResolved: {resolve.reason}",
                delivered_at={},
            )
        )

    def _put(self, alert: Alert) -> Alert:
        known = self._alerts.get(alert.id)
        self.counts[alert.rule] += (alert.state == "firing") - (known is not None and known.state == "firing")
        self._alerts[alert.id] = alert
        self._runs.setdefault(alert.run, {}).setdefault((alert.rule, alert.metric), {})[alert.id] = alert
        return alert
