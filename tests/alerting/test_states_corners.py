"""Corners of alerts' states: what changes while an alert is pending, kept, silenced, explained, or without its rule."""

from __future__ import annotations

import pytest
from test_states import HOUR, declared, hang, silence, stalling
from timeline import FINE, Timeline, event, micros, nan_loss, pulse, told

from runwire_alerting import actions
from runwire_alerting.rules import rules
from runwire_alerting.settings import Settings


def test_what_is_over_when_its_silence_ends_is_told_to_nobody() -> None:
    """It is kept firing for a while, and is not wrong any more; if it comes again then, that is told."""
    for again in (False, True):
        line = stalling(", keep_firing_for: 60s")
        line.watch.book.silence(silence(45), micros(21))
        hang(line, 21, 40)
        line.live(40, 70)
        assert line.said == []
        (hang if again else line.live)(*((line, 70, 90) if again else (70, 90)))
        line.live(90, 300)
        assert line.said == ([("stalled", "firing", 1), ("stalled", "resolved", 1)] if again else [])


def test_ranks_that_take_turns_are_told_as_little_as_one_that_flaps() -> None:
    """Another rank stalls each minute, for an hour: a few notices, and not two for each of them."""
    line = stalling()
    for number, begin in enumerate(range(30, HOUR, 60)):
        for second in range(begin, begin + 60):
            stuck = {"progressed": begin - 1, "step": begin * 10} if second < begin + 20 else {}
            line.read(second, pulse(second, rank=number % 50, **stuck))
            line.tick(second)
    assert 4 <= len(line.said) <= 12


@pytest.mark.parametrize("how", ["pending", "silenced", "less_severe"])
def test_what_nobody_is_told_of_explains_nothing(how: str) -> None:
    """A crash after a NaN that is pending, silenced, or told as information only: the crash is told by itself."""
    text = {"pending": ", for: 1h", "silenced": "", "less_severe": ", severity: info"}[how]
    line = Timeline(given=declared(f"name: nonfinite{text}"))
    if how == "silenced":
        line.watch.book.silence(silence(HOUR, rule="nonfinite"), micros(0))
    line.read(1, pulse(1, metrics={"loss": nan_loss(7, 0.9)}))
    line.read(100, event(100, "lost"))
    assert ("crash", "firing", 1) in line.said


@pytest.mark.parametrize("skew", [-7200, 0, 3600])
def test_what_follows_on_a_host_whose_clock_is_wrong_is_part_of_its_cause(skew: int) -> None:
    """A NaN on one host, and the crash that follows on another, by our clock: one page, whatever theirs say."""
    line = Timeline()
    line.read(1, pulse(1), pulse(1 + skew, rank=1, host="node-2"))
    line.read(2, pulse(2, metrics={"loss": nan_loss(7, 1.9)}))
    line.read(300, event(300 + skew, "lost", rank=1))
    assert line.said == [("nonfinite", "firing", 1)]
    line.read(HOUR + 3, pulse(HOUR + 3, attempt=2, metrics={"loss": FINE}))


def test_an_alert_whose_rule_is_turned_off_is_over() -> None:
    """Nobody would ever say that it is well again; and the same where the rule is to judge other runs from now on."""
    for change in ("name: stalled, enabled: false", "name: stalled, where: {run: other}"):
        line = Timeline()
        line.live(1, 21)
        hang(line, 21, 200)
        line.watch.arm(rules(Settings(), declared(change)))
        line.live(200, 210, progressed=20, step=210)
        assert line.said == [("stalled", "firing", 1), ("stalled", "resolved", 1)]
        assert line.alerts[-1].text.endswith("Resolved: its rule does not judge this run any more.")


def test_rules_that_are_declared_anew_leave_their_alerts_as_they_are() -> None:
    """Another number of the same rule is no end of what it found."""
    line = Timeline()
    line.live(1, 21)
    hang(line, 21, 200)
    line.watch.arm(rules(Settings(), declared("name: stalled, params: {after: 100}, where: {run: run}")))
    line.live(200, 210, progressed=20, step=210)
    assert line.said == [("stalled", "firing", 1)]


def test_a_stop_and_a_tag_are_asked_for_once_by_an_alert_that_grows_in_the_same_moment() -> None:
    """Its record is written once more, for what it explains; the run is asked once."""
    line = Timeline(given=declared("name: nonfinite, actions: [stop, {tag: nan}]"))
    line.read(1, *(pulse(1, rank=rank) for rank in range(3)))
    nan = {"loss": nan_loss(7, 1.9)}
    changed = line.read(2, pulse(2, metrics=nan), *(event(2, "lost", rank=rank) for rank in (1, 2)))
    changed += line.watch.book.tick(micros(2))
    assert len([alert for alert in changed if alert.stop_asked_at == micros(2) and alert.state == "firing"]) > 1
    assert len(list(actions.stops(changed, line.watch.health, micros(2)))) == 1
    assert len(list(actions.tags(changed, line.watch.policies, line.watch.health, micros(2)))) == 1


def test_a_rule_of_another_name_is_what_its_kind_is() -> None:
    """Its alerts carry the kind, and what waits for a crashed rank is explained by it whatever that rule is called."""
    given = declared("name: crash, enabled: false}, {name: died, kind: crash")
    line = Timeline(given=given)
    line.live(1, 21)
    line.live(1, 21, rank=1)
    line.read(21, event(21, "lost", rank=1))
    hang(line, 22, 400)
    assert [(alert.rule, alert.kind) for alert in told(line.alerts)] == [("died", "crash")]
