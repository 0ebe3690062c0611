"""Which rank a process is, and that all ranks of a job log to one run, by what launchers tell their processes."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

import runwire
from producers.conftest import spools
from producers.spooled import told
from runwire import _job
from runwire.spool import Meta
from runwire.spool.folder import found

pytestmark = pytest.mark.usefixtures("home")

_TORCHRUN = {"TORCHELASTIC_RUN_ID": "none", "WORLD_SIZE": "3", "GROUP_WORLD_SIZE": "1"}
_STEP = {"SLURM_JOB_ID": "4711", "SLURM_STEP_ID": "0"}
_NODES = {**_TORCHRUN, **_STEP, "TORCHELASTIC_RUN_ID": "pretrain-7", "GROUP_WORLD_SIZE": "3"}
_SRUN = {"SLURM_JOB_ID": "4711", "SLURM_STEP_ID": "0", "SLURM_STEP_NUM_TASKS": "3", "SLURM_CLUSTER_NAME": "a"}
_OPEN_MPI = {"PMIX_NAMESPACE": "prterun-a-17@1", "OMPI_COMM_WORLD_SIZE": "3"}
_MPICH = {"PMI_SIZE": "3", "MPI_LOCALNRANKS": "3"}

_CODE = """
import runwire
for _ in range(2):
    run = runwire.init(project="job")
    run.log({"loss": float(run.rank)})
    run.finish()
