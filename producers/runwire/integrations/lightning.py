"""Lightning: a logger, and a callback for what a logger is not told."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from contextlib import ExitStack
from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.loggers.logger import Logger, rank_zero_experiment
from lightning.pytorch.utilities.rank_zero import rank_zero_only

import runwire
from runwire.integrations._runs import asked_to_stop
from runwire.integrations.steps import StepTimer


class RunwireLogger(Logger):
    """Logs what modules log, at Lightning's global step, and their hyperparameters as the run's config.

    The run is the current one if there is one when Lightning first logs, else one that is begun then, which ends with
    the process. Saved checkpoints are told.

    ::

        Trainer(logger=RunwireLogger(project="digits"), callbacks=[RunwireCallback()])

    Args:
        run: the run to log into.
        prefix: put before all names.
        init: what `runwire.init` is called with if there is no run.
    """

    def __init__(self, run: runwire.Run | None = None, *, prefix: str = "", **init: Any) -> None:
        super().__init__()
        self._run = run
        self._prefix = prefix
        self._init = init

    def __getstate__(self) -> dict[str, Any]:
        """Go on with the run in a process that Lightning spawns."""
        known = {"id": self._run.id, "project": self._run.project} if self._run is not None else {}
        return {**self.__dict__, "_run": None, "_init": {**self._init, **known}}

    @property
    @rank_zero_experiment  # type: ignore[untyped-decorator]
    def experiment(self) -> runwire.Run:
        """The run; on other ranks than the first something that takes every call and does nothing."""
        if self._run is None:
            self._run = runwire.run or runwire.init(**self._init)
        return self._run

    @property
    def name(self) -> str | None:
        """The run's project, as a folder's name for checkpoints; None before there is a run."""
        return self._run.project if self._run is not None else self._init.get("project")

    @property
    def version(self) -> str | None:
        """The run's id, likewise."""
        return self._run.id if self._run is not None else self._init.get("id")

    @rank_zero_only  # type: ignore[untyped-decorator]
    def log_hyperparams(self, params: Mapping[str, Any] | argparse.Namespace, *_args: Any, **_kwargs: Any) -> None:
        """Set the run's config; called by Lightning, as all below."""
        self.experiment.config.update(params, allow_val_change=True)

    @rank_zero_only  # type: ignore[untyped-decorator]
    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Log a row."""
        self.experiment.log({self._prefix + name: value for name, value in metrics.items()}, step=step)

    @rank_zero_only  # type: ignore[untyped-decorator]
    def after_save_checkpoint(self, checkpoint_callback: Any) -> None:
        """Tell of a checkpoint."""
        path = getattr(checkpoint_callback, "_last_checkpoint_saved", "") or checkpoint_callback.best_model_path
        step = getattr(checkpoint_callback, "_last_global_step_saved", None)
        if path and step is not None:
            self.experiment.checkpoint_saved(step, path)


class RunwireCallback(Callback):
    """Logs how long steps take, by every rank for itself, tells when a run evaluates, and stops if asked to.

    The times are those of `runwire.integrations.steps.StepTimer`, logged as often as Lightning logs. They go into the
    run of a `RunwireLogger`, else into the current one. Where Lightning starts several processes, those without a run
    join the first one's, as its other ranks. From where a run goes on is told, too.

    A run that is asked to stop sets the trainer's ``should_stop``: of one process after the step, of several after one
    at which Lightning logs or at the end of an epoch, in all of them at once.

    Args:
        tokens: how many tokens a batch has, as a function of it; None if nobody wants to know.
    """

    def __init__(self, tokens: Any = None) -> None:
        super().__init__()
        self._tokens = tokens
        self._run: runwire.Run | None = None
        self._timer = StepTimer()
        self._eval = ExitStack()
        self._logged_at = 0

    def __getstate__(self) -> dict[str, Any]:
        """Find the run anew in a process that Lightning spawns."""
        return {**self.__dict__, "_run": None}

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Find the run, or join it; called by Lightning, as all below."""
        ours = next((logger for logger in trainer.loggers if isinstance(logger, RunwireLogger)), None)
        if trainer.global_rank == 0:
            self._run = ours.experiment if ours is not None else runwire.run
        told = (self._run.id, self._run.project) if self._run is not None else None
        told = trainer.strategy.broadcast(told)
        if trainer.global_rank != 0:
            self._run = runwire.run
            if self._run is None and told is not None:
                self._run = runwire.init(id=told[0], project=told[1], rank=trainer.global_rank)

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Tell from which checkpoint it goes on, if it does."""
        if self._run is not None and trainer.global_rank == 0 and trainer.ckpt_path and trainer.global_step:
            self._run.checkpoint_loaded(trainer.global_step, trainer.ckpt_path)
        self._timer.wait()

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int) -> None:
        """Note that the data is there."""
        self._timer.begin()

    def on_before_backward(self, trainer: Trainer, pl_module: LightningModule, loss: Any) -> None:
        """Note that the rank has done what it does by itself."""
        self._timer.local()

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Note that a step is over, and log as often as Lightning does."""
        self._timer.step(self._tokens(batch) if self._tokens is not None else None)
        every, step = trainer.log_every_n_steps, trainer.global_step
        due = bool(every) and step % every == 0 and step != self._logged_at  # else it still gathers gradients
        if due:
            self._logged_at = step
            if self._run is not None:
                self._run.log(self._timer.values(), step=step - 1)
        if due or trainer.world_size == 1:
            self._obey(trainer)
        self._timer.wait()

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Stop if asked to."""
        self._obey(trainer)

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Begin the phase "eval"."""
        if self._run is not None:
            self._eval.enter_context(self._run.phase("eval"))

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """End it."""
        self._eval.close()
        self._timer.wait()

    on_test_start = on_validation_start
    on_test_end = on_validation_end

    def _obey(self, trainer: Trainer) -> None:
        """End the training if one of its ranks was asked to; each calls this at the same step."""
        asked = not trainer.should_stop and self._run is not None and asked_to_stop(self._run)
        trainer.should_stop |= trainer.strategy.reduce_boolean_decision(asked, all=False)
