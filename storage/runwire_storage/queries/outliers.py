"""Which ranks of a run differ from the others: by what they log, by NaN, or by how far they are."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from runwire_storage.rows import Ints

#: The modified z-score above which a value is an outlier, and the factor that makes the median absolute deviation of
#: normal values their standard deviation (Iglewicz and Hoaglin, How to Detect and Handle Outliers, 1993).
_SCORE_MIN = 3.5
_MAD_FACTOR = 1.4826
#: Ranks that agree better than this share of their median do not differ.
_NOISE = 1e-3
#: In so large a share of its columns a rank must differ to differ always, or of the last ones to have diverged.
_ALWAYS, _LATELY = 0.8, 0.1
#: Fewer ranks have no middle.
_RANKS_MIN = 3

Floats = NDArray[np.float64]
Why = Literal["nonfinite", "behind", "high", "low", "diverged"]


@dataclass(frozen=True)
class Outlier:
    """A rank that differs from the others.

    Attributes:
        why: it has NaN or infinities where most ranks have none (``nonfinite``), its last step is more than a column
            before the others' (``behind``), it lies above or below the others nearly always (``high``, ``low``), or
            has done so in all of its last columns (``diverged``).
        score: how far: in robust standard deviations; in steps for ``behind``; in values for ``nonfinite``.
        step: where the first column begins in which it is so.
    """

    rank: int
    why: Why
    score: float
    step: int


def outliers(ranks: Ints, mean: Floats, nonfinite: Ints, last_step: Ints, columns: tuple[int, int]) -> list[Outlier]:
    """Return the ranks that differ, one reason each, those with NaN first, then by score.

    Args:
        ranks: R.
        mean: (R, C), NaN where there is none.
        nonfinite: (R, C), how many values are NaN or infinite.
        last_step: R.
        columns: the step at which the first begins, and how many steps each has.
    """
    if len(ranks) < _RANKS_MIN or not mean.shape[1]:
        return []
    start, width = columns
    score = _scores(mean)
    rare = (nonfinite > 0).sum(axis=0) * 2 < len(ranks)
    middle = np.median(last_step)
    found = []
    for row, rank in enumerate(ranks.tolist()):
        bad = np.flatnonzero((nonfinite[row] > 0) & rare)
        if len(bad):
            found.append(Outlier(rank, "nonfinite", float(nonfinite[row].sum()), start + int(bad[0]) * width))
        elif middle - last_step[row] > width:
            found.append(Outlier(rank, "behind", float(middle - last_step[row]), int(last_step[row])))
        else:
            found += _different(rank, score[row], start, width)
    return sorted(found, key=lambda one: (one.why != "nonfinite", -one.score))


def _scores(mean: Floats) -> Floats:
    """Return how far each rank is from the middle of its column, in robust standard deviations."""
    with warnings.catch_warnings(), np.errstate(invalid="ignore", over="ignore"):
        warnings.filterwarnings("ignore", "All-NaN slice", RuntimeWarning)
        median = np.nanmedian(mean, axis=0)
        away = mean - median
        scale = _MAD_FACTOR * np.nanmedian(np.abs(away), axis=0)
        scores: Floats = away / np.maximum(scale, np.maximum(_NOISE * np.abs(median), np.finfo(float).tiny))
    return scores


def _different(rank: int, score: Floats, start: int, width: int) -> Iterator[Outlier]:
    own = np.flatnonzero(~np.isnan(score))
    if not len(own):
        return
    scores = score[own]
    for why, beyond in (("high", scores > _SCORE_MIN), ("low", scores < -_SCORE_MIN)):
        if beyond.mean() >= _ALWAYS:
            first = int(own[np.argmax(beyond)])
            yield Outlier(rank, why, float(np.median(np.abs(scores[beyond]))), start + first * width)  # type: ignore[arg-type]
            return
    within = np.flatnonzero(np.abs(scores) <= _SCORE_MIN)
    since = int(within[-1]) + 1 if len(within) else 0
    if len(own) - since >= max(2, _LATELY * len(own)):
        yield Outlier(rank, "diverged", float(np.median(np.abs(scores[since:]))), start + int(own[since]) * width)
