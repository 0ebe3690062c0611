"""Being asked to stop, and ends that are planned: what a training sees of it, and what its spool then says."""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from parts import until

import runwire
from producers.conftest import spools
from producers.spooled import logged, told
from runwire.spool import INBOX, TERMINATED
from runwire.spool.folder import found
from runwire.wire import StopRequest

Train = Callable[..., "subprocess.Popen[str]"]
Begin = Callable[..., runwire.Run]


@pytest.fixture
def begin(home: Path) -> Iterator[Begin]:
    """Begin an offline run: ``begin(setting=…)``."""
    begun: list[runwire.Run] = []

    def begin(**settings: str) -> runwire.Run:
        run = runwire.init(project="t", dir=home, settings={"mode": "offline", **settings}, reinit="create_new")
        begun.append(run)
        return run

    yield begin
    for run in begun:
        run.finish()


def ask(run: runwire.Run, asked_at: int = 7) -> None:
    """Put a request into a run's inbox, as the shipper does."""
    assert run.folder is not None
    request = StopRequest(run.id, int(run.folder.name), "ada@desk", "the loss is flat", asked_at)
    with (run.folder / INBOX).open("ab") as inbox:
        inbox.write(request.encode() + b"\n")


def asked(run: runwire.Run) -> None:
    """Ask a run to stop, and wait until it knows."""
    assert not run.should_stop
    ask(run)
    until(lambda: told(run, "stopping"), "the run answers")
    until(lambda: run.should_stop, "the training is told")


def test_a_run_that_is_asked_to_stop_says_that_it_knows_and_that_it_obeyed(
    begin: Begin, capsys: pytest.CaptureFixture[str]
) -> None:
    """should_stop turns true, who asks and why are printed and recorded once, and the finish says that it is a stop."""
    run = begin()
    asked(run)
    ask(run)  # a shipper that restarts repeats itself
    run.log({"loss": 1.0})
    run.finish()
    assert told(run, "stopping") == [{"by": "ada@desk", "reason": "the loss is flat", "asked_at": 7}]
    assert told(run, "finish") == [{"exit_code": 0, "stopped": True}]
    assert capsys.readouterr().err.count("ada@desk asks this run to stop: the loss is flat") == 1


def test_a_second_request_is_answered_by_itself(begin: Begin) -> None:
    """Whoever asks again is told that the run knows of that, too."""
    run = begin()
    asked(run)
    ask(run, asked_at=8)
    until(lambda: len(told(run, "stopping")) == 2, "both are answered")
    assert [answer["asked_at"] for answer in told(run, "stopping")] == [7, 8]


def test_a_training_that_never_looks_has_finished_and_not_obeyed(begin: Begin) -> None:
    """What was asked for and did not come about is not told as if it had."""
    run = begin()
    ask(run)
    until(lambda: told(run, "stopping"), "the run answers")
    run.finish()
    assert told(run, "finish") == [{"exit_code": 0}]


@pytest.mark.parametrize("known", [True, False])
def test_the_next_log_raises_once_where_the_settings_say_so_and_keeps_its_values(begin: Begin, *, known: bool) -> None:
    """Of a row as before and of a new one; a training that catches it can log what it comes to."""
    run = begin(stop="raise")
    for _ in range(3):
        run.log({"loss": 1.0})
    asked(run)
    with pytest.raises(runwire.Stopped, match=r"ada@desk asked run .* to stop: the loss is flat") as raised:
        run.log({"loss" if known else "last": 2.0})
    assert (raised.value.by, raised.value.reason) == ("ada@desk", "the loss is flat")
    run.log({"loss": 3.0})
    assert [list(values.values()) for _, values in logged(run)] == [[1.0]] * 3 + [[2.0], [3.0]]


def test_no_log_raises_unless_the_settings_say_so(begin: Begin) -> None:
    """By itself a request changes nothing but should_stop."""
    run = begin()
    run.log({"loss": 1.0})
    asked(run)
    run.log({"loss": 2.0})
    assert len(logged(run)) == 2


def test_a_program_that_ends_by_stopped_was_stopped_and_has_not_failed(home: Path, train: Train) -> None:
    """Uncaught it is shown and ends the program as any exception; the run tells a stop and no exception."""
    process = train(
        """
import runwire, sys
from runwire.spool import INBOX
from runwire.wire import StopRequest
run = runwire.init(settings={"stop": "raise", "mode": "offline"})
request = StopRequest(run.id, int(run.folder.name), "ada", "", 7)
(run.folder / INBOX).write_bytes(request.encode() + b"\\n")
while True:
    run.log({"loss": 1.0})
"""
    )
    _, err = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "Stopped: ada asked run" in err
    (folder,) = found(spools(home))
    assert told(folder, "exception") == []
    assert told(folder, "finish") == [{"exit_code": 1, "stopped": True}]