"""


@pytest.mark.parametrize(
    ("environment", "rank"),
    [
        ({}, 0),
        ({"PMI_RANK": "5"}, 5),
        ({"OMPI_COMM_WORLD_RANK": "4", "PMI_RANK": "5"}, 4),
        ({"SLURM_PROCID": "3", "OMPI_COMM_WORLD_RANK": "4"}, 3),
        ({"RANK": "2", "SLURM_PROCID": "3"}, 2),
        ({"RUNWIRE_RANK": "1", "RANK": "2"}, 1),
    ],
)
def test_the_rank_is_what_the_launcher_says(
    environment: dict[str, str], rank: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Runwire's own variable first, then torchrun's, srun's, Open MPI's, and PMI's."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert _job.find_rank() == rank
    assert _job.find_rank(7) == 7


@pytest.mark.parametrize(
    ("environment", "parallel"),
    [
        ({}, {}),
        ({"RANK": "9", "WORLD_SIZE": "16", "LOCAL_RANK": "1", "GROUP_RANK": "1"}, (16, 1, 1)),
        ({"SLURM_PROCID": "9", "SLURM_STEP_NUM_TASKS": "16", "SLURM_LOCALID": "1", "SLURM_NODEID": "1"}, (16, 1, 1)),
        ({"LOCAL_RANK": "odd", "RUNWIRE_DATA_RANK": "3", "RUNWIRE_TENSOR_RANK": "0"}, {"data": 3, "tensor": 0}),
    ],
)
def test_a_start_tells_the_process_place_in_its_job(
    environment: dict[str, str], parallel: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the launcher says it, and in the groups of the training as the job's script does; nothing of a lone one."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    run = runwire.init(id="r", mode="offline")
    run.finish()
    if isinstance(parallel, tuple):
        parallel = dict(zip(("world_size", "local_rank", "node"), parallel, strict=True))
    (start,) = told(run, "start")
    assert start.get("parallel", {}) == parallel


@pytest.mark.parametrize(
    ("environment", "restarts"),
    [
        ({}, None),
        ({"TORCHELASTIC_RESTART_COUNT": "1"}, None),
        ({"TORCHELASTIC_RESTART_COUNT": "1", "TORCHELASTIC_MAX_RESTARTS": "3"}, {"count": 1, "max": 3}),
    ],
)
def test_a_start_tells_how_often_the_launcher_started_the_job_anew(
    environment: dict[str, str], restarts: dict[str, int] | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As torchrun says it; both numbers or none."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    run = runwire.init(id="r", mode="offline")
    run.finish()
    (start,) = told(run, "start")
    assert start.get("restarts") == restarts


@pytest.mark.parametrize(
    ("environment", "local_rank"),
    [
        ({}, None),
        ({"LOCAL_RANK": "1"}, 1),
        ({"RANK": "9", "WORLD_SIZE": "16", "LOCAL_RANK": "1", "SLURM_LOCALID": "0"}, 1),
        ({"SLURM_PROCID": "3", "SLURM_STEP_NUM_TASKS": "4", "SLURM_LOCALID": "3"}, 3),
        ({"SLURM_PROCID": "0", "SLURM_STEP_NUM_TASKS": "1", "SLURM_LOCALID": "0"}, None),  # as in a batch script
        ({"OMPI_COMM_WORLD_RANK": "3", "OMPI_COMM_WORLD_SIZE": "4", "OMPI_COMM_WORLD_LOCAL_RANK": "1"}, 1),
    ],
)
def test_the_local_rank_is_what_the_launcher_says_of_several(
    environment: dict[str, str], local_rank: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process that is alone has the host to itself."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert _job.local_rank() == local_rank


def _launch(ranks: Mapping[int, Mapping[str, str]]) -> None:
    """Run a process a rank, at the same time, as a launcher does: from one parent."""
    started = [
        subprocess.Popen([sys.executable, "-c", _CODE], env={**os.environ, **environment})
        for environment in ranks.values()
    ]
    assert [process.wait(timeout=60) for process in started] == [0] * len(ranks)


def _runs(home: Path) -> dict[str, set[int]]:
    """The runs that wait in a home, each with its ranks."""
    runs: dict[str, set[int]] = {}
    for folder in found(spools(home)):
        meta = Meta.read(folder)
        assert meta is not None
        runs.setdefault(meta.run, set()).add(meta.rank)
    return runs


@pytest.mark.parametrize(
    ("job", "rank_variable"),
    [
        (_TORCHRUN, "RANK"),
        (_NODES, "RANK"),
        (_SRUN, "SLURM_PROCID"),
        (_OPEN_MPI, "OMPI_COMM_WORLD_RANK"),
        (_MPICH, "PMI_RANK"),
    ],
)
def test_all_ranks_of_a_job_log_to_one_run(home: Path, job: dict[str, str], rank_variable: str) -> None:
    """Nobody tells them an id; the second run that each of them begins is another one, and they share it, too."""
    _launch({rank: {**job, rank_variable: str(rank)} for rank in range(3)})
    assert sorted(map(sorted, _runs(home).values())) == [[0, 1, 2], [0, 1, 2]]


def test_two_jobs_are_two_runs(home: Path) -> None:
    """Another job, another step of the same job, and the same numbers on another cluster."""
    for changed in ({}, {"SLURM_JOB_ID": "4712"}, {"SLURM_STEP_ID": "1"}, {"SLURM_CLUSTER_NAME": "b"}):
        _launch({rank: {**_SRUN, **changed, "SLURM_PROCID": str(rank)} for rank in range(2)})
    assert [len(ranks) for ranks in _runs(home).values()] == [2] * 8


def test_processes_whose_launcher_names_no_job_are_runs_of_their_own_and_say_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """An address and a port are no name: the next job on this host has the same."""
    import runwire

    for name, value in {"RANK": "1", "WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "29500"}.items():
        monkeypatch.setenv(name, value)
    runs = []
    for _ in range(2):
        with runwire.init(mode="offline") as run:
            runs.append(run.id)
    assert len(set(runs)) == 2
    assert capsys.readouterr().err.count("rank 1 of 2 begins a run of its own: its launcher does not name the job") == 2


def test_a_program_that_a_rank_starts_is_a_run_of_its_own(
    home: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """It has its parent's environment, and must not be taken for it: their rows would be at the same steps."""
    import runwire

    for name, value in {**_SRUN, "SLURM_PROCID": "1"}.items():
        monkeypatch.setenv(name, value)
    with runwire.init(mode="offline") as run:
        run.log({"loss": 1.0})
        capfd.readouterr()
        subprocess.run([sys.executable, "-c", _CODE], env={**os.environ, "RUNWIRE_MODE": "offline"}, check=True)
        assert f"rank 1 of the job's run {run.id} is another process" in capfd.readouterr().err
    assert sorted(map(sorted, _runs(home).values())) == [[1], [1], [1]]


def test_an_id_that_is_given_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    """By the argument before the variable, and either before what the launcher names."""
    import runwire

    for name, value in {**_SRUN, "SLURM_PROCID": "2", "RUNWIRE_RUN_ID": "named"}.items():
        monkeypatch.setenv(name, value)
    with runwire.init(mode="offline") as one, runwire.init(id="given", mode="offline", reinit="create_new") as other:
        assert (one.id, one.rank, other.id, other.rank) == ("named", 2, "given", 2)
