"""The machine's figures beside a run: what is told, by whom, at which steps, and what they must not touch."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pynvml
import pytest
from parts import until

import runwire
from producers.arrival import Reading
from producers.conftest import spools
from producers.spooled import logged
from runwire._recorder import Recorder
from runwire.shipper.vitals import Progress, Vitals
from runwire.spool import Reader, Rows, Writer
from runwire.spool.folder import found
from runwire.system import gpu
from runwire.system.kernel import KernelLog, Xid

_HOST = {"cpu", "memory", "memory_percent", "disk/percent", "disk/free"}
_PROCESS = {"process/cpu", "process/memory", "process/threads"}
#: Begins a run whose machine is sampled, says so, and goes on until it is told to end.
_PROGRAM = """
import runwire, sys
with runwire.init(id="r", settings={"system_interval": 0.25}) as run:
    run.log({"loss": 1.0}, step=41)
    print(run.step, flush=True)
    sys.stdin.readline()
    run.log({"loss": 0.5})
"""


def _samples(folder: Path) -> list[tuple[int, dict[str, float]]]:
    """The samples that lie in a spool."""
    return [(step, values) for step, values in logged(folder) if all(name.startswith("system/") for name in values)]


@pytest.fixture
def sampled(train: Callable[..., Any], home: Path) -> Callable[..., tuple[Any, Path]]:
    """Start a program offline, and return it with its spool once it has three samples."""

    def start(program: str = _PROGRAM, **environment: str) -> tuple[Any, Path]:
        process = train(program, RUNWIRE_MODE="offline", **environment)
        assert process.stdout.readline() == "42\n"
        (folder,) = found(spools(home))
        until(lambda: len(_samples(folder)) >= 3, "three samples")
        return process, folder

    return start


def test_samples_tell_of_the_host_and_the_process_at_the_time_they_were_taken(
    sampled: Callable[..., tuple[Any, Path]],
) -> None:
    """Their steps are milliseconds since the epoch and rise; figures are in their bounds; the run's steps go on."""
    process, folder = sampled()
    process.communicate("\n", timeout=60)
    samples = _samples(folder)
    begun = folder.joinpath("meta.json").stat().st_mtime * 1000
    assert all(begun - 1000 < step < begun + 120_000 for step, _ in samples)
    assert [step for step, _ in samples] == sorted({step for step, _ in samples})
    for _, values in samples:
        figures = {name.removeprefix("system/"): value for name, value in values.items()}
        assert figures.keys() >= _HOST | _PROCESS
        assert all(value >= 0 for value in figures.values())
        assert all(figures[name] <= 100 for name in ("cpu", "memory_percent", "disk/percent"))
        assert 1e6 < figures["process/memory"] < figures["memory"]
    assert [(step, values["loss"]) for step, values in logged(folder) if "loss" in values] == [(41, 1.0), (42, 0.5)]


def test_only_the_first_process_of_a_host_tells_the_hosts_figures(sampled: Callable[..., tuple[Any, Path]]) -> None:
    """Another rank of the host tells of its own process."""
    process, folder = sampled(LOCAL_RANK="1")
    assert {name.removeprefix("system/") for name in _samples(folder)[-1][1]} == _PROCESS
    process.communicate("\n", timeout=60)


def test_nothing_is_sampled_where_it_is_turned_off(train: Callable[..., Any]) -> None:
    """With an interval of 0 and without the machine, not even psutil is loaded."""
    code = """
import runwire, sys
with runwire.init(mode="offline") as run:
    assert run._recording._companion._sampler is None
    run.log({"loss": 1.0})
print("psutil" in sys.modules, "pynvml" in sys.modules)
"""
    out, _ = train(code).communicate(timeout=60)
    assert out == "False False\n"


def test_a_missing_psutil_is_said_once_and_the_training_goes_on(home: Path, train: Callable[..., Any]) -> None:
    """There are no figures then, and all rows."""
    process = train("import sys; sys.modules['psutil'] = None" + _PROGRAM, RUNWIRE_MODE="offline")
    assert "no figures of the machine: " in process.stderr.readline()
    _, err = process.communicate("\n", timeout=60)
    assert process.returncode == 0
    assert "figures" not in err
    (folder,) = found(spools(home))
    assert logged(folder) == [(41, {"loss": 1.0}), (42, {"loss": 0.5})]


