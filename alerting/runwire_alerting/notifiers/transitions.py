"""Which states of an alert somebody was to be told of, as its records tell that are read back at a start."""

from __future__ import annotations

from collections.abc import Iterable

from runwire.wire import Alert


class Transitions:
    """The states that alerts went through since some moment.

    Args:
        since: what was told before, microseconds since the epoch, is left out.
    """

    def __init__(self, since: int) -> None:
        self._since = since
        #: By the alerts' ids and the names of their notices, the newest record of each.
        self._known: dict[str, dict[str, Alert]] = {}

    def note(self, records: Iterable[Alert]) -> None:
        """Take in records, in whatever order they are read."""
        for alert in records:
            if alert.told_at is None or alert.told_at < self._since:
                continue
            states = self._known.setdefault(alert.id, {})
            known = states.get(alert.notice)
            if known is None or known.version < alert.version:
                states[alert.notice] = alert

    def before(self, alert: Alert) -> list[Alert]:
        """Return the states that an alert had before its present one, oldest first."""
        states = self._known.get(alert.id, {}).values()
        past = (one for one in states if one.version < alert.version and one.notice != alert.notice)
        return sorted(past, key=lambda one: one.version)
