"""LightGBM's own trainings, and what is stored of them."""

from __future__ import annotations

from typing import Any

import lightgbm
import numpy as np
from producers.spooled import logged, parts, told
from stops import ask

import runwire
from runwire.integrations.lightgbm import RunwireCallback, log_importance

PARAMS = {"objective": "binary", "metric": ["binary_logloss", "auc"], "verbose": -1, "num_threads": 1}


def data(seed: int, reference: lightgbm.Dataset | None = None) -> lightgbm.Dataset:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(300, 3))
    return lightgbm.Dataset(x, x[:, 0] + rng.normal(size=300) > 0, reference=reference)


def test_each_round_is_a_row_of_what_lightgbm_evaluated(run: runwire.Run) -> None:
    """Names, rounds and values are those that LightGBM itself records; what is better is defined; config is told."""
    evals: dict[str, Any] = {}
    train = data(0)
    model = lightgbm.train(
        PARAMS,
        train,
        5,
        valid_sets=[data(1, train)],
        valid_names=["val"],
        callbacks=[RunwireCallback(), lightgbm.record_evaluation(evals)],
    )
    scores = zip(evals["val"]["binary_logloss"], evals["val"]["auc"], strict=True)
    expected = [(step, {"val/binary_logloss": loss, "val/auc": auc}) for step, (loss, auc) in enumerate(scores)]
    assert logged(run) == expected
    assert told(run, "config")[0]["lightgbm"]["objective"] == "binary"
    definitions = {key: said for one in told(run, "metric") for key, said in one.items()}
    assert definitions["val/auc"] == {"summary": "max", "goal": "maximize"}
    assert definitions["val/binary_logloss"] == {"summary": "min", "goal": "minimize"}
    log_importance(model)
    (table,) = parts(run)
    assert dict(table.rows) == dict(zip(model.feature_name(), model.feature_importance("gain").tolist(), strict=True))


def test_the_last_round_before_early_stopping_is_logged(run: runwire.Run) -> None:
    """Early stopping ends LightGBM's round by an exception, and the row of that round is there."""
    evals: dict[str, Any] = {}
    train = data(0)
    callbacks = [lightgbm.early_stopping(2, verbose=False), RunwireCallback(), lightgbm.record_evaluation(evals)]
    lightgbm.train(PARAMS, train, 200, valid_sets=[data(1, train)], valid_names=["val"], callbacks=callbacks)
    rounds = len(evals["val"]["auc"])
    assert rounds < 200
    assert [step for step, _ in logged(run)] == list(range(rounds))


def test_cross_validation_logs_mean_and_deviation(run: runwire.Run) -> None:
    """What ``lightgbm.cv`` returns is what the rows hold."""
    result = lightgbm.cv(PARAMS, data(0), 4, nfold=3, callbacks=[RunwireCallback()])
    rows = [row for _, row in logged(run)]
    (mean,) = (key for key in result if key.endswith("auc-mean"))
    assert [row["valid/auc"] for row in rows] == result[mean]
    assert [row["valid/auc_std"] for row in rows] == result[mean.replace("mean", "stdv")]


def test_a_run_that_is_asked_to_stop_ends_the_training(run: runwire.Run) -> None:
    """After the round, as LightGBM's early stopping does: the booster has it, and its scores, and no other."""
    ask(run)
    train = data(0)
    model = lightgbm.train(
        PARAMS, train, 50, valid_sets=[data(1, train)], valid_names=["val"], callbacks=[RunwireCallback()]
    )
    assert (model.num_trees(), model.best_iteration) == (1, 1)
    assert [(0, dict(row)) for row in [{f"val/{k}": v for k, v in model.best_score["val"].items()}]] == logged(run)
    run.finish()
    assert told(run, "finish") == [{"exit_code": 0, "stopped": True}]


def test_a_stop_ends_cross_validation_too(run: runwire.Run) -> None:
    """Its result has the rounds until then."""
    ask(run)
    result = lightgbm.cv(PARAMS, data(0), 50, nfold=3, callbacks=[RunwireCallback()])
    assert {len(values) for values in result.values()} == {1}
