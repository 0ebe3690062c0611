"""``wandb.init``: its arguments and its environment variables, as Runwire's."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import runwire
from runwire._say import logger
from runwire.errors import UsageError
from wandb._run import Run, wrapped

#: An argument's environment variable.
_VARIABLES = {
    "dir": "WANDB_DIR",
    "entity": "WANDB_ENTITY",
    "group": "WANDB_RUN_GROUP",
    "id": "WANDB_RUN_ID",
    "job_type": "WANDB_JOB_TYPE",
    "mode": "WANDB_MODE",
    "name": "WANDB_NAME",
    "notes": "WANDB_NOTES",
    "project": "WANDB_PROJECT",
    "resume": "WANDB_RESUME",
    "tags": "WANDB_TAGS",
}
#: What wandb calls a mode besides those of Runwire.
_MODES = {"dryrun": "offline", "run": "online", "online": None, "shared": None}
#: What has no meaning here, and changes nothing that is logged.
_PASSED_OVER = {"anonymous", "force", "allow_val_change", "magic", "save_code", "settings", "monitor_gym"}


class Settings:
    """wandb's settings, as far as they are arguments of `init` at the same time; the others have no meaning."""

    def __init__(self, **given: Any) -> None:
        names = {"run_id": "id", "run_name": "name", "run_group": "group", "run_notes": "notes", "run_tags": "tags"}
        self.given = {names.get(name, name): value for name, value in given.items() if value is not None}


def init(
    entity: str | None = None,
    project: str | None = None,
    dir: str | os.PathLike[str] | None = None,
    id: str | None = None,
    name: str | None = None,
    notes: str | None = None,
    tags: Any = None,
    config: Any = None,
    config_exclude_keys: Any = None,
    config_include_keys: Any = None,
    group: str | None = None,
    job_type: str | None = None,
    mode: str | None = None,
    reinit: Any = None,
    resume: Any = None,
    sync_tensorboard: bool | None = None,
    tensorboard: bool | None = None,
    settings: Any = None,
    **more: Any,
) -> Run:
    """Begin a run, or return the current one as wandb does unless ``reinit`` says otherwise.

    The arguments are those of ``wandb.init``; the home of Runwire is what it is, ``dir`` says where ``run.dir`` is.

    Returns:
        The run.

    Raises:
        UsageError: an argument is not what it must be, or Runwire has nothing for it.
    """
    asked = sorted(key for key, value in more.items() if value is not None and key not in _PASSED_OVER)
    if asked:
        raise UsageError(f"wandb.init({', '.join(asked)}=…): Runwire has nothing for it; leave it out")
    given = {
        **{key: value for key, variable in _VARIABLES.items() if (value := os.environ.get(variable))},
        **(settings.given if isinstance(settings, Settings) else dict(settings or {})),
        **{
            key: value
            for key, value in {
                "dir": dir,
                "entity": entity,
                "group": group,
                "id": id,
                "job_type": job_type,
                "mode": mode,
                "name": name,
                "notes": notes,
                "project": project,
                "resume": resume,
                "tags": tags,
            }.items()
            if value is not None
        },
    }
    tagged = given.get("tags")
    run = runwire.init(
        **{key: given.get(key) for key in ("entity", "project", "id", "name", "notes", "group", "job_type")},
        config=_chosen(config, config_include_keys, config_exclude_keys),
        tags=tagged.split(",") if isinstance(tagged, str) else tagged,
        mode=_mode(given.get("mode")),
        resume=_resume(given.get("resume")),
        reinit=_reinit(reinit),
    )
    if sync_tensorboard or tensorboard:
        from runwire.integrations.tensorboard import sync_tensorboard as sync  # noqa: PLC0415 -- takes its writers

        sync(run)
    return wrapped(run, Path(given["dir"]) if "dir" in given else None)


def _mode(mode: Any) -> Any:
    if os.environ.get("WANDB_DISABLED", "").lower() in ("1", "true", "yes", "on"):
        return "disabled"
    return _MODES.get(mode, mode)


def _resume(resume: Any) -> Any:
    if isinstance(resume, str):
        return {"true": True, "false": None}.get(resume.lower(), resume.lower())
    return resume or None


def _reinit(reinit: Any) -> Any:
    return "return_previous" if reinit in (None, False, "default") else reinit


def _chosen(config: Any, include: Any, exclude: Any) -> Any:
    if include or exclude:
        if not isinstance(config, Mapping):
            logger.warning("config_include_keys and config_exclude_keys choose from a dict: the config is taken whole")
            return config
        return {
            key: value
            for key, value in config.items()
            if (not include or key in include) and (not exclude or key not in exclude)
        }
    return config
