"""The states of alerts: pending, firing, kept, acknowledged, silenced, resolved; and what is told of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from timeline import FINE, Timeline, event, micros, nan_loss, pulse, told

from runwire.wire import Acknowledgement, Alert, Pulse, Silence
from runwire_alerting import rulesfile
from runwire_alerting.book import Book, Verdict
from runwire_alerting.declarations import Declaration
from runwire_alerting.health import Rank
from runwire_alerting.metrics import RULE_FAULTS
from runwire_alerting.rules import Rule

HOUR = 3600


def declared(text: str) -> list[Declaration]:
    return rulesfile.read(f"rules: [{{{text}}}]", "-")


def silence(until: float, at: float = 0, **match: str) -> Silence:
    return Silence("s1", match or {"run": "run"}, micros(until), "ann", micros(at))


def hang(line: Timeline, begin: int, end: int) -> None:
    """Let a run hang: its pulses come, its last step does not change."""
    line.live(begin, end, progressed=begin - 1, step=begin * 10)


def stalling(text: str = "") -> Timeline:
    """A timeline whose runs are called stalled after ten seconds; it steps until 20 s."""
    line = Timeline(given=declared(f"name: stalled, params: {{after: 10, after_max: 10}}{text}"))
    line.live(1, 21)
    return line


def test_what_holds_for_the_time_that_is_set_fires_and_what_passes_before_is_told_to_nobody() -> None:
    """`for: 30s`: a stall of 20 s is pending, then over; one that lasts fires 30 s after it was found."""
    line = stalling(", for: 30s")
    hang(line, 21, 41)
    assert [alert.state for alert in line.alerts] == ["pending"]
    line.live(41, 60)
    assert [alert.state for alert in line.alerts] == ["pending", "resolved"]
    assert line.said == []
    hang(line, 60, 110)
    assert line.said == [("stalled", "firing", 2)]
    fired = told(line.alerts)[0]
    assert (fired.fired_at, fired.caused_at) == (micros(59 + 11 + 30), micros(59))


def test_a_pending_alert_outlives_the_worker_and_fires_when_its_time_is_over() -> None:
    """Its record holds until when; the new worker does not begin to count anew."""
    line = stalling(", for: 30s")
    hang(line, 21, 41)
    line.restart()
    line.read(41, pulse(41, progressed=20, step=200))
    line.silence(42, 62)
    assert line.said == [("stalled", "firing", 1)]
    assert told(line.alerts)[0].fired_at == micros(61)


def test_what_is_over_is_kept_firing_for_the_time_that_is_set() -> None:
    """`keep_firing_for: 60s`: a pause between two stalls is no end; the end is told when it has lasted."""
    line = stalling(", keep_firing_for: 60s")
    hang(line, 21, 40)
    line.live(40, 60)
    hang(line, 60, 80)
    assert line.said == [("stalled", "firing", 1)]
    line.live(80, 139)
    assert line.said == [("stalled", "firing", 1)]
    line.live(139, 142)
    assert line.said == [("stalled", "firing", 1), ("stalled", "resolved", 1)]


def test_an_alert_that_comes_again_and_again_is_told_less_and_less() -> None:
    """A run that stalls for 15 s of every 30, for an hour: a few notices instead of 240; once it is well, one end."""
    line = stalling()
    for begin in range(21, HOUR, 30):
        hang(line, begin, begin + 15)
        line.live(begin + 15, begin + 30)
    assert 4 <= len(line.said) <= 8
    line.live(HOUR + 30, HOUR + 9000)
    assert line.said[-1][1] == "resolved"
    assert sorted(set(line.said)) == sorted(line.said)


def test_rules_of_their_own_severity_and_mode() -> None:
    """A severity that is declared holds; what is observed is recorded as firing, and told to nobody."""
    line = Timeline(given=declared("name: nonfinite, severity: info, mode: observe, actions: [stop]"))
    line.read(1, pulse(1, metrics={"loss": nan_loss(5, 0.5)}))
    [alert] = line.alerts
    assert (alert.state, alert.severity, alert.mode, alert.told_at, alert.stop_asked_at) == (
        "firing", "info", "observe", None, None,
    )  # fmt: skip


def test_somebody_sees_to_an_alert() -> None:
    """Who acknowledged it is recorded and survives the worker; its end is told all the same."""
    line = Timeline()
    line.read(1, pulse(1), event(1, "lost"))
    [crash] = line.watch.book.of("run", "crash")
    line.alerts += line.watch.book.acknowledge(Acknowledgement(crash.id, 1, "ann", micros(2)))
    assert (line.alerts[-1].standing, line.alerts[-1].acknowledged_by) == ("acknowledged", "ann")
    line.restart()
    line.tick(3)
    assert [alert.standing for alert in line.watch.book.of("run", "crash")] == ["acknowledged"]
    line.read(10, event(10, "start", attempt=10, place=1))
    assert [alert.notice.partition("-")[2] for alert in told(line.alerts)] == ["1-firing", "1-resolved"]


def test_an_acknowledgement_of_an_earlier_episode_or_an_unknown_alert_changes_nothing() -> None:
    """It was about something else."""
    line = Timeline()
    line.read(1, pulse(1), event(1, "lost"))
    id_ = line.alerts[-1].id
    assert line.watch.book.acknowledge(Acknowledgement(id_, 2, "ann", micros(2))) == []
    assert line.watch.book.acknowledge(Acknowledgement("0" * 16, 1, "ann", micros(2))) == []
    assert len(line.watch.book.acknowledge(Acknowledgement(id_, 1, "ann", micros(2)))) == 1
    assert line.watch.book.acknowledge(Acknowledgement(id_, 1, "bob", micros(3))) == []


def test_what_is_silenced_is_told_when_the_silence_ends_if_it_still_stands() -> None:
    """Recorded meanwhile as silenced; of two runs the one that became well is never told of."""
    line = Timeline()
    line.alerts += line.watch.book.silence(silence(100, run="run*"), micros(0))
    line.read(1, pulse(1), event(1, "lost"), pulse(1, run="run2"), event(1, "lost", run="run2"))
    assert {alert.standing for alert in line.alerts} == {"silenced"}
    line.read(50, event(50, "start", run="run2", attempt=50, place=1))
    line.silence(51, 100)
    assert line.said == []
    line.tick(100)
    assert [(alert.run, alert.state) for alert in told(line.alerts)] == [("run", "firing")]


def test_a_silence_of_what_was_told_before_holds_the_end_back_from_nobody() -> None:
    """Who was told that it fires is told that it is over."""
    line = Timeline()
    line.read(1, pulse(1), event(1, "lost"))
    line.alerts += line.watch.book.silence(silence(100), micros(2))
    assert line.alerts[-1].standing == "silenced"
    line.read(50, event(50, "start", attempt=50, place=1))
    assert line.said == [("crash", "firing", 1), ("crash", "resolved", 1)]


def test_a_silence_that_is_ended_early_ends_then() -> None:
    """A record of the same id with another end takes its place."""
    line = Timeline()
    line.watch.book.silence(silence(100), micros(0))
    line.read(1, pulse(1), event(1, "lost"))
    line.alerts += line.watch.book.silence(silence(10), micros(10))
    assert line.said == [("crash", "firing", 1)]


@pytest.mark.parametrize(
    ("match", "fits"),
    [
        ({"rule": "cr*"}, True), ({"run": "bold-*"}, True), ({"project": "digits", "host": "node-1"}, True),
        ({"rule": "crash", "run": "other"}, False), ({"alert": "x"}, False),
    ],
)  # fmt: skip
def test_a_silence_means_what_all_its_globs_fit(match: dict[str, str], *, fits: bool) -> None:
    """By alert, rule, run (id or name), project and host."""
    line = Timeline()
    line.watch.book.silence(silence(100, **match), micros(0))
    line.read(1, pulse(1), event(1, "lost"))
    assert (line.alerts[-1].standing == "silenced") is fits


def test_a_stop_is_asked_for_once_and_seen_to_be_heard_and_obeyed() -> None:
    """By the run's answer, which names the request, and by how it then ends."""
    line = Timeline(given=declared("name: nonfinite, actions: [stop]"))
    line.read(1, pulse(1, metrics={"loss": nan_loss(5, 0.5)}))
    line.live(2, 200)
    asked = {alert.stop_asked_at for alert in line.alerts}
    assert asked == {micros(1)}
    line.read(201, event(201, "stopping", by="alert nonfinite", asked_at=micros(0)))
    assert line.alerts[-1].stop_heard_at is None
    line.read(202, event(202, "stopping", by="alert nonfinite", asked_at=micros(1)))
    assert (line.alerts[-1].stop_heard_at, line.alerts[-1].stop_obeyed_at) == (micros(202), None)
    line.read(203, event(203, "finish", exit_code=0, stopped=True))
    assert line.alerts[-1].stop_obeyed_at == micros(203)


