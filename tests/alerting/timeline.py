"""Timelines for rules: what comes in when, and which alerts change when. Times are seconds after `DAWN`."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

from runwire.wire import Alert, Event, MetricPulse, Pulse
from runwire_alerting.declarations import Declaration
from runwire_alerting.rules import rules
from runwire_alerting.settings import Settings
from runwire_alerting.watch import Watch

SECOND = 1_000_000
#: A Unix second; the first attempt of the timelines begins then.
DAWN = 1_800_000_000
SETTINGS = Settings()


def micros(at: float) -> int:
    """Return seconds after `DAWN` as microseconds since the epoch."""
    return DAWN * SECOND + round(at * SECOND)


def nan_loss(step: int, at: float, before: list[tuple[int, float]] | None = None) -> MetricPulse:
    """Return what a pulse says of a metric that became NaN at ``step``."""
    first = {"step": step, "ts": micros(at), "value": math.nan, "before": before or []}
    return MetricPulse(count=3, last=math.nan, min=1.0, max=2.0, sum=3.0, nonfinite=1, first_nonfinite=first)


FINE = MetricPulse(count=3, last=1.0, min=1.0, max=2.0, sum=4.0)


def pulse(at: float, run: str = "run", rank: int = 0, attempt: float = 0, **more: Any) -> Pulse:
    """Return a pulse that was sent at ``at`` by an attempt that began at ``attempt``; it progresses unless told."""
    given: dict[str, Any] = {
        "project": "digits",
        "name": "bold-mlp",
        "host": "node-1",
        "pid": 7,
        "sent": micros(at),
        "interval": 1.0,
        "alive": True,
        "started": micros(attempt),
        "progressed": micros(more.pop("progressed", at)),
        "step": round(at * 10),
        "steps": round((at - attempt) * 10),
        "step_seconds_max": 0.1,
        **more,
    }
    return Pulse(run=run, rank=rank, attempt=DAWN + int(attempt), **given)


def event(
    at: float, type_: str, /, *, run: str = "run", rank: int = 0, attempt: float = 0, place: int = 9, **data: Any
) -> Event:
    """Return an event that happened at ``at`` in an attempt that began at ``attempt``."""
    seq = ((DAWN + int(attempt)) << 32) + place
    return Event(type=type_, run=run, rank=rank, seq=seq, ts=micros(at), data=data)  # type: ignore[arg-type]


def told(alerts: Iterable[Alert]) -> list[Alert]:
    """Return the notices among states of alerts: each is one more time that somebody was told of its alert."""
    notices: dict[tuple[str, int, str], Alert] = {}
    for alert in alerts:
        if alert.told_at is not None and not alert.closed:
            notices.setdefault((alert.notice, alert.told_at, alert.state), alert)
    return list(notices.values())


class Timeline:
    """A watch that is fed at given times, and what it said."""

    def __init__(self, settings: Settings = SETTINGS, given: Sequence[Declaration] = ()) -> None:
        self.rules = rules(settings, given)
        self.watch = Watch(self.rules)
        self.alerts: list[Alert] = []

    def read(self, at: float, *records: Pulse | Event) -> list[Alert]:
        """Have records arrive together at ``at``."""
        changed = self.watch.read([(record, 0) for record in records], micros(at))
        self.alerts += changed
        return changed

    def tick(self, at: float, seen: float | None = 0) -> list[Alert]:
        """Let the clock strike, with the partition in sight since ``seen``, or out of sight."""
        changed = self.watch.tick(micros(at), {} if seen is None else {0: micros(seen)})
        self.alerts += changed
        return changed

    def live(self, begin: float, end: float, seen: float | None = 0, **more: Any) -> None:
        """Let pulses arrive, and the clock strike, every second from ``begin`` until before ``end``."""
        for second in range(math.ceil(begin), math.ceil(end)):
            self.read(second, pulse(second, **more))
            self.tick(second, seen)

    def silence(self, begin: float, end: float, seen: float | None = 0) -> None:
        """Let only the clock strike."""
        for second in range(math.ceil(begin), math.ceil(end)):
            self.tick(second, seen)

    def restart(self) -> None:
        """Have the worker killed and started anew: it knows the published alerts, and nothing else."""
        self.watch = Watch(self.rules)
        for alert in self.alerts:
            self.watch.book.fold(Alert.parse(alert.encode()))

    @property
    def said(self) -> list[tuple[str, str, int]]:
        """Return rule, state and episode of what somebody was told, in order."""
        return [(alert.rule, alert.state, alert.episode) for alert in told(self.alerts)]
