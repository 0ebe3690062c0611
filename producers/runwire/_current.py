"""The module's own functions: each acts on the current run."""

from __future__ import annotations

import functools
import inspect
import os
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Concatenate, Literal, ParamSpec, TypeVar

from runwire import _exit, _init, _sigterm
from runwire._resume import Resume
from runwire._run import Run
from runwire._say import logger
from runwire._settings import Mode, Settings
from runwire.errors import ConfigError, RunFinishedError

_P = ParamSpec("_P")
_T = TypeVar("_T")

Reinit = Literal["finish_previous", "return_previous", "create_new"]

_run: Run | None = None
#: Those that this process has begun and not finished, the current one among them.
_living: list[Run] = []


def init(
    project: str | None = None,
    name: str | None = None,
    config: Any = None,
    tags: Any = None,
    *,
    entity: str | None = None,
    group: str | None = None,
    job_type: str | None = None,
    id: str | None = None,  # noqa: A002 -- the field's name for it
    rank: int | None = None,
    notes: str | None = None,
    resume: Resume | bool | None = None,
    reinit: Reinit | bool | None = None,
    mode: Mode | None = None,
    dir: str | os.PathLike[str] | None = None,  # noqa: A002 -- likewise
    settings: Settings | Mapping[str, Any] | None = None,
    kafka: str | None = None,
) -> Run:
    """Begin a run, and make it the current one.

    It asks no server and waits for none, unless ``resume`` asks for what only a server knows: then two seconds at most.

    ::

        runwire.init(project="digits", config={"lr": 0.1}, tags=["baseline"])

    Args:
        project: what the run belongs to; None for ``RUNWIRE_PROJECT``, else "default".
        name: for people; None for a made-up one.
        config: what the run is configured with: a dict, a dataclass, an argparse namespace, absl flags, an OmegaConf,
            or the path of a YAML file.
        tags: strings.
        entity: the team or person it belongs to; None for ``RUNWIRE_ENTITY``.
        group: what it is one part of, as a cross-validation; None for ``RUNWIRE_GROUP``.
        job_type: which part, as "train" or "eval".
        id: names the run: letters, digits, ``_ . -``, at most 64; None for ``RUNWIRE_RUN_ID``, else for the one that
            all ranks of the job share where torchrun, srun or MPI names the job, else a new one. The same id again
            goes on with that run.
        rank: names this process among those of the run: 0 to 2^32 - 1; None for ``RUNWIRE_RANK``, else what torchrun,
            srun or MPI says, else 0.
        notes: a text.
        resume: whether it may go on with a run that is there: "allow"; "must", or it is an error; "never", or it is;
            "auto" (or True): with the one that this program began last here, if that did not finish, failed, or was
            stopped. Steps go on behind the last one. None is as "allow", but looks no further than this home.
        reinit: what becomes of a current run: "finish_previous" (or True, None), which is said; "return_previous" (or
            False): it is returned, and all else passed over; "create_new": it goes on beside the new one.
        mode: "online", "offline" or "disabled"; see `Settings`.
        dir: the home, where spools lie; None for ``RUNWIRE_HOME``, else ``~/.runwire``.
        settings: how it behaves: a `Settings`, or a dict of some of them.
        kafka: ``host:port`` of the pipeline's Kafka; None for ``RUNWIRE_KAFKA``, the config file, or the home's
            running ``up``, the first that says.

    Returns:
        The run.

    Raises:
        UsageError: an argument is not what it must be, or ``resume`` cannot be met.
    """
    global _run  # noqa: PLW0603 -- the current run is the process's
    before, wanted = current(), _reinit(reinit)
    if before is not None and wanted == "return_previous":
        return before
    chosen = Settings.find(settings, mode=mode)
    if before is not None and wanted == "finish_previous":
        logger.warning("init() finishes the run that was current, %s (%s)", before.name, before.id)
        before.finish()
    texts = {
        "project": project,
        "name": name,
        "entity": entity,
        "group": group,
        "job_type": job_type,
        "notes": notes,
    }
    begun = _init.begin(
        texts, config=config, tags=tags, run=id, rank=rank, resume=resume, settings=chosen, home=dir, kafka=kafka
    )
    _living[:] = [run for run in _living if not run.finished] + [begun]
    _run = begun
    _exit.watch(living)
    if begun.folder is not None and chosen.sigterm == "record":
        others = (run.folder for run in living() if run is not begun and run.settings.sigterm == "record")
        _sigterm.note([begun.folder, *(folder for folder in others if folder is not None)])
    return begun


