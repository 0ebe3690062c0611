"""XGBoost's own trainings, and what is stored of them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xgboost
from producers.spooled import logged, parts, told
from stops import ask
from xgboost.tracker import RabitTracker

import runwire
from runwire.integrations.xgboost import RunwireCallback

PARAMS = {"objective": "binary:logistic", "eval_metric": ["logloss", "auc"], "eta": 0.25}


def data(seed: int) -> xgboost.DMatrix:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(200, 3))
    return xgboost.DMatrix(x, x[:, 0] + rng.normal(size=200) > 0)


def test_each_round_is_a_row_of_what_xgboost_evaluated(run: runwire.Run) -> None:
    """Names, rounds and values are those that XGBoost itself gives out, to the bit."""
    evals: dict[str, Any] = {}
    callbacks = [RunwireCallback()]
    xgboost.train(
        PARAMS, data(0), 5, evals=[(data(1), "val")], evals_result=evals, callbacks=callbacks, verbose_eval=False
    )
    scores = zip(evals["val"]["logloss"], evals["val"]["auc"], strict=True)
    assert logged(run) == [(step, {"val/logloss": loss, "val/auc": auc}) for step, (loss, auc) in enumerate(scores)]
    assert told(run, "config")[0]["xgboost"]["gradient_booster"]["name"] == "gbtree"
    assert {"val/auc": {"summary": "max", "goal": "maximize"}} in told(run, "metric")


def test_the_best_round_and_the_importance_are_told_at_the_end(run: runwire.Run) -> None:
    """The summary holds what early stopping found, and a table the features by falling gain."""
    model = xgboost.train(
        PARAMS,
        data(0),
        50,
        evals=[(data(1), "val")],
        callbacks=[RunwireCallback()],
        early_stopping_rounds=2,
        verbose_eval=False,
    )
    assert told(run, "summary") == [{"best_score": model.best_score, "best_iteration": model.best_iteration}]
    (table,) = parts(run)
    gains = model.get_score(importance_type="gain")
    assert table.rows == [[name, gains[name]] for name in sorted(gains, key=gains.__getitem__, reverse=True)]
    assert (table.key, table.step) == ("feature_importance", logged(run)[-1][0])


def test_cross_validation_logs_mean_and_deviation(run: runwire.Run) -> None:
    """What ``xgboost.cv`` returns as columns is what the rows hold."""
    frame = xgboost.cv(PARAMS, data(0), 4, nfold=3, callbacks=[RunwireCallback(prefix="cv/")], as_pandas=False)
    rows = [row for _, row in logged(run)]
    assert [row["cv/test/auc"] for row in rows] == frame["test-auc-mean"]
    assert [row["cv/test/auc_std"] for row in rows] == frame["test-auc-std"]


def test_a_scikit_learn_estimator_takes_the_callback(run: runwire.Run) -> None:
    """``XGBRegressor(callbacks=…)`` logs its sets under XGBoost's names for them; a linear booster does, too."""
    x = np.random.default_rng(2).normal(size=(100, 2))
    for booster in ("gbtree", "gblinear"):
        model = xgboost.XGBRegressor(n_estimators=3, booster=booster, callbacks=[RunwireCallback(prefix=f"{booster}/")])
        model.fit(x, x[:, 1], eval_set=[(x, x[:, 1])], verbose=False)
        losses = [
            row[f"{booster}/validation_0/rmse"] for _, row in logged(run) if f"{booster}/validation_0/rmse" in row
        ]
        assert losses == model.evals_result()["validation_0"]["rmse"]


def test_without_a_run_the_error_says_what_to_do() -> None:
    """The callback is refused where it is made, not in the middle of a training."""
    with pytest.raises(runwire.errors.RunFinishedError, match=r"There is no run: call runwire.init\(\) before Runwire"):
        RunwireCallback()


def test_a_run_that_is_asked_to_stop_ends_the_training(run: runwire.Run, capsys: pytest.CaptureFixture[str]) -> None:
    """After the round, by XGBoost's own means: the booster has it and no other, and the run says that it obeyed."""
    ask(run)
    model = xgboost.train(
        PARAMS, data(0), 50, evals=[(data(1), "val")], callbacks=[RunwireCallback()], verbose_eval=False
    )
    assert model.num_boosted_rounds() == 1
    assert [step for step, row in logged(run) if "val/auc" in row] == [0]
    run.finish()
    assert told(run, "finish") == [{"exit_code": 0, "stopped": True}]
    assert capsys.readouterr().err.count(f"the training ends here, as run {run.name} was asked to stop") == 1


def test_workers_of_one_training_stop_after_the_same_round(tmp_path: Path) -> None:
    """Only the second is asked to: both have one round, and the first, which waits for it in each, does not hang."""
    here = Path(__file__).parent
    worker = f"""
import json, sys
sys.path[:0] = [{str(here)!r}, {str(here.parent)!r}]
import xgboost
import runwire
from runwire.integrations.xgboost import RunwireCallback
from stops import ask
from test_xgboost import PARAMS, data

rank = int(sys.argv[1])
with xgboost.collective.CommunicatorContext(**json.loads(sys.argv[2])):
    run = runwire.init(project="workers", id="workers", rank=rank)
    if rank == 1:
        ask(run)
    print(xgboost.train(PARAMS, data(rank), 50, callbacks=[RunwireCallback()]).num_boosted_rounds())
"""
    tracker = RabitTracker(host_ip="127.0.0.1", n_workers=2)
    tracker.start()
    told_of_it = json.dumps(tracker.worker_args())
    workers = [
        subprocess.Popen([sys.executable, "-c", worker, str(rank), told_of_it], cwd=tmp_path, stdout=subprocess.PIPE)
        for rank in (0, 1)
    ]
    try:
        assert [int(process.communicate(timeout=120)[0].split()[-1]) for process in workers] == [1, 1]
    finally:
        for process in workers:
            process.kill()
            process.wait()
