"""Many processes of one job log to one run."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import urllib.request

import known
import store
from parts import Pipeline, until

from runwire_storage.client import connect

RANKS, ROWS = 64, 150

#: Waits until all ranks are there, so that they begin, log and end at the same moment.
_TRAINER = f"""
import sys
sys.path[:0] = {sys.path!r}
import known, runwire
rank = int(sys.argv[1])
print("ready", flush=True)
sys.stdin.readline()
with runwire.init("ranks", config={{f"of_{{rank}}": rank, "all": 1}}, tags=["job", f"rank-{{rank}}"]) as run:
    for step, row in known.rows(rank, {ROWS}, 10):
        run.log(row, step=step)
    run.summary[f"of_{{rank}}"] = rank
print(run.id, run.rank)
"""


def test_64_processes_that_log_at_once_are_one_run_and_nothing_of_any_is_lost(up: Pipeline) -> None:
    """As srun starts them: points, rollups, config, summary and tags of every rank are there, to the bit."""
    job = {"SLURM_JOB_ID": "64", "SLURM_STEP_ID": "0", "SLURM_STEP_NUM_TASKS": str(RANKS)}
    ranks = [
        subprocess.Popen(
            [sys.executable, "-c", _TRAINER, str(rank)],
            env={**os.environ, **job, "RUNWIRE_HOME": str(up.home), "SLURM_PROCID": str(rank)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for rank in range(RANKS)
    ]
    for process in ranks:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    said = [process.communicate("go\n", timeout=300)[0].split() for process in ranks]
    (run,) = {run for run, _ in said}
    assert [rank for _, rank in said] == [str(rank) for rank in range(RANKS)]

    expected: dict[known.Identity, known.Bits] = {}
    for rank in range(RANKS):
        expected |= known.points(known.rows(rank, ROWS, 10), rank)
    client = connect(up.clickhouse)
    count = "SELECT count() FROM runwire.points WHERE run = {run:String}"
    until(lambda: client.query(count, {"run": run}).result_rows[0][0] >= len(expected), "all points")
    assert store.points(client, run) == expected
    assert store.rollups(client, run) == store.rollups_of(expected)
    client.close()

    def told() -> dict[str, object]:
        with urllib.request.urlopen(f"{up.server}/api/runs/{run}") as answer:
            return dict(json.load(answer))

    until(lambda: told()["state"] == "finished", "the run's end")
    of_ranks = {f"of_{rank}": rank for rank in range(RANKS)}
    assert told()["ranks"] == RANKS
    assert told()["config"] == {**of_ranks, "all": 1}
    assert sorted(told()["tags"]) == sorted(["job", *(f"rank-{rank}" for rank in range(RANKS))])
    assert of_ranks.items() <= dict(told()["summary"]).items()
