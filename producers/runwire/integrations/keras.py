"""Keras, with any of its back ends: a callback that logs what a training says of itself."""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import ExitStack
from typing import Any, Literal

import keras

import runwire
from runwire import _job
from runwire.integrations._runs import asked_to_stop, chosen, period


class RunwireCallback(keras.callbacks.Callback):
    """Logs Keras' metrics: each epoch's as ``epoch/<metric>``, and, if asked for, each batch's as ``batch/<metric>``.

    The step is the number of batches trained, so that both may be drawn together. What ``fit`` was called with and the
    optimizer go into the run's config under ``keras``. Validation and ``evaluate`` are the phase "eval". Each
    epoch's row tells the mean time of a batch, ``perf/step_seconds``. A run that is asked to stop sets the model's
    ``stop_training`` after the batch, unless the job has several processes, which would have to agree on it.

    ::

        runwire.init(project="digits")
        model.fit(x, y, epochs=10, validation_split=0.1, callbacks=[RunwireCallback()])

    Args:
        run: the run to log into; None for the current one.
        every: after how many batches to log what Keras then tells of them; "epoch" for no batches.
        first_step: the step to begin at, where a training goes on.

    Raises:
        RunFinishedError: there is no run.
        UsageError: ``every`` is neither "epoch" nor a whole number from 1.
    """

    def __init__(
        self, run: runwire.Run | None = None, *, every: int | Literal["epoch"] = "epoch", first_step: int = 0
    ) -> None:
        super().__init__()
        self._run = chosen(run, "RunwireCallback()")
        self._every = None if every == "epoch" else period(every, "a number of batches, 1 or more, or 'epoch' for none")
        self._step = first_step
        self._epoch_began = 0.0
        self._epoch_step = first_step
        self._test = ExitStack()
        self._alone = _job.size() == 1

    def on_train_begin(self, logs: Mapping[str, Any] | None = None) -> None:
        """Tell what is trained; called by Keras."""
        told = {**(self.params or {}), "backend": keras.backend.backend()}
        if self.model.optimizer is not None:
            told["optimizer"] = self.model.optimizer.get_config()
        if self.model.built:
            told["parameters"] = self.model.count_params()
        self._run.config.update({"keras": told}, allow_val_change=True)

    def on_epoch_begin(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Begin to measure; called by Keras."""
        self._epoch_began, self._epoch_step = time.perf_counter(), self._step
        self._epoch_tested = 0.0

    def on_train_batch_end(self, batch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Count, log a batch if asked for, and stop if asked to; called by Keras."""
        if self._every is not None and self._step % self._every == 0 and logs:
            self._run.log({f"batch/{name}": value for name, value in logs.items()}, step=self._step)
        self._step += 1
        if self._alone and not self.model.stop_training and asked_to_stop(self._run):
            self.model.stop_training = True

    def on_epoch_end(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Log an epoch, at its last batch; called by Keras."""
        row: dict[str, Any] = {f"epoch/{name}": value for name, value in (logs or {}).items()}
        rate = getattr(self.model.optimizer, "learning_rate", None)
        if rate is not None:
            row["epoch/learning_rate"] = float(keras.ops.convert_to_numpy(rate))
        if steps := self._step - self._epoch_step:
            row["perf/step_seconds"] = (time.perf_counter() - self._epoch_began - self._epoch_tested) / steps
        self._run.log({"epoch": epoch, **row}, step=max(self._step - 1, 0))

    def on_test_begin(self, logs: Mapping[str, Any] | None = None) -> None:
        """Begin the phase "eval"; called by Keras."""
        self._test_began = time.perf_counter()
        self._test.enter_context(self._run.phase("eval"))

    def on_test_end(self, logs: Mapping[str, Any] | None = None) -> None:
        """End it; called by Keras."""
        self._test.close()
        self._epoch_tested = time.perf_counter() - self._test_began
