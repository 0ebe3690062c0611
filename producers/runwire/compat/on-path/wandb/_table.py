"""Tables, with what wandb takes for one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import runwire


class Table(runwire.Table):
    """A `runwire.Table`, made by wandb's arguments; those that say how it is kept are of no meaning.

    Args:
        columns: names of the columns.
        data: rows, or a frame, or an array.
        rows: rows.
        dataframe: a pandas or polars frame.
    """

    def __init__(
        self,
        columns: Sequence[Any] | None = None,
        data: Any = None,
        rows: Any = None,
        dataframe: Any = None,
        **_kept: Any,
    ) -> None:
        super().__init__(columns, data if data is not None else rows, dataframe=dataframe)


def is_frame(value: Any) -> bool:
    """Return whether a value is a pandas or polars frame."""
    return type(value).__name__ == "DataFrame" and type(value).__module__.partition(".")[0] in ("pandas", "polars")
