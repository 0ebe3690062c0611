"""What a rule's declaration and kind say of its alerts, besides when they fire."""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase

from runwire.wire import Alert, Silence
from runwire.wire.messages import Mode, Severity

SECOND = 1_000_000
#: An alert that comes again so soon after its end flaps; from the third time on its end is waited for, twice as long
#: each time.
_FLAP_WINDOW = 600 * SECOND
_FLAPS_FREE = 2
_FLAP_HOLD = 60 * SECOND
_FLAP_HOLD_MAX = 3600 * SECOND


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


def flaps(known: Alert | None, now: int) -> int:
    """Return how often in a row an alert has come again shortly after its end, if it comes again now."""
    if known is None or known.resolved_at is None or now - known.resolved_at > _FLAP_WINDOW:
        return 0
    return known.flaps + 1


def silences(silence: Silence, alert: Alert, now: int) -> bool:
    """Return whether an alert is one of those that a silence means, and it holds."""
    words = {
        "alert": (alert.id,), "rule": (alert.rule,), "run": (alert.run, alert.name), "project": (alert.project,),
        "host": (alert.host,),
    }  # fmt: skip
    return now < silence.until and all(
        any(fnmatchcase(word, glob) for word in words[about]) for about, glob in silence.match.items()
    )
