"""The states of alerts: what is pending, firing or resolved, who was told, and which of them are one incident.

An alert is identified by (rule, run, metric, rank), and by ``which`` where a rule speaks of more than one thing under
these. Each time that it fires anew it begins an episode. A record of `runwire.wire.Alert` is the whole state of one
alert; the one with the highest version holds, so the records are all that is needed to go on where a worker stopped.

Rules see what they judge: a pending alert is firing to them, and one that is over and kept firing is resolved.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import chain

from runwire.wire import Acknowledgement, Alert, Event, Silence, dumps
from runwire.wire.messages import Severity
from runwire_alerting import ranks as sets
from runwire_alerting.incidents import Incidents, judged
from runwire_alerting.policy import PLAIN, Policy, flaps, silences

_CASCADE_MAX = 50


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
    """Every alert of the runs that this worker watches, and of others those that are about hosts."""

    def __init__(self) -> None:
        self._alerts: dict[str, Alert] = {}
        #: By run, then by rule and metric, then by id. Most runs have none, and all are asked about at each pulse.
        self._runs: dict[str, dict[tuple[str, str], dict[str, Alert]]] = {}
        self._incidents = Incidents(self._alerts)
        self._policies: Mapping[str, Policy] = {}
        self._silences: dict[str, Silence] = {}
        #: Those to which time does something.
        self._timed: set[str] = set()
        #: Of firing alerts, the ranks to which it happened; and those whose record does not tell all of it yet.
        self._ranks: dict[str, set[int]] = {}
        self._grown: set[str] = set()
        #: How many alerts of each rule are firing.
        self.counts: Counter[str] = Counter()

    def __iter__(self) -> Iterator[Alert]:
        return iter(self._alerts.values())

    def arm(self, policies: Mapping[str, Policy]) -> None:
        """Go by other policies, by the rules' names."""
        self._policies = self._incidents.policies = policies

    def of(self, run: str, rule: str, metric: str = "") -> list[Alert]:
        """Return a rule's alerts about a run and metric, of whatever rank and state, as rules see them."""
        return [judged(alert) for alert in self._runs.get(run, {}).get((rule, metric), {}).values()]

    def own(self, run: str, rule: str, rank: int, metric: str = "") -> Alert | None:
        """Return a rule's alert about one rank, as rules see it. Rules that use ``which`` have more than one."""
        if run not in self._runs:
            return None
        return next((alert for alert in self.of(run, rule, metric) if alert.rank == rank), None)

    def firing(self, run: str, rule: str) -> list[Alert]:
        """Return a rule's alerts about a run that are firing, as rules see them, of whatever metric and rank."""
        known = self._runs.get(run, {}).items()
        alerts = (judged(alert) for (name, _), alerts in known if name == rule for alert in alerts.values())
        return [alert for alert in alerts if alert.state == "firing"]

    def fold(self, alert: Alert) -> None:
        """Take in a record that was published, in whatever order they are read."""
        known = self._alerts.get(alert.id)
        if known is None or known.version < alert.version:
            self._put(alert)

    def hear(self, alert: Alert) -> None:
        """Take in a record of a run that another worker watches: what is about a host concerns runs here, too."""
        self._incidents.hear(alert)

    def apply(self, verdict: Verdict, now: int) -> Alert | None:
        """Return the alert's new state, or None where the verdict changes nothing."""
        if isinstance(verdict, Resolve):
            return self._resolve(verdict, now)
        return self._fire(verdict, now)

    def settle(self, alert: Alert) -> Alert:
        """Return a state with all ranks to which the same happened since, if it is the present one."""
        return self._grow(alert) if alert.id in self._grown and self._alerts[alert.id] is alert else alert

    def delivered(self, notice: Alert, receiver: str, now: int) -> Alert | None:
        """Note that ``receiver`` (a digest) took a notice. Return the new state, None if it was of an older one."""
        alert = self._alerts.get(notice.id)
        if alert is None or alert.notice != notice.notice:
            return None
        return self._change(alert, delivered_at={**alert.delivered_at, receiver: now})

    def acknowledge(self, said: Acknowledgement) -> list[Alert]:
        """Note who sees to an alert. Return it if that is news."""
        alert = self._alerts.get(said.alert)
        if alert is None or alert.episode != said.episode or alert.state == "resolved" or alert.acknowledged_at:
            return []
        return [self._change(alert, acknowledged_at=said.at, acknowledged_by=said.by)]

    def silence(self, silence: Silence, now: int) -> list[Alert]:
        """Have nobody told of what a silence means. Return the alerts that it changes."""
        self._silences[silence.id] = silence
        standing = [alert for alert in self._alerts.values() if alert.state != "resolved"]
        changed = ((alert, self._silenced(alert, now)) for alert in standing)
        return [
            self._tell(self._change(alert, silenced_until=until), now)
            for alert, until in changed
            if until != alert.silenced_until
        ]

    def answered(self, event: Event) -> list[Alert]:
        """Note that a run answers a request to stop, or ended as it was asked to."""
        asked = [
            alert
            for alerts in self._runs.get(event.run, {}).values()
            for alert in alerts.values()
            if alert.stop_asked_at is not None
        ]
        if event.type == "stopping":
            at = event.data.get("asked_at")
            return [
                self._change(alert, stop_heard_at=event.ts)
                for alert in asked
                if alert.stop_asked_at == at and alert.stop_heard_at is None
            ]
        if event.data.get("stopped") is not True:
            return []
        return [
            self._change(alert, stop_obeyed_at=event.ts)
            for alert in asked
            if alert.stop_heard_at is not None and alert.stop_obeyed_at is None
        ]

    def tick(self, now: int) -> list[Alert]:
        """Return what time changes: what fires, is resolved, is told again or at last, and grew."""
        changed: dict[str, Alert] = {}
        for id_ in sorted(self._timed):
            alert = self._alerts[id_]
            after = self._pass(alert, now)
            if after.version != alert.version:
                changed[id_] = after
        for id_ in sorted(self._grown):
            changed[id_] = self._grow(self._alerts[id_])
        return list(changed.values())

    def _fire(self, fire: Fire, now: int) -> Alert | None:
        # One cause, one incident: while a rank's alert stands, other ranks with the same trouble join it.
        if fire.which is None:
            stands = next((one for one in self.of(fire.run, fire.rule, fire.metric) if one.state == "firing"), None)
            if stands is not None:
                self._join(stands.id, fire.rank)
                return None
        id_ = fire.id
        known = self._alerts.get(id_)
        if known is not None and judged(known).state == "firing":
            return None
        policy = self._policies.get(fire.rule, PLAIN)
        told = {
            "attempt": fire.attempt, "title": fire.title, "text": fire.text, "step": fire.step, "value": fire.value,
            "before": fire.before, "caused_at": fire.caused_at, "tags": fire.tags, "console": fire.console,
        }  # fmt: skip
        if known is not None and known.state == "firing":  # it was over, and not for long enough
            return self._change(known, **told, kept_until=None, flaps=known.flaps + 1)
        self._ranks[id_] = {fire.rank}
        alert = Alert(
            id=id_,
            episode=known.episode + 1 if known else 1,
            version=known.version if known else 0,
            state="pending" if policy.hold else "firing",
            held_until=now + policy.hold if policy.hold else None,
            fired_at=now,
            rule=fire.rule,
            severity=policy.severity or fire.severity,
            run=fire.run,
            project=fire.project,
            name=fire.name,
            host=fire.host,
            rank=fire.rank,
            metric=fire.metric,
            ranks=str(fire.rank),
            mode=policy.mode,
            flaps=flaps(known, now),
            incident=known.incident if known else "",  # so that the next one gets a name of its own
            **told,  # type: ignore[arg-type]
        )
        return self._begin(alert, now) if alert.state == "firing" else self._change(alert)

    def _begin(self, alert: Alert, now: int) -> Alert:
        """Have an alert fire: as a part of the incident that explains it, silenced, or told."""
        run = chain.from_iterable(alerts.values() for alerts in self._runs.get(alert.run, {}).values())
        cause = self._incidents.cause(alert, run)
        if cause is not None:
            if cause.id in self._alerts:
                self._grown.add(cause.id)
            return self._change(alert, part_of=cause.id, silenced_until=self._silenced(alert, now))
        return self._tell(self._change(alert, silenced_until=self._silenced(alert, now)), now)

    def _tell(self, alert: Alert, now: int) -> Alert:
        """Give out the notice that an alert fires, if somebody is to be told and was not."""
        if alert.standing != "firing" or alert.mode == "observe" or alert.part_of or alert.told_at is not None:
            return alert
        policy = self._policies.get(alert.rule, PLAIN)
        return self._change(
            alert,
            told_at=now,
            incident=self._incidents.name(alert),
            stop_asked_at=now if policy.stop else None,
        )

    def _resolve(self, resolve: Resolve, now: int) -> Alert | None:
        alert = self._alerts.get(resolve.alert.id)
        if alert is None or judged(alert).state != "firing" or alert.episode != resolve.alert.episode:
            return None
        alert = replace(
            alert,
            attempt=alert.attempt if resolve.attempt is None else resolve.attempt,
            text=f"{alert.text}\nResolved: {resolve.reason}",
        )
        keep = self._policies.get(alert.rule, PLAIN).keeps(alert)
        if keep and alert.state == "firing":
            return self._change(alert, kept_until=now + keep)
        return self._end(alert, now)

    def _end(self, alert: Alert, now: int) -> Alert:
        # Who was told that it fires is told that it is over, acknowledged and silenced or not.
        return self._change(
            alert,
            state="resolved",
            resolved_at=now,
            kept_until=None,
            held_until=None,
            delivered_at={},
            told_at=None if alert.told_at is None else now,
        )

    def _pass(self, alert: Alert, now: int) -> Alert:
        if alert.held_until is not None and alert.held_until <= now:
            alert = self._begin(replace(alert, state="firing", fired_at=now, held_until=None), now)
        if alert.kept_until is not None and alert.kept_until <= now:
            return self._end(alert, now)
        if alert.state != "firing":
            return alert
        if alert.silenced_until is not None and alert.silenced_until <= now:
            alert = self._tell(self._change(alert, silenced_until=self._silenced(alert, now)), now)
        if alert.part_of and self._incidents.unexplained(alert, now):
            alert = self._tell(self._change(alert, part_of=""), now)
        return alert

    def _silenced(self, alert: Alert, now: int) -> int | None:
        return max((one.until for one in self._silences.values() if silences(one, alert, now)), default=None)

    def _join(self, id_: str, rank: int) -> None:
        known = self._ranks.get(id_)
        if known is None:
            known = self._ranks[id_] = sets.parse(self._alerts[id_].ranks)
        if rank not in known:
            known.add(rank)
            self._grown.add(id_)

    def _grow(self, alert: Alert) -> Alert:
        self._grown.discard(alert.id)
        parts = [one for alerts in self._runs[alert.run].values() for one in alerts.values() if one.part_of == alert.id]
        if self._policies.get(alert.rule, PLAIN).hostwide:
            parts = [one for one in self._alerts.values() if one.part_of == alert.id]
        told = [
            {"id": one.id, "rule": one.rule, "run": one.run, "ranks": one.ranks, "caused_at": one.caused_at}
            for one in sorted(parts, key=lambda one: one.caused_at or one.fired_at)
        ]
        known = self._ranks.get(alert.id)
        return self._change(alert, ranks=sets.text(known) if known else alert.ranks, cascade=told[:_CASCADE_MAX])

    def _change(self, alert: Alert, **changes: object) -> Alert:
        alert = self._put(replace(alert, version=alert.version + 1, **changes))  # type: ignore[arg-type]
        if "ranks" in changes and alert.part_of in self._alerts:
            self._grown.add(alert.part_of)
        return alert

    def _put(self, alert: Alert) -> Alert:
        known = self._alerts.get(alert.id)
        self.counts[alert.rule] += (alert.state == "firing") - (known is not None and known.state == "firing")
        self._alerts[alert.id] = alert
        self._runs.setdefault(alert.run, {}).setdefault((alert.rule, alert.metric), {})[alert.id] = alert
        timed = alert.state != "resolved" and bool(
            alert.held_until or alert.kept_until or alert.silenced_until or alert.part_of
        )
        (self._timed.add if timed else self._timed.discard)(alert.id)
        if alert.state == "resolved":
            self._ranks.pop(alert.id, None)
            self._grown.discard(alert.id)
        return alert
