"""The curves of curves/ as a detector is given them: pulses that tell of one value or of several."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from runwire_alerting.detectors import Detector, Point, Sighting

FOLDER = Path(__file__).parent / "curves"
SEEDS = 8
#: The parameters were chosen on these; what is reported and demanded is of the others, too.
CHOSEN_ON = range(0, SEEDS, 2)
HELD_BACK = range(1, SEEDS, 2)
#: So many values a pulse: a run of one step a second and more, and a fast one.
PER_PULSE = (1, 4)


class Course(NamedTuple):
    """One metric of one training; ``onset`` is the step from which on something was wrong, None if nothing was."""

    points: list[Point]
    onset: int | None


@lru_cache
def arrays(kind: str) -> dict[str, Any]:
    """Return what curves/``kind``.npz holds, by metric; ``onset`` and ``step`` are no metrics."""
    with np.load(FOLDER / f"{kind}.npz") as file:
        return dict(file)


@lru_cache(256)
def course(kind: str, metric: str, seed: int, per_pulse: int) -> Course:
    """Return a course of curves/``kind``.npz."""
    known = arrays(kind)
    values = known[metric][seed].tolist()
    longest = max(known[name].shape[1] for name in known if name != "onset")
    apart = longest // len(values)  # a validation is logged each so many steps
    steps = known["step"][seed].tolist() if "step" in known else range(0, longest, apart)
    onset = int(known["onset"][seed])
    logged = [(step, value) for step, value in zip(steps, values, strict=True) if step >= 0]
    return Course(list(_points(logged, per_pulse)), onset if onset >= 0 else None)


def point(step: int, *values: float) -> Point:
    """Return what a pulse tells of finite values that were logged until ``step``, a step a second."""
    return Point(step, step * 1_000_000, len(values), values[-1], min(values), max(values), sum(values))


def sighted(detector: Detector, points: Iterable[Point]) -> list[int]:
    """Return the steps at which something was wrong."""
    return [point.step for point in points if isinstance(detector.add(point), Sighting)]


def sighted_beside(detector: Detector, points: Iterable[Point], beside: Iterable[Point]) -> list[int]:
    """Return the same of a detector of two metrics; what both tell of one step comes to it from `beside` first."""
    found = []
    for _, judged, one in sorted([(one.step, 0, one) for one in beside] + [(one.step, 1, one) for one in points]):
        if not judged:
            detector.beside(one)
        elif isinstance(detector.add(one), Sighting):
            found.append(one.step)
    return found


def _points(logged: list[tuple[int, float]], per_pulse: int) -> Iterator[Point]:
    for at in range(0, len(logged) - per_pulse + 1, per_pulse):
        step, last = logged[at + per_pulse - 1]
        finite = [value for _, value in logged[at : at + per_pulse] if math.isfinite(value)]
        if finite:
            yield Point(step, at * 1_000_000, len(finite), last, min(finite), max(finite), sum(finite))
