"""What a rule's declaration and kind say of its alerts, besides when they fire."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from runwire.wire import Alert
from runwire.wire.messages import Mode, Severity

SECOND = 1_000_000
#: An alert that comes again so soon after its end flaps; from the third time on its end is waited for, twice as long
#: each time.
_FLAP_WINDOW = 600 * SECOND
_FLAPS_FREE = 2
_FLAP_HOLD = 60 * SECOND
_FLAP_HOLD_MAX = 3600 * SECOND
#: What a run's alerts come to when nothing is heard of it any more. Kafka keeps events for seven days, in segments that
#: it closes after seven more at the latest: what is older than this cannot be read, and so not be judged, once more.
KEPT_DAYS = 15
KEPT = KEPT_DAYS * 86_400 * SECOND
#: Times of an alert that are by our clock.
_TIMES = ("fired_at", "resolved_at", "told_at", "acknowledged_at", "held_until", "kept_until", "silenced_until")


@dataclass(frozen=True)
class Policy:
    """Times are microseconds.

    Attributes:
        kind: the rule's kind.
        hold: for how long it must hold before it fires.
        keep: for how long it must be over before it is resolved.
        severity: in place of the kind's own, None for that.
        mode: whether anybody is told.
        follows: kinds that explain it.
        message: whether its alerts are messages, which nothing resolves, and no states.
        hostwide: whether it is about a host, so that all runs there are one incident.
        stop: whether it asks its run to stop.
        tags: what its run is tagged with.
        webhooks: who is told of it besides the receivers of all alerts.
    """

    kind: str = ""
    hold: int = 0
    keep: int = 0
    severity: Severity | None = None
    mode: Mode = "notify"
    follows: frozenset[str] = frozenset()
    message: bool = False
    hostwide: bool = False
    stop: bool = False
    tags: tuple[str, ...] = ()
    webhooks: tuple[str, ...] = ()

    def keeps(self, alert: Alert) -> int:
        """Return for how long an alert that is over is kept firing, lest it be told anew each time that it comes."""
        extra = alert.flaps - _FLAPS_FREE
        return max(self.keep, min(_FLAP_HOLD << min(extra, 16), _FLAP_HOLD_MAX) if extra >= 0 else 0)


#: What holds for alerts of a rule that is not declared any more.
PLAIN = Policy()


def flaps(alerts: Iterable[Alert], now: int) -> int:
    """Return how often in a row one of these alerts has come again shortly after an end, if one comes again now.

    They are a rule's about one run and metric: ranks that take turns flap as one that comes again and again does.
    """
    ends = (alert for alert in alerts if alert.resolved_at is not None and now - alert.resolved_at <= _FLAP_WINDOW)
    return max((alert.flaps + 1 for alert in ends), default=0)


def last(alert: Alert) -> int:
    """Return when something was last heard, said or done about an alert, by our clock."""
    times: Iterable[int | None] = (getattr(alert, name) for name in _TIMES)
    return max(at for at in times if at is not None)
