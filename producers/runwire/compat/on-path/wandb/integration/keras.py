"""``wandb.integration.keras``."""

from __future__ import annotations

from typing import Any

from runwire.integrations.keras import RunwireCallback
from wandb._run import needed

__all__ = ["WandbMetricsLogger"]


class WandbMetricsLogger(RunwireCallback):
    """Logs as `runwire.integrations.keras.RunwireCallback`.

    Args:
        log_freq: "epoch", "batch", or after how many batches.
        initial_global_step: the step to begin at.
    """

    def __init__(self, log_freq: Any = "epoch", initial_global_step: int = 0, **_more: Any) -> None:
        run = needed("WandbMetricsLogger()")._run
        super().__init__(run, every=1 if log_freq == "batch" else log_freq, first_step=initial_global_step)
