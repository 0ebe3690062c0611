"""Trying rules on what has been: the same watch over records that are made of what is stored."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from runwire.wire import Alert, Event, Pulse
from runwire_alerting.rules import Armed
from runwire_alerting.watch import Watch

_SECOND = 1_000_000
#: After the last record the clock goes on for so long: for what fires by silence, or after a time that a rule sets.
_AFTER = 900
#: Where nothing came the clock strikes so often at most.
_STRIDE = 10


def notices(armed: list[Armed], records: Iterable[tuple[int, Pulse | Event]], since: int = 0) -> Iterator[Alert]:
    """Yield the states of alerts of which somebody would have been told, or of an observing rule would have, in order.

    Args:
        armed: the rules; those that only observe are tried as if they did not.
        records: what came when (microseconds since the epoch), by rising time.
        since: what would have been told before is left out; records of that time are there to be compared with.
    """
    return (alert for alert in _all(armed, records) if (alert.told_at or 0) >= since)


def _all(armed: list[Armed], records: Iterable[tuple[int, Pulse | Event]]) -> Iterator[Alert]:
    watch = Watch([_speaking(one) for one in armed])
    began = now = 0
    for at, record in records:
        if not began:
            began, now = at, at
        while at - now >= _SECOND:
            now += _SECOND if at - now < 2 * _STRIDE * _SECOND else _STRIDE * _SECOND
            yield from _told(watch.tick(now, {0: began}), now)
        yield from _told(watch.read([(record, 0)], at), at)
    for _ in range(_AFTER // _STRIDE if began else 0):
        now += _STRIDE * _SECOND
        yield from _told(watch.tick(now, {0: began}), now)


def _speaking(one: Armed) -> Armed:
    quiet = {"mode": "notify", "actions": []}
    return Armed(one.declaration.model_copy(update=quiet), one.rule)


def _told(changed: list[Alert], now: int) -> Iterator[Alert]:
    return (alert for alert in changed if alert.told_at == now)
