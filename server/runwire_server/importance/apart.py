"""Measuring in a process of its own, and what is told of it."""

from __future__ import annotations

import math
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from typing_extensions import TypedDict

from runwire.errors import RunwireError
from runwire.wire import dumps, loads
from runwire_server.importance.columns import Column, Kind, columns
from runwire_storage.queries import Parameters, QueryError

_SECONDS_MAX = 55
#: Fewer runs say nothing of any parameter.
RUNS_MIN = 10


class ImportanceError(QueryError):
    """There is too little to tell from, or too much."""


class Parameter(TypedDict):
    """A config's key that varies, and what it has to do with the target; see `importance.measure`."""

    key: str
    kind: Kind
    distinct: int
    missing: int
    correlation: float | None
    p: float | None
    n: int
    fanova: float
    fanova_spread: float
    ped_anova: float
    ped_anova_spread: float


class Importance(TypedDict):
    """What was found, the most important parameter first.

    ``runs`` is how many were used. Left out are those without the target (``missing``), with one that is not finite
    (``nonfinite``), and all but the last that started if there are too many (``beyond``); keys that vary but tell
    nothing are in ``ignored``, with the reason.
    """

    runs: int
    missing: int
    nonfinite: int
    beyond: int
    parameters: list[Parameter]
    ignored: dict[str, str]


def importance(found: Parameters, *, maximize: bool) -> Importance:
    """Return which of the runs' parameters matter for the target.

    Args:
        found: config and target of each run.
        maximize: whether high targets are the good ones.

    Raises:
        ImportanceError: too few runs, no difference between them, or too much of both to be done in time.
        RunwireError: the measuring process failed.
    """
    used = [run for run, value in found.targets.items() if value is not None and math.isfinite(value)]
    target = [found.targets[run] for run in used]
    missing = sum(value is None for value in found.targets.values())
    if len(used) < RUNS_MIN:
        raise ImportanceError(
            f"{len(used)} of {len(found.targets)} runs have a finite target: at least {RUNS_MIN} are needed",
            "let more runs through the filter, or choose a target that they have, as last(val/loss)",
        )
    if len(set(target)) == 1:
        raise ImportanceError("the target is the same for all runs", "choose another, as min(val/loss)")
    varying, ignored = columns([found.configs[run] for run in used])
    measured = _measured([asdict(column) for column in varying], target, maximize=maximize) if varying else []
    about = {column.key: column for column in varying}
    return {
        "runs": len(used),
        "missing": missing,
        "nonfinite": len(found.targets) - len(used) - missing,
        "beyond": found.total - len(found.targets),
        "parameters": [_parameter(about[one["key"]], one) for one in measured],
        "ignored": ignored,
    }


def _parameter(column: Column, measured: Mapping[str, Any]) -> Parameter:
    about = {"kind": column.kind, "distinct": column.distinct, "missing": column.missing}
    return {**about, **measured}  # type: ignore[typeddict-item]  # these are its members


def _measured(varying: list[dict[str, Any]], target: list[Any], *, maximize: bool) -> list[Any]:
    asked = dumps({"columns": varying, "target": target, "maximize": maximize})
    command = [sys.executable, "-m", "runwire_server.importance"]
    try:
        done = subprocess.run(command, input=asked, capture_output=True, check=False, timeout=_SECONDS_MAX)  # noqa: S603
    except subprocess.TimeoutExpired:
        raise ImportanceError(
            f"{len(target)} runs with {len(varying)} parameters took longer than {_SECONDS_MAX} s",
            "let fewer runs through the filter",
        ) from None
    if done.returncode:
        raise RunwireError(f"importances could not be measured: {done.stderr.decode(errors='replace')[-300:].strip()}")
    told: list[Any] = loads(done.stdout)
    return told
