"""wandb's charts: Runwire's where it draws one of that name, else the table that they are drawn from."""

from __future__ import annotations

from typing import Any

import runwire
from runwire.errors import UnsupportedError

_OF_A_TABLE = ("bar", "histogram", "line", "scatter")


def plot_table(
    vega_spec_name: str, data_table: Any, fields: Any = None, string_fields: Any = None, **_more: Any
) -> Any:
    """Return the table: how wandb would draw it is a matter of its own page."""
    del vega_spec_name, fields, string_fields
    return data_table


def __getattr__(name: str) -> Any:
    ours = getattr(getattr(runwire, "plot", None), name, None)
    if ours is not None:
        return ours
    if name in _OF_A_TABLE:
        return lambda table, *_args, **_kwargs: table
    if name.startswith("_"):
        raise AttributeError(f"module 'wandb.plot' has no attribute {name!r}")
    raise UnsupportedError(f"wandb.plot.{name} is not there: Runwire has nothing for it; log a Table")
