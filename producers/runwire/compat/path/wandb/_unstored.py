"""Kinds of wandb's that may be logged."""

from __future__ import annotations

import io
from functools import cache
from typing import Any

#: What is Runwire's where it has one of that name, and may else be made and logged all the same.
UNSTORED = frozenset(
    {
        *("Artifact", "Audio", "Classes", "Graph", "Histogram", "Html", "Image", "JoinedTable", "Molecule", "Object3D"),
        *("Plotly", "Video", "box3d"),
    }
)


class Unstored:
    """Something that Runwire does not store: it may be made, and where it is logged that is said once."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.args, self.kwargs = args, kwargs

    def add(self, *_args: Any, **_kwargs: Any) -> None:
        """Do nothing, as whatever adds to it."""

    add_dir = add_file = add_reference = wait = add

    def new_file(self, _name: str, mode: str = "w", **_kwargs: Any) -> Any:
        """Return a file that goes nowhere."""
        return io.BytesIO() if "b" in mode else io.StringIO()


@cache
def unstored(name: str) -> type[Unstored]:
    """Return a kind of that name."""
    return type(name, (Unstored,), {})
