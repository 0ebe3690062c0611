"""The rule for processes that were killed or ended by an error, and what a crash keeps quiet."""

from __future__ import annotations

from typing import Any

import pytest
from timeline import Timeline, event, micros, pulse

from runwire.wire import Alert, Event, Pulse


def test_an_exception_fires_with_its_text() -> None:
    """The alert holds the exception's kind and message, the last lines of its traceback, and the step."""
    line = Timeline()
    line.read(1, pulse(1))
    trace = "\n".join([*(f"line {number}" for number in range(100)), "ValueError: shapes differ"])
    [alert] = line.read(1.5, event(1.5, "exception", kind="ValueError", message="shapes differ", traceback=trace))
    assert (alert.rule, alert.severity, alert.rank, alert.step) == ("crash", "critical", 0, 10)
    assert (alert.caused_at, alert.fired_at) == (micros(1.5), micros(1.5))
    assert alert.title == "bold-mlp crashed: ValueError: shapes differ"
    assert alert.text.startswith("bold-mlp (run) of digits, rank 0 on node-1: crashed at step 10.\n…\nline 71\n")
    assert alert.text.endswith("ValueError: shapes differ")


@pytest.mark.parametrize("first", ["event", "pulse"])
def test_a_kill_fires_once_whichever_says_it_first(first: str) -> None:
    """The lost event and the last pulse both tell of a kill; together they make one alert."""
    line = Timeline()
    line.read(1, pulse(1))
    records: list[Pulse | Event] = [event(2, "lost", reason="killed"), pulse(2, alive=False, ended="killed")]
    for record in records if first == "event" else reversed(records):
        line.read(2, record)
    line.silence(2, 600)
    assert line.said == [("crash", "firing", 1)]
    assert line.alerts[0].title == "bold-mlp was killed"


def test_a_failed_finish_fires_and_a_good_one_does_not() -> None:
    """Exit code 3 is a crash; exit code 0 is the end of a run, after which nothing is missed."""
    line = Timeline()
    line.read(1, pulse(1, run="bad"), pulse(1, run="good"))
    line.read(2, event(2, "finish", run="bad", exit_code=3), event(2, "finish", run="good", exit_code=0))
    line.read(2, pulse(2, run="good", alive=False, ended="finished"))
    line.silence(2, 600)
    assert [(alert.run, alert.title) for alert in line.alerts] == [("bad", "bold-mlp ended with exit code 3")]


def test_exception_and_failed_finish_are_one_crash() -> None:
    """What one failing process says of its end, in three records, is one alert, with the exception's text."""
    line = Timeline()
    line.read(1, pulse(1))
    line.read(2, pulse(2, alive=False, ended="failed"))
    line.read(2, event(2, "exception", kind="OSError", message="disk full"), event(2, "finish", exit_code=1, place=10))
    line.silence(2, 600)
    assert [alert.title for alert in line.alerts] == ["bold-mlp crashed: OSError: disk full"]


def test_a_failure_without_its_exception_fires_after_two_seconds() -> None:
    """The pulse says that a run failed; if bulk traffic holds up the exception, the alert does not wait for it."""
    line = Timeline()
    line.read(1, pulse(1))
    line.read(2, pulse(2, alive=False, ended="failed"))
    assert line.tick(3) == []
    assert [alert.title for alert in line.tick(4)] == ["bold-mlp ended by an error"]


def test_ctrl_c_is_no_crash() -> None:
    """Whoever pressed Ctrl-C knows, so neither the exception nor the failed end that follows fires."""
    line = Timeline()
    line.read(1, pulse(1))
    line.read(2, event(2, "exception", kind="KeyboardInterrupt", message=""))
    line.read(2, event(2, "finish", exit_code=1, place=10), pulse(2, alive=False, ended="failed"))
    line.silence(2, 600)
    assert line.alerts == []


