"""Curves in a terminal."""

from __future__ import annotations

import math
import shutil
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import plotext

from runwire.errors import UsageError
from runwire.wire.json import number

_HEIGHT = 12
_WIDTH_MAX = 100
_MAIN_MAX = 4
#: Words of metrics that people look at first.
_MAIN = ("loss", "acc", "reward", "error")
#: A curve whose values, all above zero, span more than this is drawn over a logarithmic axis.
_LOG_RATIO = 1e3
_KINDS = (("nan", "NaN"), ("pos_inf", "+Inf"), ("neg_inf", "-Inf"))


def main(metrics: Sequence[Mapping[str, Any]], wanted: Sequence[str] | None) -> list[Any]:
    """Return the metrics to plot: those wanted, else the few that tell most.

    Raises:
        UsageError: the run has no such metric.
    """
    known = {metric["metric"]: metric for metric in metrics}
    if wanted:
        if missing := [name for name in wanted if name not in known]:
            raise UsageError(f"the run has no metric {', '.join(missing)}; it has {', '.join(known) or 'none'}")
        return [known[name] for name in wanted]
    order = sorted(
        (name for name in known if known[name]["axis"] == "step"),
        key=lambda name: (next((i for i, word in enumerate(_MAIN) if word in name), len(_MAIN)), name),
    )
    return [known[name] for name in order[:_MAIN_MAX]]


def chart(series: Mapping[str, Any], width: int | None = None) -> str:
    """Return a series of `/api/series` as text: its curve, and which values are not finite.

    Args:
        series: as the API's JSON has it.
        width: in characters; None for the terminal's.
    """
    width = width or min(shutil.get_terminal_size().columns, _WIDTH_MAX)
    planes = {name: [number(item) for item in plane] for name, plane in series["planes"].items()}
    points = sorted(
        {
            (step, value)
            for name in ("first", "last", "min", "max")
            for step, value in zip(planes[f"{name}_step"], planes[name], strict=True)
            if math.isfinite(value)
        }
    )
    lines = [f"{series['metric']}  ({series['points']:,} points)"]
    if points:
        lines.append(_curve(points, planes, series["level"], width))
    lines += _odd(series, planes)
    return "\n".join(lines)


def _curve(points: Sequence[tuple[float, float]], planes: Mapping[str, Sequence[float]], level: int, width: int) -> str:
    values = [value for _, value in points]
    low, high = min(values), max(values)
    log = low > 0 and high / low > _LOG_RATIO
    scale = math.log10 if log else float
    figure = plotext.figure
    figure.clear()
    figure.plot_size(width, _HEIGHT)
    figure.theme("colorless")
    figure.draw(figure.signal([step for step, _ in points], list(map(scale, values)), marker="braille").lines())
    bad = [
        column * 2**level
        for column, *counts in zip(planes["column"], *(planes[kind] for kind, _ in _KINDS), strict=True)
        if any(counts)
    ]
    if bad:
        figure.draw(figure.signal(bad, [scale(low)] * len(bad), marker="×"))
    ticks = [scale(low) + (scale(high) - scale(low)) * part / 3 for part in range(4)] if high > low else [scale(low)]
    figure.ruler("y").ticks(ticks, [f"{10**tick if log else tick:.4g}" for tick in ticks])
    steps = [step for step, _ in points] + bad
    ends = sorted({min(steps), max(steps)})
    figure.ruler("x").ticks(ends, [f"{int(step):,}" for step in ends])
    text = figure.build().string()
    return str(text if sys.stdout.isatty() else plotext.uncolorize(text)).rstrip("\n")


def _odd(series: Mapping[str, Any], planes: Mapping[str, Sequence[float]]) -> list[str]:
    told = [f"{int(total):,} {name}" for kind, name in _KINDS if (total := sum(planes[kind]))]
    first = series["first_nonfinite"]
    return [f"× {', '.join(told)}; the first at step {first['step']:,}"] if told else []
