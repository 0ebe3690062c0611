"""Alerts that ask their run to stop, where that is wanted of their rule."""

from __future__ import annotations

import pytest
from timeline import DAWN, FINE, Timeline, event, micros, nan_loss, pulse

from runwire.errors import ConfigError
from runwire.wire import StopRequest
from runwire_alerting import actions, rulesfile, settings
from runwire_alerting.rules import rules
from runwire_alerting.settings import Settings


def test_an_alert_asks_once_when_it_fires_and_means_all_ranks_of_now() -> None:
    """By its title; the newest attempt that is known is the last that is meant; its end asks for nothing."""
    line = Timeline(Settings(stop=frozenset({"nonfinite"})))
    line.read(1, pulse(1, rank=0, attempt=0), pulse(1, rank=1, attempt=1))
    changed = line.read(3, pulse(3, rank=0, metrics={"train/loss": nan_loss(7, 3)}))
    title = "bold-mlp: train/loss is NaN at step 7"
    asked = StopRequest("run", DAWN + 1, "alert nonfinite", title, micros(3))
    assert list(actions.stops(changed, line.watch.health, micros(3))) == [asked]
    assert list(actions.stops(line.tick(4), line.watch.health, micros(4))) == []
    resolved = line.read(9, event(9, "start", attempt=8), pulse(9, attempt=8, metrics={"train/loss": FINE}))
    assert list(actions.stops(resolved, line.watch.health, micros(9))) == []


def test_a_rule_that_there_is_not_is_refused_with_those_that_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    """At the start, by the variable's name."""
    monkeypatch.setenv("RUNWIRE_ALERT_STOP", "nonfinite, nan")
    with pytest.raises(ConfigError, match=r"^RUNWIRE_ALERT_STOP is 'nan': .*crash, .*host_lost, .*nonfinite"):
        rules(settings.load())
    monkeypatch.setenv("RUNWIRE_ALERT_STOP", "nonfinite, crash,")
    stopping = {one.name for one in rules(settings.load()) if one.declaration.actions}
    assert stopping == {"nonfinite", "crash"}


def test_an_alert_tags_its_run_as_if_the_run_had_said_so_last() -> None:
    """Once, when it is told of; what is only observed tags nothing."""
    given = rulesfile.read("rules: [{name: nonfinite, actions: [{tag: nan}, {tag: look}]}]", "-")
    line = Timeline(given=given)
    line.read(1, event(1, "start", place=7), pulse(1))
    changed = line.read(3, pulse(3, metrics={"train/loss": nan_loss(7, 3)}))
    [said] = actions.tags(changed, line.watch.policies, line.watch.health, micros(3))
    assert (said.type, said.run, said.data) == ("tags", "run", {"tags": ["nan", "look"], "removed": []})
    assert said.seq == (DAWN << 32) + 7
    assert list(actions.tags(line.tick(4), line.watch.policies, line.watch.health, micros(4))) == []
    line = Timeline(given=rulesfile.read("rules: [{name: nonfinite, mode: observe, actions: [{tag: nan}]}]", "-"))
    changed = line.read(3, pulse(3, metrics={"train/loss": nan_loss(7, 3)}))
    assert list(actions.tags(changed, line.watch.policies, line.watch.health, micros(3))) == []
