"""Asking a run to stop because of an alert, where its rule is declared so."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from runwire.wire import Alert, StopRequest
from runwire.wire.control import REASON_MAX
from runwire_alerting.health import Health


def requests(changed: Iterable[Alert], health: Health, now: int) -> Iterator[StopRequest]:
    """Yield a request for each alert that asks for one since ``now``, to all ranks that its run has then."""
    for alert in changed:
        if alert.state == "firing" and alert.stop_asked_at == now:
            attempt = max(alert.attempt or 0, health.attempt(alert.run))
            yield StopRequest(alert.run, attempt, f"alert {alert.rule}", alert.title[:REASON_MAX], now)