def log(data: Mapping[str, Any], step: int | None = None, commit: bool | None = None) -> None:  # noqa: FBT001 -- the field's order
    """Log values of metrics at a step of the current run, as `Run.log` does.

    ::

        runwire.log({"train/loss": loss, "train/lr": lr})
        runwire.log({"val/loss": loss}, step=1000)

    Args:
        data: numbers, or tables, by metric name; nested mappings are flattened with ``/``.
        step: the step, an int64; None for the step after the last one.
        commit: False if more is to come for this step.

    Raises:
        RunFinishedError: there is no run, or it is finished.
    """
    (_run or _need("log()")).log(data, step, commit)


def finish(exit_code: int | None = None) -> None:
    """End the current run, as `Run.finish` does. Without one it does nothing.

    ::

        runwire.finish()

    Args:
        exit_code: 0 or None if the run did what it should.
    """
    if _run is not None:
        _run.finish(exit_code)


def current() -> Run | None:
    """Return the current run, None if there is none."""
    return _run if _run is not None and not _run.finished else None


def living() -> list[Run]:
    """Return the runs that this process has begun and not finished, the current one last."""
    return sorted((run for run in _living if not run.finished), key=lambda run: run is _run)


def _of_current(method: Callable[Concatenate[Run, _P], _T]) -> Callable[_P, _T]:
    """Return a method of runs as a function that calls it of the current one."""

    @functools.wraps(method)
    def call(*args: _P.args, **kwargs: _P.kwargs) -> _T:
        return method(_run or _need(f"{method.__name__}()"), *args, **kwargs)

    _, *parameters = inspect.signature(method).parameters.values()
    call.__signature__ = inspect.signature(method).replace(parameters=parameters)  # type: ignore[attr-defined]
    return call


alert = _of_current(Run.alert)
checkpoint_loaded = _of_current(Run.checkpoint_loaded)
checkpoint_saved = _of_current(Run.checkpoint_saved)
define_metric = _of_current(Run.define_metric)
log_artifact = _of_current(Run.log_artifact)
phase = _of_current(Run.phase)
use_artifact = _of_current(Run.use_artifact)
planned_stop = _of_current(Run.planned_stop)


class Twin:
    """Stands for the current run's config or summary, so that it can be imported before there is a run."""

    __slots__ = ("_of",)

    def __init__(self, of: str) -> None:
        object.__setattr__(self, "_of", of)

    def __getattr__(self, key: str) -> Any:
        return getattr(self._facts(), key)

    def __setattr__(self, key: str, value: Any) -> None:
        setattr(self._facts(), key, value)

    def __getitem__(self, key: str) -> Any:
        return self._facts()[key]

    def __setitem__(self, key: str, value: Any) -> None:
        self._facts()[key] = value

    def __contains__(self, key: object) -> bool:
        return key in self._facts()

    def __iter__(self) -> Iterator[str]:
        return iter(self._facts())

    def __len__(self) -> int:
        return len(self._facts())

    def __repr__(self) -> str:
        return repr(getattr(_run, self._of)) if _run is not None else f"<runwire.{self._of}: no run yet>"

    def _facts(self) -> Any:
        return getattr(_run or _need(self._of), self._of)


def _reinit(value: Any) -> Reinit:
    if isinstance(value, bool) or value is None:
        return "return_previous" if value is False else "finish_previous"
    if value in ("finish_previous", "return_previous", "create_new"):
        return value  # type: ignore[no-any-return]
    raise ConfigError(f"reinit is {value!r:.80}: expected finish_previous, return_previous or create_new")


def _need(what: str) -> Run:
    raise RunFinishedError(f"There is no run: call runwire.init() before {what}")


config = Twin("config")
summary = Twin("summary")
