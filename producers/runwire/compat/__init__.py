"""Programs that were written for wandb, unchanged: ``import wandb`` brings what is in ``on-path/wandb`` beside this.

::

    python -m runwire.compat train.py --epochs 10

or, at the top of a program, before anything imports wandb::

    import runwire.compat

    runwire.compat.install()

It holds for this process and those that it starts. What wandb has and Runwire has not is said where it is used: by a
warning where a training can go on without, else by `errors.UnsupportedError`.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import MutableMapping
from pathlib import Path

from runwire.errors import UsageError

__all__ = ["install"]

#: Holds a package ``wandb`` and what names it to ``importlib.metadata``, by which some libraries look for it.
PATH = Path(__file__).parent / "on-path"


def install() -> None:
    """Make ``import wandb`` bring Runwire's, in this process and those that it starts; twice is as once.

    Raises:
        UsageError: another wandb was imported already.
    """
    other = sys.modules.get("wandb")
    if other is not None and PATH not in Path(getattr(other, "__file__", None) or "").parents:
        raise UsageError(
            f"wandb was imported already, from {getattr(other, '__file__', 'nowhere')}: call runwire.compat.install() "
            "before anything imports it, or start the program by `python -m runwire.compat`"
        )
    if str(PATH) not in sys.path:
        sys.path.insert(0, str(PATH))
        importlib.invalidate_caches()
    hand_on(os.environ)


def hand_on(environment: MutableMapping[str, str]) -> None:
    """Change an environment so that Python programs started with it import Runwire's wandb.

    Args:
        environment: of the programs.
    """
    before = [folder for folder in environment.get("PYTHONPATH", "").split(os.pathsep) if folder]
    if str(PATH) not in before:
        environment["PYTHONPATH"] = os.pathsep.join([str(PATH), *before])