class Broken(Rule):
    """Fails whenever it is asked."""

    name = "broken"

    def pulse(self, pulse: Pulse, rank: Rank, book: Book) -> Iterator[Verdict]:  # noqa: ARG002
        raise ZeroDivisionError


def test_a_rule_that_raises_is_counted_and_stops_no_other() -> None:
    """The crash is told although the rule before it fails at each record."""
    line = Timeline()
    line.rules[0] = replace(line.rules[0], rule=Broken())
    line.watch.arm(line.rules)
    before = RULE_FAULTS.labels("broken")._value.get()
    line.read(1, pulse(1), event(1, "lost"))
    assert line.said == [("crash", "firing", 1)]
    assert RULE_FAULTS.labels("broken")._value.get() == before + 1


ACTS = st.lists(st.sampled_from(["step", "hang", "hang", "ack", "silence", "wait"]), min_size=1, max_size=30)


@settings(max_examples=150, deadline=None)
@given(ACTS, st.sets(st.integers(0, 29), max_size=5))
def test_restarts_at_any_point_change_no_notice(acts: list[str], restarts: set[int]) -> None:
    """Whatever happens and whenever the worker is started anew, the same notices go out at the same times."""

    def notices(points: set[int]) -> list[tuple[str, int | None]]:
        line = stalling(", for: 6s, keep_firing_for: 6s")
        at, moved, said = 21, 20, None
        for number, act in enumerate(acts):
            if number in points:
                line.restart()
                if said is not None:
                    line.alerts += line.watch.book.silence(said, micros(at))
                line.read(at, pulse(at, progressed=moved, metrics={"loss": FINE}))
            if act == "ack":
                for alert in line.watch.book.of("run", "stalled"):
                    line.alerts += line.watch.book.acknowledge(
                        Acknowledgement(alert.id, alert.episode, "a", micros(at))
                    )
            elif act == "silence":
                said = silence(at + 12, at)
                line.alerts += line.watch.book.silence(said, micros(at))
            for _ in range(5):
                moved = at if act == "step" else moved
                line.read(at, pulse(at, progressed=moved, metrics={"loss": FINE}))
                line.tick(at)
                at += 1
        return [(alert.notice, alert.told_at) for alert in told(line.alerts)]

    assert notices(restarts) == notices(set())


def test_every_field_of_an_alert_comes_back_from_its_record() -> None:
    """Else a restart would forget it."""
    line = Timeline(given=declared("name: nonfinite, actions: [stop]"))
    line.read(1, pulse(1, metrics={"loss": nan_loss(5, 0.5)}))
    line.silence(2, 100)
    for alert in line.alerts:
        back = Alert.parse(alert.encode())
        assert repr(back) == repr(alert)
