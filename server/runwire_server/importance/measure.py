"""SciPy's rank correlation and Optuna's importances of columns for a target. Loads both, and scikit-learn."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import optuna
from numpy.typing import NDArray
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution
from optuna.importance import FanovaImportanceEvaluator, PedAnovaImportanceEvaluator, get_param_importances
from scipy.stats import spearmanr

from runwire_server.importance.columns import Column

#: Importances are the mean over so many resamples of the runs, drawn with replacement; the spread is over them too.
_ROUNDS = {"fanova": 5, "ped_anova": 20}
#: fANOVA's time grows with the square of the runs: of more than these each resample has so many.
_FANOVA_RUNS_MAX = 300
#: A quarter of Optuna's default: the mean is over several forests, with more trees together.
_TREES = 16


def measure(columns: Sequence[Column], target: Sequence[float], *, maximize: bool) -> list[dict[str, Any]]:
    """Return what each column has to do with the target, the most important first.

    Args:
        columns: N values each.
        target: N finite numbers, not all the same.
        maximize: whether PED-ANOVA looks at the runs with the highest targets; else the lowest.

    Returns:
        For each: ``correlation`` (Spearman's rho), its ``p`` and ``n``, None where a column has no order; and
        ``fanova`` and ``ped_anova``, the part of importance that falls to it, each with its ``_spread`` (standard
        deviation over resamples).
    """
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    warnings.simplefilter("ignore")  # of experimental features, and of columns that a resample makes constant
    goal = np.asarray(target, np.float64)
    trials = _trials(columns, goal)
    rng = np.random.default_rng(0)
    parts = {
        name: _resampled(name, trials, [column.key for column in columns], rng, maximize=maximize) for name in _ROUNDS
    }
    told = []
    for place, column in enumerate(columns):
        spreads = {f"{name}_spread": float(found[:, place].std(ddof=1)) for name, found in parts.items()}
        means = {name: float(found[:, place].mean()) for name, found in parts.items()}
        told.append({"key": column.key, **_correlation(column, goal), **means, **spreads})
    return sorted(told, key=lambda one: (-one["fanova"], one["key"]))


def _trials(columns: Sequence[Column], goal: NDArray[np.float64]) -> list[optuna.trial.FrozenTrial]:
    distributions = {column.key: _distribution(column) for column in columns}
    return [
        optuna.trial.create_trial(
            params={column.key: column.values[place] for column in columns},
            distributions=distributions,
            value=float(value),
        )
        for place, value in enumerate(goal)
    ]


def _distribution(column: Column) -> BaseDistribution:
    if column.kind in {"number", "log number"}:
        numbers = [float(value) for value in column.values]
        return FloatDistribution(min(numbers), max(numbers), log=column.kind == "log number")
    return CategoricalDistribution(sorted({str(value) for value in column.values}))


def _resampled(
    name: str,
    trials: Sequence[optuna.trial.FrozenTrial],
    keys: Sequence[str],
    rng: np.random.Generator,
    *,
    maximize: bool,
) -> NDArray[np.float64]:
    """Return importances, a row a resample, a column a key."""
    size = min(len(trials), _FANOVA_RUNS_MAX) if name == "fanova" else len(trials)
    rows: list[list[float]] = []
    while len(rows) < _ROUNDS[name]:
        drawn = [trials[place] for place in rng.integers(0, len(trials), size)]
        if len({trial.value for trial in drawn}) < 2:
            continue  # few runs, most of them alike: a draw without any difference tells nothing
        study = optuna.create_study(direction="maximize" if maximize else "minimize")
        study.add_trials(drawn)
        evaluator = (
            FanovaImportanceEvaluator(n_trees=_TREES, seed=len(rows))
            if name == "fanova"
            else PedAnovaImportanceEvaluator()
        )
        found = get_param_importances(study, evaluator=evaluator, params=list(keys))
        rows.append([found[key] for key in keys])
    return np.asarray(rows, np.float64)


def _correlation(column: Column, goal: NDArray[np.float64]) -> dict[str, Any]:
    if column.numbers is None:
        return {"correlation": None, "p": None, "n": len(goal) - column.missing}
    there = [place for place, number in enumerate(column.numbers) if number is not None]
    found = spearmanr([column.numbers[place] for place in there], goal[there])
    rho, p = float(found.statistic), float(found.pvalue)
    if math.isnan(rho):  # constant, as far as it is there
        return {"correlation": None, "p": None, "n": len(there)}
    return {"correlation": rho, "p": p, "n": len(there)}
