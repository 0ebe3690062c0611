"""torchrun on several nodes and Ray Train, as they launch processes: which of them log to one run."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

from producers.spooled import logged, told
from programs import ran

_TRAIN = """
import runwire
with runwire.init(project="job") as run:
    run.log({"rank": run.rank})
"""


def runs(home: Path) -> list[set[int]]:
    """The ranks of each run that waits in a home."""
    found: dict[str, set[int]] = {}
    for meta in home.glob("spool/*/*/*/*/meta.json"):
        spool = meta.parent
        found.setdefault(spool.parent.parent.name, set()).add(int(spool.parent.name))
        assert [row["rank"] for _, row in logged(spool)] == [float(spool.parent.name)]
    return list(found.values())


def launched(program: Path, *more: str, each: int = 2) -> None:
    """Run a program on two nodes of so many processes each, as torchrun's manual says to, by the same id each time."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = ["--nnodes=2", f"--nproc-per-node={each}", "--rdzv-id=100", "--rdzv-backend=c10d", *more]
    options += ["--local-addr=127.0.0.1", f"--rdzv-endpoint=127.0.0.1:{port}"]
    command = [sys.executable, "-m", "torch.distributed.run", *options]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
    nodes = [subprocess.Popen([*command, str(program)], env=environment) for _ in range(2)]
    try:
        assert [node.wait(timeout=500) for node in nodes] == [0, 0]
    finally:
        for node in nodes:
            node.kill()
            node.wait()


def test_each_launch_of_torchrun_is_a_run_on_all_of_its_nodes(tmp_path: Path) -> None:
    """Also by an id that is used again: two launches of two processes are two runs of two ranks."""
    program = tmp_path / "train.py"
    program.write_text(_TRAIN)
    launched(program, each=1)
    launched(program, each=1)
    assert runs(tmp_path / "home") == [{0, 1}] * 2


def test_processes_that_torchrun_starts_anew_go_on_with_their_run(tmp_path: Path) -> None:
    """The launch is the same, so is the run; each rank has two attempts in it."""
    program = tmp_path / "train.py"
    program.write_text(_TRAIN + "    assert os.environ['TORCHELASTIC_RESTART_COUNT'] == '1'\n")
    program.write_text("import os\n" + program.read_text())
    launched(program, "--max-restarts=1")
    assert runs(tmp_path / "home") == [{0, 1, 2, 3}]
    assert len(list((tmp_path / "home").glob("spool/*/*/*/*/meta.json"))) == 8


def test_the_workers_of_a_training_of_ray_are_the_ranks_of_a_run(tmp_path: Path) -> None:
    """Of each training another one, with the framework that Ray tells its ranks by variables, and with none."""
    code = f"""
import ray
from ray.train import RunConfig, ScalingConfig
from ray.train.torch import TorchTrainer
from ray.train.v2.api.data_parallel_trainer import DataParallelTrainer

def train():
    import runwire
    with runwire.init(project="job") as run:
        run.log({{"rank": run.rank}})

if __name__ == "__main__":
    ray.init(num_cpus=3, include_dashboard=False, log_to_driver=False, _node_ip_address="127.0.0.1")
    for trainer in (TorchTrainer, DataParallelTrainer):
        config = RunConfig(storage_path={str(tmp_path / "results")!r})
        trainer(train, scaling_config=ScalingConfig(num_workers=2), run_config=config).fit()
"""
    spools = ran(code, tmp_path, RAY_raylet_start_wait_time_s="240", RAY_agent_register_timeout_ms="240000")
    assert runs(tmp_path / "home") == [{0, 1}] * 2
    for spool in spools:
        (start,) = told(spool, "start")
        rank = int(spool.parent.name)
        assert start["parallel"] == {"world_size": 2, "local_rank": rank, "node": 0}
