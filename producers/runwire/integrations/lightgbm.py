"""LightGBM: a callback that logs what a training evaluates, round by round."""

from __future__ import annotations

from typing import Any

from lightgbm.callback import CallbackEnv, EarlyStopException

import runwire
from runwire.integrations._runs import asked_to_stop, chosen


class RunwireCallback:
    """Logs the metrics of each round as ``<data set>/<metric>``, at the round as its step.

    The training's parameters go into the run's config, under ``lightgbm``. Of ``lightgbm.cv`` the mean over the folds
    is logged, and its deviation as ``<data set>/<metric>_std``. If the run is asked to stop, the training ends after
    the round, as by early stopping, unless it has several machines, which would have to agree on it.

    ::

        runwire.init(project="prices")
        lightgbm.train(params, data, valid_sets=[held_out], valid_names=["val"], callbacks=[RunwireCallback()])

    Args:
        run: the run to log into; None for the current one.
        prefix: put before all names, where a run has several trainings: "fold1/".

    Raises:
        RunFinishedError: there is no run.
    """

    #: LightGBM calls callbacks after a round, in this order: before early stopping, which ends it, has its turn at 30.
    order = 20
    before_iteration = False
    #: Between data set and metric.
    separator = "/"

    def __init__(self, run: runwire.Run | None = None, *, prefix: str = "") -> None:
        self._run = chosen(run, "RunwireCallback()")
        self._prefix = prefix

    def __call__(self, env: CallbackEnv) -> None:
        """Log a round; called by LightGBM.

        Raises:
            EarlyStopException: the run was asked to stop, so that LightGBM ends the training.
        """
        results = [self._read(result) for result in env.evaluation_result_list or ()]
        if env.iteration == env.begin_iteration:
            self._run.config.update({f"{self._prefix}lightgbm": dict(env.params)}, allow_val_change=True)
            for name, _, _, higher in results:
                goal = "maximize" if higher else "minimize"
                self._run.define_metric(name, summary="best", goal=goal)  # type: ignore[arg-type]
        row: dict[str, float] = {}
        for name, score, deviation, _ in results:
            row[name] = score
            if deviation is not None:
                row[f"{name}_std"] = deviation
        if row:
            self._run.log(row, step=env.iteration)
        if env.params.get("num_machines", 1) == 1 and asked_to_stop(self._run):
            raise EarlyStopException(env.iteration, env.evaluation_result_list or [])

    def _read(self, result: tuple[Any, ...]) -> tuple[str, float, float | None, bool]:
        """Return name, score, deviation over folds (None without folds), and whether higher is better."""
        data, metric, score, higher, *deviation = result
        if data == "cv_agg":  # older LightGBM: ("cv_agg", "valid l2", …)
            data, metric = metric.split(" ", 1)
        return f"{self._prefix}{data}{self.separator}{metric}", score, deviation[0] if deviation else None, bool(higher)


def log_importance(
    model: Any, run: runwire.Run | None = None, *, kind: str = "gain", name: str = "feature_importance"
) -> None:
    """Log how important each feature is to a booster, as a table of features by falling importance.

    Args:
        model: the `lightgbm.Booster`, or an estimator that holds one.
        run: the run to log into; None for the current one.
        kind: "gain" or "split".
        name: what the table is called.

    Raises:
        RunFinishedError: there is no run.
    """
    booster = getattr(model, "booster_", model)
    scores = booster.feature_importance(importance_type=kind)
    rows = [[feature, score] for feature, score in zip(booster.feature_name(), scores.tolist(), strict=True)]
    rows.sort(key=lambda row: row[1], reverse=True)
    into = chosen(run, "log_importance()")
    into.log({name: runwire.Table(columns=["feature", kind], data=rows)}, step=max(into.step - 1, 0))
