"""wandb's charts, as Runwire draws them."""

from __future__ import annotations

import functools
from typing import Any

import runwire
from runwire.errors import UnsupportedError

#: Which of wandb's own ways to draw a table are lines.
_LINES = ("wandb/area-under-curve/v0", "wandb/line/v0", "wandb/lineseries/v0")


def plot_table(
    vega_spec_name: str, data_table: Any, fields: Any = None, string_fields: Any = None, split_table: bool = False
) -> Any:
    """Return a plot of lines, or else the table: other ways to draw one are of wandb's own page."""
    named, texts = dict(fields or {}), dict(string_fields or {})
    if vega_spec_name not in _LINES or not {"x", "y"} <= named.keys():
        return data_table
    parted = named.get("class", named.get("stroke"))
    return runwire.plot.line(data_table, named["x"], named["y"], stroke=parted, title=texts.get("title", ""))


def __getattr__(name: str) -> Any:
    if name.startswith("_"):
        raise AttributeError(f"module 'wandb.plot' has no attribute {name!r}")
    draw = getattr(runwire.plot, name, None)
    if draw is None:
        raise UnsupportedError(f"wandb.plot.{name} is not there: Runwire has nothing for it; log a Table")

    @functools.wraps(draw)
    def drawn(*args: Any, split_table: bool = False, **kwargs: Any) -> Any:
        return draw(*args, **kwargs)

    return drawn