def test_a_missing_nvml_is_not_spoken_of_where_there_is_no_gpu(sampled: Callable[..., tuple[Any, Path]]) -> None:
    """All other figures are there."""
    process, folder = sampled("import sys; sys.modules['pynvml'] = None" + _PROGRAM)
    _, err = process.communicate("\n", timeout=60)
    assert ("GPU" in err) == gpu.DRIVER.exists()
    assert {name.removeprefix("system/") for name in _samples(folder)[-1][1]} >= _HOST | _PROCESS


def test_a_missing_nvml_is_said_where_there_is_a_driver(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """For there it is worth to install it."""
    monkeypatch.setitem(sys.modules, "pynvml", None)
    monkeypatch.setattr(gpu, "DRIVER", tmp_path / "version")
    assert gpu.find(None) is None
    assert capsys.readouterr().err == ""
    (tmp_path / "version").touch()
    assert gpu.find(None) is None
    assert capsys.readouterr().err == "runwire: no figures of the GPUs: `pip install nvidia-ml-py` brings them\n"


def test_a_source_that_fails_is_said_once_and_the_others_go_on(sampled: Callable[..., tuple[Any, Path]]) -> None:
    """Whatever a machine answers."""
    process, folder = sampled("import psutil; psutil.virtual_memory = lambda: 1 / 0" + _PROGRAM)
    _, err = process.communicate("\n", timeout=60)
    assert process.returncode == 0
    assert err.count("figures of the host are missing where they cannot be read: ZeroDivisionError") == 1
    assert {name.removeprefix("system/") for name in _samples(folder)[-1][1]} == _PROCESS


def test_a_machine_that_cannot_even_be_looked_at_is_said_and_the_training_goes_on(
    home: Path, train: Callable[..., Any]
) -> None:
    """The run's one thread, which has other things to do, outlives it."""
    broken = "import psutil; psutil.Process = lambda: 1 / 0"
    process = train(broken + _PROGRAM, RUNWIRE_MODE="offline", LOCAL_RANK="1")
    assert "figures of the machine are missing where they cannot be read: ZeroDiv" in process.stderr.readline()
    _, err = process.communicate("\n", timeout=60)
    assert "Traceback" not in err
    (folder,) = found(spools(home))
    assert logged(folder) == [(41, {"loss": 1.0}), (42, {"loss": 0.5})]


def test_a_run_that_was_killed_goes_on_behind_its_last_step(sampled: Callable[..., tuple[Any, Path]]) -> None:
    """Not behind the last sample, whose step is the time."""
    process, _ = sampled()
    process.kill()
    process.wait()
    with runwire.init(id="r", mode="offline") as run:
        assert run.step == 42


def test_a_killed_run_that_was_delivered_goes_on_behind_its_last_step(
    kafka: str, home: Path, train: Callable[..., Any]
) -> None:
    """The shipper wrote down how far it was; all samples arrived, once and to the bit; no pulse took one for a step."""
    process = train(_PROGRAM.replace('"r"', '"sampled"'), RUNWIRE_KAFKA=kafka)
    assert process.stdout.readline() == "42\n"
    (folder,) = found(spools(home))
    reading = Reading(kafka, "sampled")
    reading.until(lambda a: sum(step > 10**9 for step, _ in a.rows.values()) >= 3, "three samples")
    os.kill(process.pid, signal.SIGSTOP)
    kept = _samples(folder)
    os.kill(process.pid, signal.SIGKILL)
    arrived = reading.until(lambda a: a.ended == ["killed"], "the end")
    reading.until(lambda a: len(a.rows) == len(kept) + 1, "all rows")
    assert sorted(step for step, _ in arrived.rows.values()) == [41, *(step for step, _ in kept)]
    assert {(pulse.step, pulse.steps) for pulse in arrived.pulses} <= {(None, 0), (41, 1)}
    assert any("system/cpu" in pulse.metrics for pulse in arrived.pulses)
    reading.close()
    until(lambda: not list(found(spools(home))), "the spool is removed")
    with runwire.init(id="sampled", mode="offline") as run:
        assert run.step == 42


def test_samples_are_no_progress(tmp_path: Path) -> None:
    """Neither the last step, nor the count of steps, nor the time of the last one changes: a hang is seen as one."""
    writer = Writer(tmp_path, 7)
    writer.row(("loss",), 5, 1_000_000, [1.0])
    for number in range(40):
        writer.row(("system/cpu",), 1_700_000_000_000 + number, 2_000_000 + number, [50.0])
    vitals = Vitals(Progress(None, 0, 0))
    reader = Reader(tmp_path)
    for item in reader.read(gone=True):
        assert isinstance(item, Rows)
        vitals.add(item)
    reader.close()
    writer.close()
    assert vitals.progress == Progress(5, 1, 1_000_000)
    assert vitals.step_seconds_max is None


def test_nothing_is_sampled_behind_a_runs_end(tmp_path: Path) -> None:
    """For nobody reads on behind that."""
    recorder = Recorder(Writer(tmp_path, 7))
    recorder.sample({"system/cpu": 1.0})
    recorder.event("finish", {"exit_code": 0}, vital=True)
    recorder.sample({"system/cpu": 2.0})
    recorder.close()
    assert [values for _, values in _samples(tmp_path)] == [{"system/cpu": 1.0}]


def test_what_a_training_calls_as_the_machines_figures_are_called_is_kept_under_another_name(
    home: Path,  # noqa: ARG001 - where it lies
    capsys: pytest.CaptureFixture[str],
) -> None:
    """It is said once a name, and its steps stay steps."""
    with runwire.init(mode="offline") as run:
        capsys.readouterr()
        for _ in range(2):
            run.log({"system/cpu": 1.0, "system": {"x": 2.0}, "systemic": 3.0})
        said = capsys.readouterr().err
    assert said.count("'system/cpu' is logged as 'logged/system/cpu'") == 1
    assert said.count("'system/x' is logged as") == 1
    row = {"logged/system/cpu": 1.0, "logged/system/x": 2.0, "systemic": 3.0}
    assert logged(run) == [(0, row), (1, row)]


@pytest.mark.parametrize(
    ("visible", "local_rank", "mine"),
    [
        (None, None, [0, 1, 2]),
        (None, 1, [1]),
        ("2,0", None, [2, 0]),
        ("2,0", 1, [0]),
        ("1", 3, [1]),  # srun shows each process its own
        ("GPU-bb, GPU-aa1", 0, [2]),
        ("GPU-aa", None, []),  # two begin so
        ("1,-1,2", None, [1]),
        ("9", None, []),
        ("", 0, []),
        ("NoDevFiles", 0, []),
    ],
)
def test_a_process_has_the_gpus_that_cuda_shows_it(
    visible: str | None, local_rank: int | None, mine: list[int]
) -> None:
    """By index, UUID or its beginning, up to the first word that names none; of several it is the local rank's."""
    assert gpu.own(["GPU-aa11", "GPU-aa22", "GPU-bb33"], visible, local_rank) == mine


def test_nvml_is_asked_by_names_that_it_has_and_what_it_does_not_tell_is_left_out() -> None:
    """NVIDIA's own binding, of which a GPU is asked that there is not: it refuses each question, and knows each."""
    gpus = gpu.Gpus(pynvml, {3: None})
    assert gpus.read() == {}
    assert gpus.about() == [{"index": 3}]


def test_gpu_faults_in_the_kernels_log_are_told_once(tmp_path: Path) -> None:
    """Only what comes after the log was opened; of the same fault of the same GPU the first."""
    path = tmp_path / "kmsg"
    path.write_text("6,1,0,-;NVRM: Xid (PCI:0000:3b:00): 13, before\n")
    log = KernelLog(str(path))
    assert log.xids() == []
    with path.open("a") as file:
        for line in (
            "6,2,0,-;NVRM: Xid (PCI:0000:3b:00): 79, pid=1234, name=python, GPU has fallen off the bus.\n",
            "6,3,0,-;usb 1-1: new device\n",
            "6,4,0,-;NVRM: Xid (PCI:0000:3b:00): 79, pid=1234, again\n",
            "6,5,0,-;NVRM: Xid (PCI:0000:86:00): 48\n",
        ):
            file.write(line)
    assert log.xids() == [
        Xid("0000:3b:00", 79, "pid=1234, name=python, GPU has fallen off the bus."),
        Xid("0000:86:00", 48, ""),
    ]
    assert log.xids() == []
    log.close()
