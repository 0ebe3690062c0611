"""Optuna's own studies, and what is stored of them."""

from __future__ import annotations

import warnings
from pathlib import Path

import optuna
from producers.spooled import logged, parts, told
from stops import ask

import runwire
from runwire.integrations.optuna import RunwireCallback, run_per_trial

optuna.logging.set_verbosity(optuna.logging.ERROR)


def objective(trial: optuna.Trial) -> float:
    x = trial.suggest_float("x", -1, 1)
    trial.suggest_categorical("kind", ["a", "b"])
    if trial.number == 2:
        raise optuna.TrialPruned
    return x * x


def study(direction: str = "minimize") -> optuna.Study:
    return optuna.create_study(study_name="squares", direction=direction, sampler=optuna.samplers.RandomSampler(seed=1))


def test_each_trial_is_a_row_of_one_run(run: runwire.Run) -> None:
    """Values and parameters at the trial's number; the best one in the summary; a pruned one has no value."""
    searched = study()
    callback = RunwireCallback()
    searched.optimize(objective, n_trials=5, callbacks=[callback])
    rows = logged(run)
    assert [step for step, _ in rows] == [0, 1, 2, 3, 4]
    for (_, row), trial in zip(rows, searched.trials, strict=True):
        assert row["params/x"] == trial.params["x"]
        assert row.get("value") == trial.value
    assert told(run, "summary")[-1]["best_value"] == searched.best_value
    assert told(run, "summary")[-1]["best_params"] == searched.best_params
    assert told(run, "config")[0]["optuna"]["directions"] == ["minimize"]
    callback.log_trials(searched)
    (table,) = parts(run)
    assert table.columns == ["number", "state", "value", "params/x", "params/kind"]
    assert [row[1] for row in table.rows] == ["complete", "complete", "pruned", "complete", "complete"]
    assert [row[4] for row in table.rows] == [trial.params["kind"] for trial in searched.trials]


def test_several_objectives_have_a_value_each(run: runwire.Run) -> None:
    """They are named by their place, or as the study names them."""
    searched = optuna.create_study(directions=["minimize", "maximize"])
    searched.optimize(lambda trial: (trial.suggest_float("x", 0, 1), 2.0), n_trials=1, callbacks=[RunwireCallback()])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        searched.set_metric_names(["error", "speed"])
    searched.optimize(lambda trial: (trial.suggest_float("x", 0, 1), 3.0), n_trials=1, callbacks=[RunwireCallback()])
    (_, first), (_, second) = logged(run)
    assert first["value_1"] == 2.0
    assert second["speed"] == 3.0


def test_a_run_for_each_trial_has_its_parameters_and_values() -> None:
    """Group, config, summary and rows are the trial's; a pruned one is tagged and did not fail, one that raises did."""
    began: list[Path] = []

    @run_per_trial(project="search")
    def tracked(trial: optuna.Trial) -> float:
        assert runwire.run is not None
        assert runwire.run.folder is not None
        began.append(runwire.run.folder)
        runwire.log({"loss": trial.number})
        if trial.number == 3:
            raise ZeroDivisionError
        return objective(trial)

    searched = study()
    searched.optimize(tracked, n_trials=4, catch=[ZeroDivisionError])
    assert [told(folder, "finish")[0]["exit_code"] for folder in began] == [0, 0, 0, 1]
    assert [logged(folder) for folder in began] == [[(0, {"loss": float(number)})] for number in range(4)]
    assert told(began[0], "config") == [searched.trials[0].params]
    assert told(began[0], "summary") == [{"value": searched.trials[0].value}]
    assert told(began[0], "start")[0]["group"] == "squares"
    assert told(began[2], "tags")[-1]["tags"] == ["pruned"]
    assert told(began[3], "exception")[0]["kind"] == "ZeroDivisionError"


def test_the_run_around_a_search_goes_on(run: runwire.Run) -> None:
    """Runs of trials begin beside the one that there is, and neither finish it nor log into it."""
    study().optimize(run_per_trial(project="search")(objective), n_trials=1)
    run.log({"searches": 1})
    assert logged(run) == [(0, {"searches": 1.0})]


def test_a_run_that_is_asked_to_stop_ends_the_search(run: runwire.Run) -> None:
    """With the trial that was under way; what it came to is logged."""
    ask(run)
    searched = study()
    searched.optimize(objective, n_trials=5, callbacks=[RunwireCallback()])
    assert [step for step, _ in logged(run)] == [trial.number for trial in searched.trials] == [0]
    run.finish()
    assert told(run, "finish") == [{"exit_code": 0, "stopped": True}]


def test_a_trial_whose_run_is_stopped_is_pruned_and_the_search_goes_on() -> None:
    """Where the settings let log() raise: the trial is pruned, its run stopped, and the next trial begins."""
    began: list[Path] = []

    @run_per_trial(project="search", settings={"stop": "raise"})
    def tracked(trial: optuna.Trial) -> float:
        assert runwire.run is not None
        assert runwire.run.folder is not None
        began.append(runwire.run.folder)
        if trial.number == 0:
            ask(runwire.run)
        runwire.log({"loss": trial.number})
        return objective(trial)

    searched = study()
    searched.optimize(tracked, n_trials=2)
    assert [trial.state.name for trial in searched.trials] == ["PRUNED", "COMPLETE"]
    assert told(began[0], "finish") == [{"exit_code": 0, "stopped": True}]
    assert told(began[0], "exception") == []
    assert told(began[1], "finish") == [{"exit_code": 0}]
