"""Asking a run to stop because of an alert, where whoever runs the pipeline wants that of its rule."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

from runwire.wire import Alert, StopRequest
from runwire.wire.control import REASON_MAX
from runwire_alerting.health import Health


def requests(changed: Iterable[Alert], rules: Collection[str], health: Health) -> Iterator[StopRequest]:
    """Yield a request for each alert that began to fire by one of these rules, to all ranks that its run has now."""
    for alert in changed:
        if alert.state == "firing" and alert.rule in rules:
            attempt = max(alert.attempt or 0, health.attempt(alert.run))
            yield StopRequest(alert.run, attempt, f"alert {alert.rule}", alert.title[:REASON_MAX], alert.fired_at)
