"""Alerts by all that they are looked for by: their id, run and rule, the cause that explains them, and their host."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import TypeVar

from runwire.wire import Alert

_Key = TypeVar("_Key")


class Shelf:
    """Alerts as they are now.

    Attributes:
        firing: how many of each rule are firing.
    """

    def __init__(self) -> None:
        self._alerts: dict[str, Alert] = {}
        #: By run, then by rule and metric, then by id. Most runs have none, and all are asked about at each pulse.
        self._runs: dict[str, dict[tuple[str, str], dict[str, Alert]]] = {}
        #: By what explains them, and by rule and host those whose notices have a host's name; ids, in order.
        self._parts: defaultdict[str, dict[str, None]] = defaultdict(dict)
        self._hosts: defaultdict[tuple[str, str], dict[str, None]] = defaultdict(dict)
        self.firing: Counter[str] = Counter()

    def __iter__(self) -> Iterator[Alert]:
        return iter(self._alerts.values())

    def __len__(self) -> int:
        return len(self._alerts)

    def __contains__(self, id_: str) -> bool:
        return id_ in self._alerts

    def __getitem__(self, id_: str) -> Alert:
        return self._alerts[id_]

    def get(self, id_: str) -> Alert | None:
        """Return an alert by its id."""
        return self._alerts.get(id_)

    def run(self, run: str) -> Iterable[Alert]:
        """Return all alerts about a run."""
        return chain.from_iterable(alerts.values() for alerts in self._runs.get(run, {}).values())

    def place(self, run: str, rule: str, metric: str) -> Iterable[Alert]:
        """Return a rule's alerts about a run and metric."""
        known = self._runs.get(run)
        return known.get((rule, metric), {}).values() if known else ()

    def parts(self, id_: str) -> Iterator[Alert]:
        """Yield the alerts that one explains."""
        return (self._alerts[part] for part in self._parts.get(id_, ()))

    def host(self, rule: str, host: str) -> Iterator[Alert]:
        """Yield a rule's alerts by which somebody was told of a host."""
        return (self._alerts[id_] for id_ in self._hosts.get((rule, host), ()))

    def put(self, alert: Alert) -> None:
        """Have an alert in place of what was known of it."""
        self._lift(alert.id)
        self._alerts[alert.id] = alert
        self._runs.setdefault(alert.run, {}).setdefault((alert.rule, alert.metric), {})[alert.id] = alert
        self.firing[alert.rule] += alert.state == "firing"
        if alert.part_of:
            self._parts[alert.part_of][alert.id] = None
        if alert.incident:
            self._hosts[alert.rule, alert.host][alert.id] = None

    def drop(self, id_: str) -> None:
        """Forget an alert that is known."""
        alert = self._alerts[id_]
        self._lift(id_)
        del self._alerts[id_]
        run = self._runs[alert.run]
        del run[alert.rule, alert.metric][id_]
        if not run[alert.rule, alert.metric]:
            del run[alert.rule, alert.metric]
        if not run:
            del self._runs[alert.run]

    def _lift(self, id_: str) -> None:
        """Take an alert out of where it may not be any more when it changes."""
        known = self._alerts.get(id_)
        if known is None:
            return
        self.firing[known.rule] -= known.state == "firing"
        _leave(self._parts, known.part_of, id_)
        _leave(self._hosts, (known.rule, known.host), id_)


def _leave(kept: dict[_Key, dict[str, None]], key: _Key, id_: str) -> None:
    ids = kept.get(key)
    if ids is not None:
        ids.pop(id_, None)
        if not ids:
            del kept[key]
