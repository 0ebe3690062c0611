"""The states of alerts: what is pending, firing or resolved, who was told, and which of them are one incident.

An alert is identified by (rule, run, metric, rank), and by ``which`` where a rule speaks of more than one thing under
these. Each time that it fires anew it begins an episode. A record of `runwire.wire.Alert` is the whole state of one
alert; the one with the highest version holds, so the records are all that is needed to go on where a worker stopped.

Rules see what they judge: a pending alert is firing to them, and one that is over and kept firing is resolved.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace

from runwire.wire import Acknowledgement, Alert, Event, Silence
from runwire_alerting.company import Company
from runwire_alerting.incidents import Incidents, judged
from runwire_alerting.policy import KEPT, KEPT_DAYS, PLAIN, SECOND, Policy, flaps, last
from runwire_alerting.shelf import Shelf
from runwire_alerting.silences import Silences
from runwire_alerting.verdicts import Fire, Resolve, Verdict

__all__ = ["Book", "Fire", "Resolve", "Verdict"]

_CASCADE_MAX = 50
#: So often it is looked for what is too old to be kept.
_LOOK = 60 * SECOND


class Book:
    """Every alert of the runs that this worker watches, and of others those that are about hosts."""

    def __init__(self) -> None:
        self._shelf = Shelf()
        self._incidents = Incidents(self._shelf)
        self._policies: Mapping[str, Policy] = {}
        self._silences = Silences()
        #: Those to which time does something.
        self._timed: set[str] = set()
        self._company = Company()
        self._looked = 0

    def __iter__(self) -> Iterator[Alert]:
        return iter(self._shelf)

    @property
    def counts(self) -> Counter[str]:
        """Return how many alerts of each rule are firing."""
        return self._shelf.firing

    def arm(self, policies: Mapping[str, Policy]) -> None:
        """Go by other policies, by the rules' names."""
        self._policies = self._incidents.policies = policies

    def of(self, run: str, rule: str, metric: str = "") -> list[Alert]:
        """Return a rule's alerts about a run and metric, of whatever rank and state, as rules see them."""
        return [judged(alert) for alert in self._shelf.place(run, rule, metric)]

    def own(self, run: str, rule: str, rank: int, metric: str = "") -> Alert | None:
        """Return a rule's alert about one rank, as rules see it. Rules that use ``which`` have more than one."""
        return next((judged(one) for one in self._shelf.place(run, rule, metric) if one.rank == rank), None)

    def firing(self, run: str, rule: str) -> list[Alert]:
        """Return a rule's alerts about a run that are firing, as rules see them, of whatever metric and rank."""
        alerts = (judged(alert) for alert in self._shelf.run(run) if alert.rule == rule)
        return [alert for alert in alerts if alert.state == "firing"]

    def troubles(self, run: str, *kinds: str) -> list[Alert]:
        """Return a run's firing alerts by rules of some kinds, whatever the rules are called, as rules see them."""
        alerts = (judged(alert) for alert in self._shelf.run(run) if (alert.kind or alert.rule) in kinds)
        return [alert for alert in alerts if alert.state == "firing"]

    def fold(self, alert: Alert) -> None:
        """Take in a record that was published, in whatever order they are read."""
        known = self._shelf.get(alert.id)
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
        return self._grow(alert) if alert.id in self._company.grown and self._shelf.get(alert.id) is alert else alert

    def delivered(self, notice: Alert, receiver: str, now: int) -> Alert | None:
        """Note that ``receiver`` (a digest) took a notice. Return the new state, None if it was of an older one."""
        alert = self._shelf.get(notice.id)
        if alert is None or alert.notice != notice.notice:
            return None
        return self._change(alert, delivered_at={**alert.delivered_at, receiver: now})

    def acknowledge(self, said: Acknowledgement) -> list[Alert]:
        """Note who sees to an alert. Return it if that is news."""
        alert = self._shelf.get(said.alert)
        if alert is None or alert.episode != said.episode or alert.state == "resolved" or alert.acknowledged_at:
            return []
        return [self._change(alert, acknowledged_at=said.at, acknowledged_by=said.by)]

    def silence(self, silence: Silence, now: int) -> list[Alert]:
        """Have nobody told of what a silence means. Return the alerts that it changes."""
        self._silences.take(silence)
        standing = [alert for alert in self if alert.state != "resolved"]
        changed = ((alert, self._silences.until(alert, now)) for alert in standing)
        return [
            self._tell(self._change(alert, silenced_until=until), now)
            for alert, until in changed
            if until != alert.silenced_until
        ]

    def answered(self, event: Event) -> list[Alert]:
        """Note that a run answers a request to stop, or ended as it was asked to."""
        asked = [alert for alert in self._shelf.run(event.run) if alert.stop_asked_at is not None]
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
            alert = self._shelf[id_]
            after = self._pass(alert, now)
            if after.version != alert.version:
                changed[id_] = after
        for id_ in sorted(self._company.grown):
            changed[id_] = self._grow(self._shelf[id_])
        return list(changed.values())

    def end(self, alert: Alert, reason: str, now: int) -> Alert:
        """Have an alert be over, whatever its rule would say of it."""
        return self._end(replace(alert, text=f"{alert.text}\nResolved: {reason}"), now)

    def expire(self, now: int, lives: Callable[[str], bool]) -> tuple[list[Alert], list[str]]:
        """Forget what has been over for long, and close what stands though nothing has come of it for as long.

        Looks once a minute. Who was told of what is closed is not told: nothing happened.

        Args:
            now: the time.
            lives: says whether a run is heard of. The alerts of one that is stay, but for messages, which are no
                states of it.

        Returns:
            The alerts that are closed, and the ids of those that are forgotten.
        """
        if now - self._looked < _LOOK:
            return [], []
        self._looked = now
        self._silences.expire(now)
        self._incidents.expire(now)
        old = [
            alert
            for alert in self
            if now - last(alert) > KEPT and (self._policy(alert).message or not lives(alert.run))
        ]
        gone = [alert.id for alert in old if alert.state == "resolved"]
        for id_ in gone:
            self._shelf.drop(id_)
        over = {"state": "resolved", "resolved_at": now, "kept_until": None, "held_until": None}
        why = f"\nResolved: nothing has come of it for {KEPT_DAYS} days."
        standing = [alert for alert in old if alert.state != "resolved"]
        return [self._change(alert, **over, text=alert.text + why) for alert in standing], gone

    def _fire(self, fire: Fire, now: int) -> Alert | None:
        # One cause, one incident: while a rank's alert stands, other ranks with the same trouble join it.
        if fire.which is None:
            stands = next((one for one in self.of(fire.run, fire.rule, fire.metric) if one.state == "firing"), None)
            if stands is not None:
                self._company.join(self._shelf[stands.id], fire.rank)
                return None
        known = self._before(fire)
        if known is not None and judged(known).state == "firing":
            return None
        if known is not None and known.state == "firing":  # it was over, and not for long enough
            return self._tell(self._change(known, **fire.told, kept_until=None, flaps=known.flaps + 1), now)
        often = flaps(self._shelf.place(fire.run, fire.rule, fire.metric), now)
        alert = fire.begin(known, self._policies.get(fire.rule, PLAIN), often, now)
        return self._begin(alert, now) if alert.state == "firing" else self._change(alert)

    def _before(self, fire: Fire) -> Alert | None:
        """Return what is known of the alert that fires."""
        if fire.which is not None:
            return self._shelf.get(fire.id)
        own = self._shelf.place(fire.run, fire.rule, fire.metric)
        return next((one for one in own if one.rank == fire.rank), None)

    def _begin(self, alert: Alert, now: int) -> Alert:
        """Have an alert fire: as a part of the incident that explains it, silenced, or told."""
        silenced = self._silences.until(alert, now)
        cause = self._incidents.cause(alert)
        if cause is not None:
            if cause.id in self._shelf:
                self._company.grown.add(cause.id)
            return self._change(alert, part_of=cause.id, silenced_until=silenced)
        return self._tell(self._change(alert, silenced_until=silenced), now)

    def _tell(self, alert: Alert, now: int) -> Alert:
        """Give out the notice that an alert fires, if somebody is to be told and was not, and it is not over."""
        if alert.standing != "firing" or alert.mode == "observe" or alert.part_of or alert.told_at is not None:
            return alert
        if alert.kept_until is not None:
            return alert
        policy = self._policy(alert)
        return self._change(
            alert,
            told_at=now,
            incident=self._incidents.name(alert),
            stop_asked_at=now if policy.stop else None,
        )

    def _resolve(self, resolve: Resolve, now: int) -> Alert | None:
        alert = self._shelf.get(resolve.alert.id)
        if alert is None or judged(alert).state != "firing" or alert.episode != resolve.alert.episode:
            return None
        alert = replace(
            alert,
            attempt=alert.attempt if resolve.attempt is None else resolve.attempt,
            over_at=resolve.at,
            text=f"{alert.text}\nResolved: {resolve.reason}",
        )
        keep = self._policy(alert).keeps(alert)
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
            alert = self._tell(self._change(alert, silenced_until=self._silences.until(alert, now)), now)
        if alert.part_of and self._incidents.unexplained(alert, now):
            alert = self._tell(self._change(alert, part_of=""), now)
        return alert

    def _grow(self, alert: Alert) -> Alert:
        told = [
            {"id": one.id, "rule": one.rule, "run": one.run, "ranks": one.ranks, "caused_at": one.caused_at}
            for one in sorted(self._shelf.parts(alert.id), key=lambda one: one.caused_at or one.fired_at)
        ]
        return self._change(alert, ranks=self._company.ranks(alert), cascade=told[:_CASCADE_MAX])

    def _policy(self, alert: Alert) -> Policy:
        return self._policies.get(alert.rule, PLAIN)

    def _change(self, alert: Alert, **changes: object) -> Alert:
        alert = self._put(replace(alert, version=alert.version + 1, **changes))  # type: ignore[arg-type]
        if "ranks" in changes and alert.part_of in self._shelf:
            self._company.grown.add(alert.part_of)
        return alert

    def _put(self, alert: Alert) -> Alert:
        self._shelf.put(alert)
        timed = alert.state != "resolved" and bool(
            alert.held_until or alert.kept_until or alert.silenced_until or alert.part_of
        )
        (self._timed.add if timed else self._timed.discard)(alert.id)
        if alert.state == "resolved":
            self._company.leave(alert.id)
        return alert
