"""Optuna: trials of a study as rows of one run, or as a run each."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any

import optuna

import runwire
from runwire.errors import Stopped
from runwire.integrations._runs import asked_to_stop, chosen

Objective = Callable[[optuna.Trial], float | Sequence[float]]


class RunwireCallback:
    """Logs each trial of a study as a row of one run, at the trial's number as its step.

    A row holds the trial's values, its parameters that are numbers as ``params/<name>``, and its seconds; parameters of
    any kind stand with values and state in the table ``trials``, which is logged by `log_trials`. The best trial so
    far is in the run's summary. If the run is asked to stop, this process's part of the search ends with the trial.

    ::

        runwire.init(project="search")
        study.optimize(objective, n_trials=100, callbacks=[RunwireCallback()])

    Args:
        run: the run to log into; None for the current one.
        names: names of the values, in the objective's order; None for those that the study has
            (``study.set_metric_names``), else "value", or "value_0" and so on.

    Raises:
        RunFinishedError: there is no run.
    """

    def __init__(self, run: runwire.Run | None = None, *, names: Sequence[str] | None = None) -> None:
        self._run = chosen(run, "RunwireCallback()")
        self._names = names

    def __call__(self, study: optuna.Study, trial: optuna.trial.FrozenTrial) -> None:
        """Log a trial; called by Optuna when one is over."""
        names = _names(study, self._names)
        if "optuna" not in self._run.config:
            _describe(self._run, study, names)
        row = {f"params/{name}": value for name, value in trial.params.items() if isinstance(value, (int, float))}
        row |= _values(trial, names)
        if trial.duration is not None:
            row["seconds"] = trial.duration.total_seconds()
        self._run.log(row, step=trial.number)
        if len(study.directions) == 1 and trial.values is not None:
            with suppress(ValueError):  # none fulfils the study's constraints
                best = study.best_trial
                self._run.summary.update(best_trial=best.number, best_value=best.value, best_params=best.params)
        if asked_to_stop(self._run):
            study.stop()

    def log_trials(self, study: optuna.Study) -> None:
        """Log the table ``trials``: number, state, values and parameters of every trial there was.

        Args:
            study: the study.
        """
        names = _names(study, self._names)
        keys = list(dict.fromkeys(key for trial in study.trials for key in trial.params))
        rows = [
            [
                trial.number,
                trial.state.name.lower(),
                *(trial.values or [None] * len(names)),
                *map(trial.params.get, keys),
            ]
            for trial in study.trials
        ]
        columns = ["number", "state", *names, *(f"params/{key}" for key in keys)]
        self._run.log({"trials": runwire.Table(columns=columns, data=rows)}, step=max(self._run.step - 1, 0))


def run_per_trial(names: Sequence[str] | None = None, **kwargs: Any) -> Callable[[Objective], Objective]:
    """Make each trial a run of its own: a decorator of objectives, which may log into the current run.

    A run has the trial's parameters as its config, its values in the summary, the study's name as its group, and the
    tag "pruned" if it was pruned. A trial that raises is a run that failed; one that is asked to stop and raises
    `runwire.Stopped` is pruned, and the search goes on.

    ::

        @run_per_trial(project="search")
        def objective(trial):
            rate = trial.suggest_float("rate", 1e-5, 1e-1, log=True)
            for step in range(100):
                runwire.log({"loss": train(rate)})
            return evaluate()

    Args:
        names: names of the values, as `RunwireCallback` takes them.
        kwargs: what `runwire.init` takes besides ``name``.
    """

    def decorate(objective: Objective) -> Objective:
        @functools.wraps(objective)
        def tracked(trial: optuna.Trial) -> float | Sequence[float]:
            name = f"{trial.study.study_name}-{trial.number}"
            given = {"group": trial.study.study_name, "reinit": "create_new", **kwargs}
            with runwire.init(name=name, **given) as run:
                try:
                    values = objective(trial)
                except (optuna.TrialPruned, Stopped) as error:
                    run.tags = (*run.tags, "pruned")
                    run.config.update(trial.params, allow_val_change=True)
                    run.finish()  # what was pruned did what it should
                    raise optuna.TrialPruned(*error.args) from error
                run.config.update(trial.params, allow_val_change=True)
                told = values if isinstance(values, Sequence) else [values]
                run.summary.update(dict(zip(_names(trial.study, names), told, strict=False)))
            return values

        return tracked

    return decorate


def _names(study: optuna.Study, given: Sequence[str] | None) -> list[str]:
    if given is not None:
        return list(given)
    if study.metric_names is not None:
        return list(study.metric_names)
    count = len(study.directions)
    return ["value"] if count == 1 else [f"value_{number}" for number in range(count)]


def _values(trial: optuna.trial.FrozenTrial, names: Sequence[str]) -> Mapping[str, float]:
    return dict(zip(names, trial.values, strict=False)) if trial.values is not None else {}


def _describe(run: runwire.Run, study: optuna.Study, names: Sequence[str]) -> None:
    directions = [direction.name.lower() for direction in study.directions]
    run.config["optuna"] = {
        "study": study.study_name,
        "directions": directions,
        "sampler": type(study.sampler).__name__,
        "pruner": type(study.pruner).__name__,
    }
    for name, direction in zip(names, directions, strict=False):
        run.define_metric(name, summary="best", goal=direction)  # type: ignore[arg-type]
