"""That a worker killed at any point neither repeats nor forgets an alert."""

from __future__ import annotations

from collections import defaultdict
from itertools import islice, takewhile
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from timeline import FINE, event, micros, nan_loss, pulse, told

from runwire.wire import Alert, Event, Pulse
from runwire_alerting.rules import rules
from runwire_alerting.settings import Settings
from runwire_alerting.watch import Watch

Record = Pulse | Event
#: So many records before the committed offset a new worker reads back.
WINDOW = 6
SETTINGS = Settings(stalled_after=5, stalled_after_max=5, heartbeat_after=8)

actions = st.lists(
    st.tuples(
        st.integers(0, 2), st.sampled_from(["step", "step", "nan", "hang", "kill", "fail", "resume", "say", "wait"])
    ),
    max_size=40,
)


def history(script: list[tuple[int, str]]) -> list[tuple[float, Record | None]]:
    """Return what arrives when, None for a tick, from what three ranks do by ``script``, an action each two seconds."""
    attempts, progress, alive = [0, 0, 0], [0.0, 0.0, 0.0], [True, True, True]
    said: list[tuple[float, Record | None]] = []
    for number, (rank, action) in enumerate(script, start=1):
        at = 2.0 * number
        told: dict[str, Any] = {"rank": rank, "attempt": attempts[rank]}
        if action == "resume" and not alive[rank]:
            attempts[rank], progress[rank], alive[rank] = int(at), at, True
            told["attempt"] = attempts[rank]
            said += [(at, event(at, "start", place=1, **told)), (at, pulse(at, metrics={"loss": FINE}, **told))]
        elif not alive[rank]:
            continue
        elif action in ("step", "nan"):
            progress[rank] = at
            loss = FINE if action == "step" else nan_loss(number, at - 0.5)
            said.append((at, pulse(at, metrics={"loss": loss}, **told)))
        elif action == "hang":
            said.append((at, pulse(at, progressed=progress[rank], **told)))
        elif action == "kill":
            alive[rank] = False
            said += [(at, event(at, "lost", **told)), (at, pulse(at, alive=False, ended="killed", **told))]
        elif action == "fail":
            alive[rank] = False
            said.append((at, event(at, "exception", kind="OSError", **told)))
        elif action == "say":
            said.append((at, event(at, "alert", place=number, title="look", **told)))
        said.append((at + 1, None))
    return said


class KilledError(Exception):
    """The worker was killed."""


class Worker:
    """A worker as `runwire_alerting.worker` is one, over lists in place of topics, that is killed at given points."""

    def __init__(self, said: list[tuple[float, Record | None]], kills: set[int], batch: int = 1) -> None:
        self.said = said
        self.kills = kills
        self.batch = batch
        self.published: list[Alert] = []
        self.committed = 0
        self._points = 0

    def run(self) -> list[Alert]:
        while True:
            try:
                self._live()
            except KilledError:
                continue
            return self.published

    def _point(self) -> None:
        self._points += 1
        if self._points in self.kills:
            raise KilledError

    def _publish(self, changed: list[Alert]) -> None:
        for alert in changed:
            self._point()
            self.published.append(alert)
        self._point()

    def _live(self) -> None:
        watch = Watch(rules(SETTINGS))
        for alert in self.published:
            watch.book.fold(Alert.parse(alert.encode()))
        start = self.said[min(self.committed, len(self.said) - 1)][0] if self.said else 0
        for _, record in self.said[max(0, self.committed - WINDOW) : self.committed]:
            if record is not None:
                self._publish(watch.read([(record, 0)], micros(start)))
        while self.committed < len(self.said):
            at, record = self.said[self.committed]
            if record is None:
                taken = 1
                self._publish(watch.tick(micros(at), {0: micros(start)}))
            else:
                ahead = takewhile(lambda item: item[1] is not None, self.said[self.committed :])
                records = [(item[1], 0) for item in islice(ahead, self.batch) if item[1] is not None]
                taken = len(records)
                self._publish(watch.read(records, micros(at)))
            self.committed += taken
            self._point()


def check_order(alerts: list[Alert]) -> None:
    """Each episode that is told of fires once and resolves at most once, and one comes after the other."""
    states: dict[str, list[tuple[int, str]]] = defaultdict(list)
    for alert in told(alerts):
        states[alert.id].append((alert.episode, alert.state))
    for said in states.values():
        assert said == sorted(set(said))
        assert {episode for episode, state in said if state == "resolved"} <= {
            episode for episode, state in said if state == "firing"
        }


def standing(alerts: list[Alert], *names: str) -> dict[str, tuple[int, str]]:
    """Return how the alerts of some rules stand at last."""
    return {alert.id: (alert.episode, alert.state) for alert in alerts if alert.rule in names}


@settings(max_examples=400, deadline=None)
@given(actions, st.sets(st.integers(1, 200), max_size=12))
def test_kills_at_any_point_neither_repeat_nor_forget(script: list[tuple[int, str]], kills: set[int]) -> None:
    """Whatever runs do and whenever the worker is killed, each episode is published as firing once and resolved at most
    once, in order; and what crashed, said something or lost its loss stands as it would have without a kill.
    """
    said = history(script)
    alerts = Worker(said, kills).run()
    check_order(alerts)
    unharmed = Worker(said, set()).run()
    assert standing(alerts, "nonfinite", "crash", "user") == standing(unharmed, "nonfinite", "crash", "user")


@settings(max_examples=400, deadline=None)
@given(actions, st.sets(st.integers(1, 200), max_size=12), st.integers(2, 30))
def test_batches_and_kills_neither_repeat_nor_forget(
    script: list[tuple[int, str]], kills: set[int], batch: int
) -> None:
    """The same where records are judged many at a time, as after an absence, and batches differ after each kill; which
    rank is a NaN's first offender then depends on who is in the batch, so of NaNs it is held that they were told.
    """
    said = [item for item in history(script) if item[1] is not None]
    alerts = Worker(said, kills, batch).run()
    check_order(alerts)
    unharmed = Worker(said, set(), 1).run()
    assert standing(alerts, "crash", "user") == standing(unharmed, "crash", "user")
    assert ("nonfinite" in {alert.rule for alert in alerts}) == ("nonfinite" in {alert.rule for alert in unharmed})


@settings(max_examples=200, deadline=None)
@given(actions)
def test_stalls_and_silences_are_told_in_these_histories(script: list[tuple[int, str]]) -> None:
    """A history that ends in a hang of one rank ends with the stall firing, unless a crash explains it: what the
    tests above hold of stalls is not held of none.
    """
    said = history([*script, (0, "kill"), (0, "resume"), *[(0, "step")] * 4, *[(0, "hang")] * 6])
    alerts = Worker(said, set()).run()
    firing = {alert.id: alert for alert in alerts}
    stands = [alert for alert in firing.values() if alert.state == "firing"]
    assert any(alert.rule in ("stalled", "crash") for alert in stands)
