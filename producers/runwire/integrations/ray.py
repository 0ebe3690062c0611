"""Ray Tune: each trial of an experiment as a run."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from typing import Any

from ray.tune.logger import LoggerCallback

import runwire
from runwire.integrations._runs import asked_to_stop

#: What Tune adds to each result and is no metric of the training.
_TUNE = frozenset(
    {
        *("config", "date", "done", "experiment_tag", "hostname", "node_ip", "pid", "should_checkpoint", "timestamp"),
        *("trial_id", "time_since_restore", "iterations_since_restore", "checkpoint_dir_name"),
    }
)
#: And what is one of Tune's own.
_OF_TUNE = frozenset({"time_this_iter_s", "time_total_s", "training_iteration"})


class RunwireLoggerCallback(LoggerCallback):
    """Makes each trial a run: its parameters the config, its results rows, at their training iteration.

    Runs have the experiment as their group and the trial's name. They are logged by the process that runs the
    experiment; a trial that failed is a run that failed. A trial that Tune goes on with is one run, by its id. A trial
    whose run is asked to stop is ended by Tune at its next result.

    ::

        Tuner(train, run_config=tune.RunConfig(callbacks=[RunwireLoggerCallback(project="search")])).fit()

    Args:
        init: what `runwire.init` is called with besides id, name, config and group.
    """

    def __init__(self, **init: Any) -> None:
        super().__init__()
        self._init = init
        self._runs: dict[Any, runwire.Run] = {}

    def log_trial_start(self, trial: Any) -> None:
        """Begin a run; called by Tune, as all below."""
        if trial in self._runs:
            return
        given = {"group": trial.experiment_dir_name, **self._init}
        self._runs[trial] = runwire.init(
            id=f"{zlib.crc32(trial.experiment_dir_name.encode()):08x}-{trial.trial_id}",
            name=str(trial),
            config=dict(trial.config),
            rank=0,
            reinit="create_new",
            **given,
        )

    def log_trial_result(self, iteration: int, trial: Any, result: Mapping[str, Any]) -> None:
        """Log a result."""
        if trial not in self._runs:
            self.log_trial_start(trial)
        row = {(f"tune/{key}" if key in _OF_TUNE else key): value for key, value in _numbers(result).items()}
        run = self._runs[trial]
        run.log(row, step=result.get("training_iteration", iteration))
        if trial.stopping_criterion.get("training_iteration") != 0 and asked_to_stop(run):
            # Tune looks at it before it tells of a result: at the next one. Trials may share the dict they came with.
            trial.stopping_criterion = {**trial.stopping_criterion, "training_iteration": 0}

    def log_trial_save(self, trial: Any) -> None:
        """Tell of a checkpoint."""
        if trial.checkpoint is not None and trial in self._runs:
            step = (trial.last_result or {}).get("training_iteration", 0)
            self._runs[trial].checkpoint_saved(step, trial.checkpoint.path)

    def log_trial_end(self, trial: Any, failed: bool = False) -> None:  # noqa: FBT001, FBT002 -- Tune's signature
        """End the run."""
        run = self._runs.pop(trial, None)
        if run is not None:
            run.finish(1 if failed else 0)


def _numbers(result: Mapping[str, Any]) -> dict[str, Any]:
    """Return what of a result is a metric, or several."""
    return {
        key: _numbers(value) if isinstance(value, Mapping) else value
        for key, value in result.items()
        if key not in _TUNE and value is not None and not isinstance(value, (str, list, tuple))
    }
