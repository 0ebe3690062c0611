"""``wandb.integration.lightgbm``."""

from __future__ import annotations

from typing import Any

from runwire.integrations.lightgbm import RunwireCallback, log_importance
from wandb._run import needed

__all__ = ["log_summary", "wandb_callback"]


class _Callback(RunwireCallback):
    separator = "_"


def wandb_callback(log_params: bool = True, define_metric: bool = True) -> RunwireCallback:
    """Return a `runwire.integrations.lightgbm.RunwireCallback` that logs as ``<data set>_<metric>``."""
    del log_params, define_metric
    return _Callback(needed("wandb_callback()")._run)


def log_summary(model: Any, feature_importance: bool = True, save_model_checkpoint: bool = False) -> None:
    """Tell the best round and its scores, and the features' importance."""
    del save_model_checkpoint
    run = needed("log_summary()")
    run.summary["best_iteration"] = model.best_iteration
    run.summary["best_score"] = {data: dict(scores) for data, scores in model.best_score.items()}
    if feature_importance:
        log_importance(model, run._run, kind="split", name="Feature Importance")
