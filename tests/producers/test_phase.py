"""What a run says of its phases and checkpoints, and that pulses tell it, whatever becomes of the shipper."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from parts import until

import runwire
from producers.arrival import Reading
from producers.conftest import shipper
from producers.spooled import told


@pytest.fixture
def run(home: Path) -> Iterator[runwire.Run]:  # noqa: ARG001 - where it lies
    """A run whose data stays in its spool."""
    with runwire.init(mode="offline") as begun:
        yield begun


def test_begin_and_end_of_phases_are_told(run: runwire.Run) -> None:
    """The end of an inner one leads back to the outer one, also by an exception."""
    with run.phase("eval", limit=1800), contextlib.suppress(KeyError), runwire.phase("checkpoint"):
        raise KeyError
    assert told(run, "phase") == [
        {"phase": "eval", "limit": 1800.0},
        {"phase": "checkpoint", "limit": None},
        {"phase": "eval", "limit": 1800.0},
        {"phase": None, "limit": None},
    ]


def test_a_phase_that_another_thread_ended_does_not_come_back(run: runwire.Run) -> None:
    """As a checkpoint that is written beside the training: its end, and the end of what began meanwhile, are told."""
    begun, end = threading.Event(), threading.Event()

    def save() -> None:
        with run.phase("checkpoint", limit=900):
            begun.set()
            end.wait(60)

    thread = threading.Thread(target=save)
    thread.start()
    begun.wait(60)
    with run.phase("eval"):
        end.set()
        thread.join()
    assert [data["phase"] for data in told(run, "phase")] == ["checkpoint", "eval", "eval", None]


@pytest.mark.parametrize("limit", ["soon", -1, 0, float("nan"), float("inf"), [3], 10**400])
def test_a_limit_that_is_none_stops_nothing(run: runwire.Run, limit: Any, capsys: pytest.CaptureFixture[str]) -> None:
    """It is said, and the phase is told without one."""
    capsys.readouterr()
    with run.phase("eval", limit=limit):
        pass
    assert "the limit of a phase is" in capsys.readouterr().err
    assert told(run, "phase")[0] == {"phase": "eval", "limit": None}


def test_a_run_that_is_finished_in_a_phase_ends_well(home: Path) -> None:  # noqa: ARG001 - where it lies
    """The phase's end is then nobody's business."""
    run = runwire.init(mode="offline")
    with run.phase("shutdown"):
        run.finish()
    assert len(told(run, "phase")) == 1
    with pytest.raises(runwire.errors.RunFinishedError, match=r"phase\(\) came after finish"), run.phase("eval"):
        pass


def test_checkpoints_are_told(run: runwire.Run, capsys: pytest.CaptureFixture[str]) -> None:
    """With their step and path; a step that is none is said."""
    run.checkpoint_loaded(100, Path("old.pt"))
    runwire.checkpoint_saved(200)
    capsys.readouterr()
    run.checkpoint_saved("last")  # type: ignore[arg-type]
    assert "the step of a checkpoint is 'last', not an int64" in capsys.readouterr().err
    assert told(run, "checkpoint") == [
        {"action": "loaded", "step": 100, "path": "old.pt"},
        {"action": "saved", "step": 200, "path": None},
    ]


def test_pulses_tell_phase_and_place_also_after_the_shipper_was_killed(
    kafka: str, home: Path, train: Callable[..., Any]
) -> None:
    """The next shipper knows what was said before, though it does not read it again."""
    code = """
import runwire, sys
run = runwire.init(id="phases")
run.log({"loss": 1.0})
run.checkpoint_saved(70)
with run.phase("checkpoint", limit=321):
    sys.stdin.readline()
"""
    place = {"TORCHELASTIC_RESTART_COUNT": "1", "TORCHELASTIC_MAX_RESTARTS": "3", "RUNWIRE_PIPELINE_RANK": "2"}
    process = train(code, RUNWIRE_KAFKA=kafka, **place)
    reading = Reading(kafka, "phases")
    said = ("checkpoint", 321.0, 70, 1, 3, 2)

    def doing(pulse: Any) -> tuple[Any, ...]:
        phase = (pulse.phase, pulse.phase_limit, pulse.checkpoint_step)
        return (*phase, pulse.restarts, pulse.restarts_max, pulse.stage)

    reading.until(lambda a: any(doing(p) == said for p in a.pulses), "a pulse of the phase")
    pid = shipper(home)
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    until(lambda: shipper(home) not in {None, pid}, "the next shipper")
    seen = len(reading.arrived.pulses)
    reading.until(lambda a: len(a.pulses) > seen + 1, "its pulses")
    assert {doing(p) for p in reading.arrived.pulses[seen:]} == {said}
    process.communicate("\n", timeout=60)
    arrived = reading.until(lambda a: a.ended == ["finished"], "the end")
    assert (arrived.pulses[-1].phase, arrived.pulses[-1].phase_since is None) == (None, False)
    reading.close()
