"""Kinds of wandb's that may be logged besides tables: Runwire's by wandb's arguments, where it has one."""

from __future__ import annotations

import inspect
import io
from functools import cache
from typing import Any

import runwire

#: What they take by position, as wandb calls it, or else as Runwire does.
_ORDER = {
    "Artifact": ("name", "type", "description", "metadata"),
    "Audio": ("data", "sample_rate", "caption"),
    "Histogram": ("sequence", "np_histogram", "num_bins"),
    "Html": ("data",),
    "Image": ("data", "mode", "caption", "grouping", "classes", "boxes", "masks"),
    "Plotly": ("data",),
    "Video": ("data", "caption", "fps", "format"),
}
_OTHERWISE = {"data_or_path": "data", "val": "data"}
#: All names; what Runwire has nothing for may be made and logged all the same, and is then said not to be stored.
KINDS = frozenset({*_ORDER, "Classes", "Graph", "JoinedTable", "Molecule", "Object3D", "box3d"})


@cache
def kind(name: str) -> type[Any]:
    """Return a kind of that name."""
    ours = getattr(runwire, name, None)
    return type(name, (_Unstored,), {}) if ours is None else _adapted(name, ours)


def _adapted(name: str, ours: type[Any]) -> type[Any]:
    """Return a kind of Runwire's that takes wandb's arguments, and passes over those that mean nothing to it."""
    known = inspect.signature(ours).parameters

    def __init__(self: Any, *args: Any, **kwargs: Any) -> None:  # noqa: N807 -- of the class that is made here
        given = dict(zip(_ORDER[name], args, strict=False))
        given |= {_OTHERWISE.get(key, key): value for key, value in kwargs.items()}
        ours.__init__(self, **{key: value for key, value in given.items() if key in known})

    return type(name, (ours,), {"__init__": __init__, "__doc__": ours.__doc__})


class _Unstored:
    """Something that Runwire does not store: it may be made, and where it is logged that is said once."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.args, self.kwargs = args, kwargs

    def add(self, *_args: Any, **_kwargs: Any) -> None:
        """Do nothing, as whatever adds to it."""

    add_dir = add_file = add_reference = wait = add

    def new_file(self, _name: str, mode: str = "w", **_kwargs: Any) -> Any:
        """Return a file that goes nowhere."""
        return io.BytesIO() if "b" in mode else io.StringIO()
