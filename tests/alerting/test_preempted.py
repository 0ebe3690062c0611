"""The rule for runs that were ended from outside, as planned."""

from __future__ import annotations

from timeline import Timeline, event, pulse


def test_an_end_by_sigterm_is_recorded_and_the_next_attempt_resolves_it() -> None:
    """It names the reason and the checkpoint, and nobody is told of it unless a declaration says so."""
    line = Timeline()
    line.read(1, pulse(1, checkpoint_step=5, checkpoint_at=pulse(1).sent))
    line.read(2, event(2, "lost", reason="SIGTERM", stopped=True), pulse(2, alive=False, ended="stopped"))
    line.silence(2, 60)
    line.read(60, event(60, "start", attempt=60, place=1))
    assert [(alert.rule, alert.state) for alert in line.alerts] == [("preempted", "firing"), ("preempted", "resolved")]
    assert line.said == []
    alert = line.alerts[0]
    assert (alert.severity, alert.title) == ("info", "bold-mlp was stopped: SIGTERM")
    assert "Its last checkpoint is of step 5" in alert.text


def test_a_planned_stop_gives_its_reason() -> None:
    """A run that said that its time is over, and finished by an error within it."""
    line = Timeline()
    line.read(1, pulse(1), event(1, "planned_stop", reason="time limit", until=0))
    line.read(2, event(2, "finish", exit_code=1, stopped=True))
    assert [alert.title for alert in line.alerts] == ["bold-mlp was stopped: time limit"]


def test_a_run_that_was_asked_to_stop_was_not_preempted() -> None:
    """Whoever asked knows; so it is with Ctrl-C, and with an end that is none but the run's own."""
    line = Timeline()
    for run in ("a", "b", "c"):
        line.read(1, pulse(1, run=run))
    line.read(
        2, event(2, "stopping", run="a", by="runwire stop"), event(2, "finish", run="a", exit_code=0, stopped=True)
    )
    line.read(2, event(2, "exception", run="b", kind="KeyboardInterrupt"), event(2, "finish", run="c", exit_code=0))
    line.silence(2, 300)
    assert line.alerts == []


def test_ranks_that_the_launcher_ends_because_of_another_were_not_preempted() -> None:
    """Torchrun sends SIGTERM to those that live when one dies: one cause, one alert."""
    line = Timeline()
    line.read(1, *(pulse(1, rank=rank) for rank in range(8)))
    line.read(2, event(2, "exception", rank=3, kind="ValueError", message="no"))
    line.read(3, *(event(3, "lost", rank=rank, reason="SIGTERM", stopped=True) for rank in range(8) if rank != 3))
    assert [(alert.rule, alert.rank) for alert in line.alerts] == [("crash", 3)]


def test_all_ranks_that_are_preempted_together_are_one_alert_told_once() -> None:
    """Also if they are read again after a restart of the worker."""
    line = Timeline()
    line.read(1, *(pulse(1, rank=rank) for rank in range(8)))
    words = [event(2, "lost", rank=rank, reason="SIGTERM", stopped=True) for rank in range(8)]
    line.read(2, *words)
    line.restart()
    line.read(3, *words)
    assert [(alert.rule, alert.rank) for alert in line.alerts] == [("preempted", 0)]
