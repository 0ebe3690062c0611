"""Ray Tune's own experiments, and what is stored of their trials."""

from __future__ import annotations

from pathlib import Path

from producers.spooled import logged, told
from programs import ran

CODE = """
import ray
from ray import tune
from runwire.integrations.ray import RunwireLoggerCallback

def train(config):
    for step in range(3):
        tune.report({"loss": config["x"] / (1 + step), "nested": {"accuracy": 0.5}})
    if config["x"] == 2:
        raise RuntimeError("diverged")

if __name__ == "__main__":
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, _node_ip_address="127.0.0.1")
    callbacks = [RunwireLoggerCallback(project="search")]
    tune.Tuner(
        train,
        param_space={"x": tune.grid_search([1, 2])},
        run_config=tune.RunConfig(name="experiment", storage_path=FOLDER, callbacks=callbacks, verbose=0),
    ).fit()
"""


def test_each_trial_is_a_run(tmp_path: Path) -> None:
    """Config, rows at their iterations, group and how it ended are the trial's."""
    spools = ran(f"FOLDER = {str(tmp_path / 'results')!r}\n{CODE}", tmp_path)
    by_x = {told(spool, "start")[0]["config"]["x"]: spool for spool in spools}
    assert sorted(by_x) == [1, 2]
    for x, spool in by_x.items():
        rows = logged(spool)
        assert [(step, row["loss"]) for step, row in rows] == [(1, x / 1), (2, x / 2), (3, x / 3)]
        assert all(row["nested/accuracy"] == 0.5 and row["tune/time_total_s"] > 0 for _, row in rows)
        assert told(spool, "start")[0]["group"] == "experiment"
        assert told(spool, "finish") == [{"exit_code": 0 if x == 1 else 1}]


def test_a_trial_whose_run_is_asked_to_stop_is_ended_by_tune(tmp_path: Path) -> None:
    """At its next result; the other trial goes on to its end, and both have ended well."""
    here = Path(__file__).parent
    code = f"""
import sys
sys.path[:0] = [{str(here)!r}, {str(here.parent)!r}]
import ray
from ray import tune
from runwire.integrations.ray import RunwireLoggerCallback
from stops import ask

class Asked(RunwireLoggerCallback):
    def log_trial_result(self, iteration, trial, result):
        if trial.config["x"] == 1 and result["training_iteration"] == 2:
            ask(self._runs[trial])
        super().log_trial_result(iteration, trial, result)

def train(config):
    for step in range(6):
        tune.report({{"loss": config["x"]}})

if __name__ == "__main__":
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, _node_ip_address="127.0.0.1")
    run_config = tune.RunConfig(
        storage_path={str(tmp_path / "results")!r}, callbacks=[Asked(project="search")], stop={{"never": 1}}, verbose=0
    )
    tune.Tuner(train, param_space={{"x": tune.grid_search([1, 2])}}, run_config=run_config).fit()
"""
    spools = ran(code, tmp_path)
    by_x = {told(spool, "start")[0]["config"]["x"]: spool for spool in spools}
    assert [step for step, _ in logged(by_x[1])] == [1, 2, 3]
    assert [step for step, _ in logged(by_x[2])] == [1, 2, 3, 4, 5, 6]
    assert told(by_x[1], "finish") == [{"exit_code": 0, "stopped": True}]
    assert told(by_x[2], "finish") == [{"exit_code": 0}]
