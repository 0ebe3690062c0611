"""Alerts that ask their run to stop, where that is wanted of their rule."""

from __future__ import annotations

import pytest
from timeline import DAWN, FINE, Timeline, event, micros, nan_loss, pulse

from runwire.errors import ConfigError
from runwire.wire import StopRequest
from runwire_alerting import settings, stops
from runwire_alerting.rules import rules


def test_an_alert_asks_once_when_it_fires_and_means_all_ranks_of_now() -> None:
    """By its title; the newest attempt that is known is the last that is meant; its end asks for nothing."""
    line = Timeline()
    line.read(1, pulse(1, rank=0, attempt=0), pulse(1, rank=1, attempt=1))
    changed = line.read(3, pulse(3, rank=0, metrics={"train/loss": nan_loss(7, 3)}))
    title = "bold-mlp: train/loss is NaN at step 7"
    asked = StopRequest("run", DAWN + 1, "alert nonfinite", title, micros(3))
    assert list(stops.requests(changed, {"nonfinite"}, line.watch.health)) == [asked]
    assert list(stops.requests(changed, {"crash"}, line.watch.health)) == []
    resolved = line.read(9, event(9, "start", attempt=8), pulse(9, attempt=8, metrics={"train/loss": FINE}))
    assert list(stops.requests(resolved, {"nonfinite"}, line.watch.health)) == []


def test_a_rule_that_there_is_not_is_refused_with_those_that_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    """At the start, by the variable's name."""
    monkeypatch.setenv("RUNWIRE_ALERT_STOP", "nonfinite, nan")
    with pytest.raises(ConfigError, match=r"^RUNWIRE_ALERT_STOP is 'nan': .*only crash, host_lost, nonfinite"):
        rules(settings.load())
    monkeypatch.setenv("RUNWIRE_ALERT_STOP", "nonfinite, crash,")
    stopping = {one.name for one in rules(settings.load()) if one.declaration.actions}
    assert stopping == {"nonfinite", "crash"}