def test_the_next_attempt_resolves_and_may_crash_anew() -> None:
    """The start of the rank's next attempt resolves the alert; its own crash is the second episode."""
    line = Timeline()
    line.read(1, pulse(1))
    line.read(2, event(2, "lost"))
    line.read(30, event(30, "start", attempt=30, place=1, project="digits", name="bold-mlp", host="node-2"))
    line.read(31, event(31, "lost", attempt=30))
    assert line.said == [("crash", "firing", 1), ("crash", "resolved", 1), ("crash", "firing", 2)]
    assert line.alerts[-1].host == "node-2"


def test_a_late_word_of_an_old_attempts_death_is_no_crash_of_the_new() -> None:
    """A shipper that comes back and finds an old spool's process dead says nothing about the attempt that runs now."""
    line = Timeline()
    line.live(31, 34, attempt=30)
    line.read(34, event(34, "lost", attempt=0))
    assert line.alerts == []


@pytest.mark.parametrize(
    "end",
    [
        (event(30, "lost", reason="SIGTERM", stopped=True),),
        (event(30, "finish", exit_code=1, stopped=True),),
        (event(30, "exception", kind="ValueError", stopped=True), event(30.1, "finish", exit_code=1, stopped=True)),
    ],
)
@pytest.mark.parametrize("pulse_first", [False, True])
def test_an_end_that_was_asked_for_or_planned_is_no_crash(end: tuple[Event, ...], *, pulse_first: bool) -> None:
    """However the process ended; also if its last pulse comes before its event, which is another topic's."""
    line = Timeline()
    line.live(1, 30)
    last = pulse(30, alive=False, ended="stopped")
    line.read(30, *((last, *end) if pulse_first else (*end, last)))
    line.silence(30, 600)
    assert {alert.rule for alert in line.alerts} <= {"preempted"}


def test_a_run_that_said_it_would_stop_and_hangs_is_watched_as_ever() -> None:
    """A planned stop silences nothing while the process lives."""
    line = Timeline()
    line.live(1, 20)
    line.read(20, event(20, "planned_stop", reason="time limit", until=micros(80)))
    line.live(20, 300, progressed=20)
    assert line.said == [("stalled", "firing", 1)]


def test_many_ranks_that_are_killed_are_one_alert() -> None:
    """A job of 64 ranks that is killed makes one alert; those that were told later join it."""
    line = Timeline()
    line.read(1, *(pulse(1, rank=rank) for rank in range(64)))
    line.read(2, *(event(2, "lost", rank=rank) for rank in range(64)))
    line.silence(2, 600)
    assert [(alert.rule, alert.rank) for alert in line.alerts] == [("crash", 0)]


def test_a_crash_before_the_first_pulse_knows_the_run_by_its_start() -> None:
    """A script that fails right after init is named as its start event named it."""
    line = Timeline()
    line.read(1, event(1, "start", place=1, project="digits", name="bold-mlp", host="node-1"))
    [alert] = line.read(1, event(1, "exception", kind="KeyError", message="'lr'"))
    assert (alert.project, alert.name, alert.host) == ("digits", "bold-mlp", "node-1")


def test_a_crash_resolves_the_stall_and_the_silence_of_its_rank() -> None:
    """A stalled run that is killed has crashed, and neither stalls nor is missed any more."""
    line = Timeline()
    line.live(1, 200, progressed=20)
    assert line.said == [("stalled", "firing", 1)]
    line.read(200, event(200, "lost"), pulse(200, alive=False, ended="killed"))
    line.silence(200, 600)
    assert line.said[1:] == [("crash", "firing", 1), ("stalled", "resolved", 1)]


def test_ranks_that_wait_for_a_crashed_one_are_not_called_stalled() -> None:
    """One rank's death makes the others hang; that is one cause, so one alert. A later stall of theirs is another."""
    line = Timeline()
    line.live(1, 20)
    line.read(20, pulse(20, rank=1), event(20.5, "lost", rank=1))
    line.live(21, 400, progressed=20.4)
    assert line.said == [("crash", "firing", 1)]
    line.live(400, 440)
    line.live(440, 600, progressed=439)
    assert line.said[1:] == [("stalled", "firing", 1)]


def test_what_is_read_again_turns_nothing_back() -> None:
    """The last pulse of an attempt that was killed, read after pulses of the next one, is known to be old."""
    line = Timeline()
    line.live(51, 54, attempt=50)
    line.read(54, pulse(40, alive=False, ended="killed"))
    assert line.alerts == []


