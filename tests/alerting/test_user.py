"""What the training code says with ``run.alert``."""

from __future__ import annotations

import pytest
from timeline import Timeline, event


@pytest.mark.parametrize(
    ("level", "severity"), [("info", "info"), ("warning", "warning"), ("ERROR", "critical"), (None, "warning")]
)
def test_an_alert_event_is_passed_on_with_its_level(level: str | None, severity: str) -> None:
    """Title and text are as given, the level becomes the severity."""
    line = Timeline()
    [alert] = line.read(1, event(1, "alert", title="Accuracy fell", text="from 0.9 to 0.2", level=level))
    assert (alert.rule, alert.title, alert.text, alert.severity) == (
        "user",
        "Accuracy fell",
        "from 0.9 to 0.2",
        severity,
    )


def test_each_alert_event_is_an_alert_of_its_own_and_is_told_once() -> None:
    """Two events with the same words are two alerts; the same event read again, also after a restart, is none."""
    line = Timeline()
    first, second = (event(1, "alert", title="Look", place=place) for place in (1, 2))
    line.read(1, first, second)
    line.read(2, first)
    line.restart()
    line.read(3, first, second)
    assert len({alert.id for alert in line.alerts}) == len(line.alerts) == 2
