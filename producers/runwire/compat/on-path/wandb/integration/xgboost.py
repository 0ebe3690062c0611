"""``wandb.integration.xgboost``."""

from __future__ import annotations

from typing import Any

from runwire.integrations.xgboost import RunwireCallback
from wandb._run import needed

__all__ = ["WandbCallback", "wandb_callback"]


class WandbCallback(RunwireCallback):
    """Logs as `runwire.integrations.xgboost.RunwireCallback`, as ``<data set>-<metric>``.

    Args:
        log_model: of no meaning: log the model as an artifact.
        log_feature_importance: whether to log the features' importance at the end.
        importance_type: which kind.
        define_metric: of no meaning: what is better is known anyway.
    """

    separator = "-"

    def __init__(
        self,
        log_model: bool = False,
        log_feature_importance: bool = True,
        importance_type: Any = "gain",
        define_metric: bool = True,
    ) -> None:
        del log_model, define_metric
        run = needed("WandbCallback()")._run
        super().__init__(run, importance=importance_type if log_feature_importance else None)


def wandb_callback() -> WandbCallback:
    """Return a `WandbCallback`."""
    return WandbCallback(log_feature_importance=False)
