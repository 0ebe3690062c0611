"""What a rule's declaration asks for besides notices, when its alert begins to be told of."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from runwire.wire import Alert, Event, StopRequest
from runwire.wire.control import REASON_MAX
from runwire_alerting.health import Health
from runwire_alerting.policy import Policy


def stops(changed: Iterable[Alert], health: Health, now: int) -> Iterator[StopRequest]:
    """Yield a request for each alert that asks its run to stop since ``now``, to all ranks that the run has then."""
    for alert in _once(changed):
        if alert.state == "firing" and alert.stop_asked_at == now:
            attempt = max(alert.attempt or 0, health.attempt(alert.run))
            yield StopRequest(alert.run, attempt, f"alert {alert.rule}", alert.title[:REASON_MAX], now)


def tags(changed: Iterable[Alert], policies: Mapping[str, Policy], health: Health, now: int) -> Iterator[Event]:
    """Yield the events that give the runs of alerts that are told of since ``now`` the tags that their rules ask for.

    Each is stored as if its run had said so last: what the run says of the same tag later holds.
    """
    for alert in _once(changed):
        policy = policies.get(alert.rule)
        rank = health.get(alert.run, alert.rank or 0)
        if policy is None or not policy.tags or rank is None or not begins(alert, now):
            continue
        yield Event("tags", alert.run, rank.rank, rank.seq, now, {"tags": list(policy.tags), "removed": []})


def _once(changed: Iterable[Alert]) -> Iterable[Alert]:
    """Return the states in which alerts begin: one that grows in the same moment has several records of it."""
    return {(alert.id, alert.episode): alert for alert in changed if alert.state == "firing"}.values()


def begins(alert: Alert, now: int) -> bool:
    """Return whether somebody is told of an alert since ``now`` that was not told of before."""
    return alert.state == "firing" and alert.told_at == now