@pytest.mark.parametrize("first", ["event", "pulse"])
def test_the_last_lines_of_the_console_come_with_it_whichever_word_is_read_first(first: str) -> None:
    """A killed process's event and its last pulse both tell what it printed: the alert has it, and is one."""
    line = Timeline()
    line.live(0, 5)
    words = [event(5, "lost", reason="killed", console=["step 49", "step 50"]),
             pulse(5, alive=False, ended="killed", console=["step 49", "step 50"])]  # fmt: skip
    line.read(5, *(words if first == "event" else words[::-1]))
    [fired] = line.alerts
    assert fired.console == ["step 49", "step 50"]
    assert Alert.parse(fired.encode()) == fired


def test_an_alert_has_the_runs_tags() -> None:
    """Routes choose by them: those that the run had when it fired."""
    line = Timeline()
    line.read(0, event(0, "start", tags=["prod", "old"]), event(1, "tags", tags=["llm"], removed=["old"]))
    line.live(1, 5)
    line.read(5, event(5, "lost", reason="killed"))
    assert line.alerts[0].tags == ["llm", "prod"]


def torchrun(at: float, count: int, most: int, **more: Any) -> Pulse:
    """Return a pulse of a process that torchrun has started anew ``count`` times, of ``most``."""
    return pulse(at, restarts=count, restarts_max=most, **more)


def test_a_death_that_the_launcher_heals_is_no_crash() -> None:
    """It is told as restarting, which the next attempt resolves; the last one, with no restart left, is a crash."""
    line = Timeline()
    line.read(1, torchrun(1, 0, 1))
    line.read(2, event(2, "exception", kind="OSError", message="gone"), event(2, "finish", exit_code=1, place=10))
    line.silence(2, 30)
    line.read(30, event(30, "start", attempt=30, place=1, restarts={"count": 1, "max": 1}))
    line.read(31, event(31, "exception", kind="OSError", message="gone", attempt=30))
    assert line.said == [("crash", "firing", 1)]
    first, healed, last = line.alerts
    assert [(alert.rule, alert.state) for alert in (first, healed)] == [
        ("restarting", "firing"),
        ("restarting", "resolved"),
    ]
    assert (first.severity, first.title) == ("info", "bold-mlp crashed: OSError: gone (restarting 1 of 1)")
    assert "Restarts of the job so far: 1 of 1." in last.text


def test_a_restart_that_does_not_come_is_a_crash_after_ninety_seconds() -> None:
    """Also if the worker was started anew meanwhile and read the death again."""
    for restarted in (False, True):
        line = Timeline()
        line.read(1, torchrun(1, 0, 3))
        death = (event(2, "lost"), torchrun(2, 0, 3, alive=False, ended="killed"))
        line.read(2, *death)
        if restarted:
            line.restart()
            line.read(2, *death)
        line.silence(2, 200)
        assert [(alert.rule, alert.fired_at) for alert in line.alerts] == [
            ("restarting", micros(2)),
            ("crash", micros(92)),
        ]
        line.read(200, pulse(200, attempt=200))
        assert [(alert.rule, alert.state) for alert in line.alerts[2:]] == [
            ("crash", "resolved"),
            ("restarting", "resolved"),
        ]


def test_a_skewed_clock_hides_no_crash() -> None:
    """A rank whose host's clock is an hour behind crashes long after another rank's crash was healed."""
    line = Timeline()
    line.read(1, pulse(1), pulse(1 - 3600, rank=1, attempt=-3600))
    line.read(2, event(2, "lost"))
    line.read(30, pulse(30, attempt=30), pulse(30 - 3600, rank=1, attempt=-3570))
    line.read(900, pulse(900, attempt=30), pulse(900 - 3600, rank=1, attempt=-3570))
    line.read(901, event(901 - 3600, "lost", rank=1, attempt=-3570))
    assert [(alert.rule, alert.state, alert.rank) for alert in line.alerts] == [
        ("crash", "firing", 0),
        ("crash", "resolved", 0),
        ("crash", "firing", 1),
    ]