def test_an_error_after_a_request_is_an_error(begin: Begin) -> None:
    """A checkpoint that cannot be saved at a stop is no stop that went well."""
    run = begin()
    asked(run)
    with pytest.raises(OSError, match="full"), run:
        raise OSError("full")
    assert "stopped" not in told(run, "exception")[0]
    assert told(run, "finish") == [{"exit_code": 1}]


@pytest.mark.parametrize(("grace", "stopped"), [(60.0, True), (0.05, False)])
def test_an_end_within_the_grace_of_a_planned_stop_is_that_stop(begin: Begin, grace: float, *, stopped: bool) -> None:
    """However it ends; one that lives on longer ends as ever."""
    run = begin()
    run.planned_stop("time limit", grace=grace)
    until(lambda: stopped or time.time_ns() // 1000 > told(run, "planned_stop")[0]["until"], "the grace is over")
    with pytest.raises(ValueError, match="gone"), run:
        raise ValueError("the others are gone")
    [planned] = told(run, "planned_stop")
    assert planned["reason"] == "time limit"
    assert told(run, "exception")[0].get("stopped", False) is stopped
    assert told(run, "finish")[0].get("stopped", False) is stopped


def test_a_handler_that_exits_by_143_tells_sigterm(home: Path, train: Train) -> None:
    """The code by which shells and handlers tell that SIGTERM ended a program, as 130 tells Ctrl-C."""
    train("import runwire, sys; runwire.init(mode='offline'); sys.exit(143)").communicate(timeout=60)
    (folder,) = found(spools(home))
    assert [planned["reason"] for planned in told(folder, "planned_stop")] == ["SIGTERM"]
    assert told(folder, "finish") == [{"exit_code": 143, "stopped": True}]


def test_what_is_no_number_of_seconds_is_said_and_passed_over(begin: Begin, capsys: pytest.CaptureFixture[str]) -> None:
    """A planned stop is recorded all the same: it may be the last thing that the run says."""
    run = begin()
    run.planned_stop("preempted", grace="soon")  # type: ignore[arg-type]
    assert told(run, "planned_stop")[0]["reason"] == "preempted"
    assert "the grace of a planned stop is 'soon'" in capsys.readouterr().err


def test_a_stop_is_planned_in_the_middle_of_log(begin: Begin) -> None:
    """By a signal's handler, again and again: every row and every announcement is there, and whole."""
    run = begin()
    announced = 0

    def announce(*_: object) -> None:
        nonlocal announced
        announced += 1
        run.planned_stop(f"notice {announced}")

    before = signal.signal(signal.SIGALRM, announce)
    signal.setitimer(signal.ITIMER_REAL, 0.001, 0.001)
    try:
        for step in range(20_000):
            run.log({"loss": step}, step=step)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    run.finish()
    assert announced > 0
    reasons = [planned["reason"] for planned in told(run, "planned_stop")]
    assert sorted(reasons) == sorted(f"notice {number + 1}" for number in range(announced))  # handlers may nest
    assert logged(run) == [(step, {"loss": float(step)}) for step in range(20_000)]


@pytest.mark.parametrize(("ending", "same"), [("run.planned_stop('time limit')", True), ("", False)])
def test_resume_auto_goes_on_with_a_run_that_was_stopped(train: Train, ending: str, *, same: bool) -> None:
    """A job that is put into the queue again goes on; one that was finished begins anew."""
    code = f"import runwire\nrun = runwire.init(resume='auto', mode='offline')\nprint(run.id)\n{ending}\nrun.finish()"
    first, second = (train(code).communicate(timeout=60)[0] for _ in range(2))
    assert first
    assert (first == second) is same


#: Begins a run, says that it is ready, and hangs within C without ever coming back to the interpreter.
HANG = """
import ctypes, runwire
run = runwire.init(mode="offline")
run.log({"loss": 1.0})
print("ready", flush=True)
ctypes.PyDLL(None).sleep(60)
"""


def ready(process: subprocess.Popen[str]) -> subprocess.Popen[str]:
    """Wait until a training says that it is ready."""
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def noted(home: Path) -> bool:
    """Return whether the only spool tells of SIGTERM."""
    (folder,) = found(spools(home))
    return (folder / TERMINATED).exists() and (folder / TERMINATED).stat().st_size > 0


def test_sigterm_ends_a_program_that_hangs_at_once_as_ever_and_is_noted_down(home: Path, train: Train) -> None:
    """By the signal, in a call into C that keeps the interpreter's lock: no handler of ours is in the way."""
    process = ready(train(HANG))
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=10) == -signal.SIGTERM
    assert noted(home)


