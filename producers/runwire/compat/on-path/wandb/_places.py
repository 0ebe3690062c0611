"""Where programs look for wandb's names besides ``wandb`` itself: one table, of which modules are made."""

from __future__ import annotations

import sys
from importlib.machinery import ModuleSpec
from importlib.util import module_from_spec
from typing import Any

from runwire._values import Logged
from runwire.errors import UsageError
from wandb._init import Settings, init
from wandb._kinds import KINDS, kind
from wandb._run import Run, Summary
from wandb._table import Table


class RunDisabled(Run):
    """Of wandb's, for a run that records nothing; here such a run is a `Run`, too."""


def fill() -> None:
    """Make the modules, as if they had been imported."""
    for place, names in _places().items():
        parent, _, last = place.rpartition(".")
        module = module_from_spec(ModuleSpec(place, None, is_package=True))
        vars(module).update(names)
        sys.modules[place] = module
        setattr(sys.modules[parent], last, module)


def _places() -> dict[str, dict[str, Any]]:
    """Return the names by module, parents first."""
    kinds = {name: kind(name) for name in sorted(KINDS)}
    image, video = {"Image": kind("Image")}, {"Video": kind("Video")}
    return {
        "wandb.data_types": {**kinds, "Table": Table, "WBValue": Logged},
        "wandb.env": {},
        "wandb.sdk": {"init": init, "Settings": Settings},
        "wandb.sdk.data_types": {},
        "wandb.sdk.data_types.base_types": {},
        "wandb.sdk.data_types.base_types.wb_value": {"WBValue": Logged},
        "wandb.sdk.data_types.image": image,
        "wandb.sdk.data_types.video": video,
        "wandb.sdk.lib": {"RunDisabled": RunDisabled},
        "wandb.sdk.lib.config_util": {"ConfigError": UsageError},
        "wandb.sdk.wandb_run": {"Run": Run},
        "wandb.sdk.wandb_settings": {"Settings": Settings},
        "wandb.sdk.wandb_summary": {"Summary": Summary},
        "wandb.wandb_run": {"Run": Run},
    }
