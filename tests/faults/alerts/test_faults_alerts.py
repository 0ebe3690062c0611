"""A short fault round of alerting: as the long one, with two kills and a fault of each sort."""

from __future__ import annotations

from pathlib import Path

from faults.alerts import plan, report, rounds, watchers

_ALERTS = 12
_KINDS = (
    "kill alerting",
    "kill alerting",
    "freeze alerting",
    "add worker",
    "add worker",
    "kill worker",
    "webhook answers 500",
    "webhook hangs",
)


def test_every_transition_is_told_at_least_once_under_one_key_whatever_befalls_alerting(tmp_path: Path) -> None:
    """What went wrong is in the history once, and all of that, in order and signed, is what the webhook took."""
    with watchers.started(tmp_path / "faults") as its:
        outcome = rounds.play(plan.make(1, _ALERTS, _KINDS), its)
    assert not report.complaints(outcome)
    assert outcome.good
    assert outcome.total.alerts == _ALERTS
    assert outcome.total.transitions > _ALERTS
    assert outcome.total.requests > outcome.total.transitions, "nothing was sent again: the faults met nobody"
    assert sum(outcome.faults.values()) >= len(_KINDS) - 2, "too many faults found no victim"
