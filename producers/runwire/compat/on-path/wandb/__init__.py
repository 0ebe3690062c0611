"""What programs that were written for wandb find in its place: its names, over Runwire.

The names, and what they take, are wandb's as of the version below. ``run`` is Runwire's current run, however it was
begun. Where a name stands is told by ``_places``; what is drawn and stored is Runwire's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import runwire
from runwire import AlertLevel, config
from runwire.errors import UnsupportedError
from wandb import _places, errors, plot, util
from wandb._init import Settings, init
from wandb._kinds import KINDS, kind
from wandb._run import Run, current, needed
from wandb._table import Table
from wandb.errors import CommError, Error, UsageError
from wandb.errors.term import termerror, termlog, termwarn
from wandb.plot import plot_table

if TYPE_CHECKING:
    run: Run | None
    summary: Any

__version__ = "0.31.0+runwire"

__all__ = [
    "AlertLevel",
    "CommError",
    "Error",
    "Run",
    "Settings",
    "Table",
    "UsageError",
    "__version__",
    "alert",
    "config",
    "define_metric",
    "ensure_configured",
    "errors",
    "finish",
    "init",
    "log",
    "log_artifact",
    "login",
    "plot",
    "plot_table",
    "require",
    "run",
    "save",
    "setup",
    "summary",
    "teardown",
    "termerror",
    "termlog",
    "termwarn",
    "unwatch",
    "use_artifact",
    "util",
    "watch",
]


def log(*args: Any, **kwargs: Any) -> None:
    """Log into the current run: see `Run.log`."""
    needed("wandb.log()").log(*args, **kwargs)


def define_metric(*args: Any, **kwargs: Any) -> None:
    """Define a metric of the current run: see `Run.define_metric`."""
    needed("wandb.define_metric()").define_metric(*args, **kwargs)


def watch(*args: Any, **kwargs: Any) -> None:
    """Log a model's gradients or parameters into the current run: see `Run.watch`."""
    needed("wandb.watch()").watch(*args, **kwargs)


def unwatch(*args: Any, **kwargs: Any) -> None:
    """End what `watch` began."""
    needed("wandb.unwatch()").unwatch(*args, **kwargs)


def log_artifact(*args: Any, **kwargs: Any) -> Any:
    """Log an artifact of the current run: see `Run.log_artifact`."""
    return needed("wandb.log_artifact()").log_artifact(*args, **kwargs)


def use_artifact(*args: Any, **kwargs: Any) -> Any:
    """Use an artifact in the current run."""
    return needed("wandb.use_artifact()").use_artifact(*args, **kwargs)


def save(*args: Any, **kwargs: Any) -> None:
    """Say that files are not stored by this: see `Run.save`."""
    needed("wandb.save()").save(*args, **kwargs)


def alert(*args: Any, **kwargs: Any) -> None:
    """Raise an alert of the current run: see `Run.alert`."""
    needed("wandb.alert()").alert(*args, **kwargs)


def finish(exit_code: int | None = None, quiet: bool | None = None) -> None:
    """End the current run, if there is one."""
    runwire.finish(exit_code or 0)


def login(*_args: Any, **_kwargs: Any) -> bool:
    """Do nothing: what a training logs goes to this host's own disk first, which takes no key."""
    return True


def require(*_args: Any, **_kwargs: Any) -> None:
    """Do nothing: there are no experiments to ask for."""


def setup(*_args: Any, **_kwargs: Any) -> None:
    """Do nothing: there is no service to set up."""


def teardown(exit_code: int | None = None) -> None:
    """End the current run, if there is one."""
    finish(exit_code)


def ensure_configured() -> None:
    """Do nothing: programs that look for a key ask for this first."""


class api:  # noqa: N801 -- an object of wandb's, of which programs ask for the key
    """Whether somebody is logged in, as programs ask for it before they begin: nobody need be."""

    api_key = "none is needed"


def __getattr__(name: str) -> Any:
    if name == "run":
        return current()
    if name == "summary":
        return needed("wandb.summary").summary
    if name in KINDS:
        return kind(name)
    if name.startswith("_"):
        raise AttributeError(f"module 'wandb' has no attribute {name!r}")
    raise UnsupportedError(
        f"wandb.{name} is not there: under runwire.compat `import wandb` brings Runwire's own, which has nothing for it"
    )


_places.fill()