@pytest.mark.parametrize(
    ("before", "after", "settings"),
    [
        ("signal.signal(signal.SIGTERM, theirs)", "", {}),
        ("", "signal.signal(signal.SIGTERM, theirs)", {}),
        ("faulthandler.register(signal.SIGTERM, chain=True)", "", {}),
        ("", "", {"RUNWIRE_SIGTERM": "leave"}),
        ("signal.signal(signal.SIGTERM, signal.SIG_IGN)", "", {}),
    ],
)
def test_a_program_that_has_its_own_way_with_sigterm_keeps_it(
    home: Path, train: Train, before: str, after: str, settings: dict[str, str]
) -> None:
    """A handler of before or after init(), one below Python, or that the signal is ignored; and nothing is noted."""
    ignored = "SIG_IGN" in before
    process = ready(
        train(
            f"""
import faulthandler, signal, sys, runwire
theirs = lambda *_: (print("theirs", flush=True), sys.exit(9))
{before}
run = runwire.init(mode="offline")
{after}
print("ready", flush=True)
sys.stdin.readline()
""",
            **settings,
        )
    )
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate("go on\n" if ignored else "", timeout=30)
    expected = 0 if ignored else 9 if "theirs" in before + after else -signal.SIGTERM
    assert process.returncode == expected, err
    assert ("theirs" in out) is (expected == 9)
    assert ("most recent call first" in err) is ("faulthandler" in before)
    assert not noted(home)


def test_to_python_sigterm_looks_as_if_nobody_had_touched_it(begin: Begin) -> None:
    """Trainers that look whether there is a handler, and call or spare what they find, find none."""
    before = signal.getsignal(signal.SIGTERM)
    begin()
    assert signal.getsignal(signal.SIGTERM) is before is signal.SIG_DFL


def test_sigterm_to_a_forked_child_tells_nothing_of_its_parents_run(home: Path, train: Train) -> None:
    """A DataLoader's workers are ended by it, by the default action, each time."""
    process = train(
        """
import os, runwire, signal, sys
run = runwire.init(mode="offline")
child = os.fork()
if child == 0:
    signal.pause()
os.kill(child, signal.SIGTERM)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
os.kill(os.getpid(), signal.SIGKILL)
"""
    )
    out, _ = process.communicate(timeout=30)
    assert out == "-15\n"
    assert not noted(home)


def test_sigterm_to_a_forked_child_with_a_run_of_its_own_is_told_of_that_one(home: Path, train: Train) -> None:
    """Whoever begins a run in a child has it told as any other."""
    process = train(
        """
import os, runwire, signal, sys, time
run = runwire.init(id="parent", mode="offline")
reading, writing = os.pipe()
child = os.fork()
if child == 0:
    runwire.init(id="child", mode="offline")
    os.write(writing, b"ready")
    time.sleep(60)
os.read(reading, 5)
os.kill(child, signal.SIGTERM)
os.waitpid(child, 0)
os.kill(os.getpid(), signal.SIGKILL)
"""
    )
    process.communicate(timeout=30)
    by_run = {folder.parts[-3]: (folder / TERMINATED).stat().st_size > 0 for folder in found(spools(home))}
    assert by_run == {"parent": False, "child": True}


def test_sigterm_is_noted_down_for_all_runs_of_a_process(home: Path, train: Train) -> None:
    """Also of those that began before the last one, and when an earlier one has finished."""
    process = ready(
        train(
            """
import runwire, time
one = runwire.init(id="one", mode="offline")
one.finish()
two = runwire.init(id="two", mode="offline", reinit="create_new")
three = runwire.init(id="three", mode="offline", reinit="create_new")
print("ready", flush=True)
time.sleep(60)
"""
        )
    )
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=10) == -signal.SIGTERM
    by_run = {folder.parts[-3]: (folder / TERMINATED).stat().st_size > 0 for folder in found(spools(home))}
    assert by_run == {"one": False, "two": True, "three": True}


def test_the_jobs_time_limit_is_told_at_the_start(begin: Begin, monkeypatch: pytest.MonkeyPatch) -> None:
    """SLURM names it; what is no time is passed over."""
    monkeypatch.setenv("SLURM_JOB_END_TIME", "1800000000")
    assert told(begin(), "start")[0]["time_limit_at"] == 1_800_000_000_000_000
    monkeypatch.setenv("SLURM_JOB_END_TIME", "Unknown")
    assert "time_limit_at" not in told(begin(), "start")[0]


def test_a_request_that_comes_behind_the_end_says_nothing_more(begin: Begin) -> None:
    """Nobody reads on behind a run's finish."""
    run = begin()
    run.finish()
    assert run.folder is not None
    ask(run)
    run._recording._companion.stop()  # type: ignore[union-attr]  # looks a last time
    assert told(run, "stopping") == []
    assert (run.folder / INBOX).stat().st_size > 0
