"""Runwire's SDK: what runs beside a training job.

::

    import runwire

    runwire.init(project="digits", config={"lr": 0.1})
    for step in range(1000):
        runwire.log({"train/loss": loss}, step=step)
    runwire.finish()

What is public stands in ``__all__``; modules with a leading underscore are not. ``log()`` appends to a file of this
host (``runwire.spool``), a process of its own (``runwire.shipper``) carries that to Kafka, and ``runwire.wire`` is
the contract of what travels.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from runwire import errors
from runwire._current import (
    alert,
    checkpoint_loaded,
    checkpoint_saved,
    config,
    current,
    define_metric,
    finish,
    init,
    log,
    log_artifact,
    phase,
    planned_stop,
    summary,
    use_artifact,
)
from runwire._run import AlertLevel, Run
from runwire._settings import Settings
from runwire._table import Table
from runwire.errors import Stopped

if TYPE_CHECKING:
    from runwire import plot
    from runwire.artifacts import Artifact
    from runwire.media import Audio, Histogram, Html, Image, Plotly, Video

    run: Run | None
    """The current run, None if there is none."""

__version__ = "0.1.0"

__all__ = [
    "AlertLevel",
    "Artifact",
    "Audio",
    "Histogram",
    "Html",
    "Image",
    "Plotly",
    "Run",
    "Settings",
    "Stopped",
    "Table",
    "Video",
    "__version__",
    "alert",
    "checkpoint_loaded",
    "checkpoint_saved",
    "config",
    "define_metric",
    "errors",
    "finish",
    "init",
    "log",
    "log_artifact",
    "phase",
    "planned_stop",
    "plot",
    "run",
    "summary",
    "use_artifact",
]


def __getattr__(name: str) -> Any:
    if name == "run":
        return current()
    if name == "plot":
        return import_module("runwire.plot")
    if name in _LATER:
        found = getattr(import_module(_LATER[name]), name)
        found.__module__ = "runwire"
        return found
    raise AttributeError(f"module 'runwire' has no attribute {name!r}")


#: Who logs numbers alone need not load these: where they are.
_LATER = {
    "Artifact": "runwire.artifacts",
    **dict.fromkeys(("Audio", "Histogram", "Html", "Image", "Plotly", "Video"), "runwire.media"),
}

for _name in __all__:
    if callable(_public := globals().get(_name)):
        _public.__module__ = "runwire"  # what tracebacks and help() show is what one imports
del _name, _public
