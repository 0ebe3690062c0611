"""XGBoost: a callback that logs what a training evaluates, round by round."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
from xgboost import callback, collective

import runwire
from runwire.integrations._runs import asked_to_stop, chosen

#: Metrics of XGBoost that are better where they are higher; a name may end in ``@`` and a number.
_HIGHER_IS_BETTER = ("auc", "aucpr", "map", "ndcg", "pre", "interval-regression-accuracy")

Importance = Literal["weight", "gain", "cover", "total_gain", "total_cover"]


class RunwireCallback(callback.TrainingCallback):
    """Logs the metrics of each round as ``<data set>/<metric>``, at the round as its step.

    The booster's parameters go into the run's config under ``xgboost``; at the end the best round and its score go into
    the summary, and the features' importance is logged as a table. Of ``xgboost.cv`` the mean over the folds is logged,
    and its deviation as ``<data set>/<metric>_std``. If the run is asked to stop, the training ends after the round, on
    all workers after the same.

    ::

        runwire.init(project="prices")
        xgboost.train(params, data, evals=[(held_out, "val")], callbacks=[RunwireCallback()])

    Args:
        run: the run to log into; None for the current one.
        prefix: put before all names, where a run has several trainings: "fold1/".
        importance: the kind of importance to log; None for none.

    Raises:
        RunFinishedError: there is no run.
    """

    #: Between data set and metric.
    separator = "/"

    def __init__(
        self, run: runwire.Run | None = None, *, prefix: str = "", importance: Importance | None = "gain"
    ) -> None:
        super().__init__()
        self._run = chosen(run, "RunwireCallback()")
        self._prefix = prefix
        self._importance = importance
        self._defined: set[str] = set()

    def before_training(self, model: Any) -> Any:
        """Tell the parameters; called by XGBoost."""
        if hasattr(model, "save_config"):  # a booster, not the folds of cv()
            config = json.loads(model.save_config())
            self._run.config.update({f"{self._prefix}xgboost": config.get("learner", config)}, allow_val_change=True)
        return model

    def after_iteration(self, model: Any, epoch: int, evals_log: Mapping[str, Mapping[str, Any]]) -> bool:
        """Log a round; called by XGBoost. Return whether the training ends, as it was asked to."""
        row: dict[str, float] = {}
        for data, metrics in evals_log.items():
            for metric, scores in metrics.items():
                name = f"{self._prefix}{data}{self.separator}{metric}"
                self._define(name, metric)
                score = scores[-1]
                if isinstance(score, tuple):
                    row[name], row[f"{name}_std"] = score
                else:
                    row[name] = score
        if row:
            self._run.log(row, step=epoch)
        asked = asked_to_stop(self._run)
        if collective.is_distributed():  # workers hear of it at different rounds, and leave together
            asked = bool(collective.allreduce(np.array([asked], dtype=np.int32), collective.Op.MAX)[0])
        return asked

    def after_training(self, model: Any) -> Any:
        """Tell what the training came to; called by XGBoost."""
        if not hasattr(model, "attributes"):
            return model
        best = model.attributes()
        if "best_score" in best:
            self._run.summary.update(
                {
                    f"{self._prefix}best_score": float(best["best_score"]),
                    f"{self._prefix}best_iteration": int(best["best_iteration"]),
                }
            )
        if self._importance is not None:
            self._log_importance(model, self._importance)
        return model

    def _define(self, name: str, metric: str) -> None:
        if name not in self._defined:
            self._defined.add(name)
            higher = metric.partition("@")[0] in _HIGHER_IS_BETTER
            self._run.define_metric(name, summary="max" if higher else None, goal="maximize" if higher else None)

    def _log_importance(self, model: Any, kind: Importance) -> None:
        if json.loads(model.save_config())["learner"]["gradient_booster"]["name"] == "gblinear":
            kind = "weight"  # the only one of a linear booster
        scores = model.get_score(importance_type=kind)
        rows = sorted(map(list, scores.items()), key=lambda row: row[1], reverse=True)
        if rows:
            table = runwire.Table(columns=["feature", kind], data=rows)
            self._run.log({f"{self._prefix}feature_importance": table}, step=max(self._run.step - 1, 0))
