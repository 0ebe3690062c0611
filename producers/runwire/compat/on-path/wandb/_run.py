"""A run as programs written for wandb use it: one of Runwire's, under wandb's names."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, MutableMapping
from numbers import Number
from pathlib import Path
from types import TracebackType
from typing import Any
from weakref import WeakKeyDictionary

import runwire
from runwire._say import logger
from runwire.errors import RunFinishedError, UnsupportedError, UsageError
from wandb._table import Table, is_frame

#: What wandb may be asked for as a summary, and Runwire calls otherwise or does not have.
_SUMMARIES = {"copy": "last", "first": None, "": None}


class Summary(MutableMapping[str, Any]):
    """What a run came to: what was put there, and else the last value that was logged."""

    def __init__(self, run: runwire.Run, logged: Mapping[str, Any]) -> None:
        self.__dict__.update(_own=run.summary, _logged=logged)

    def __getitem__(self, key: str) -> Any:
        return self._own[key] if key in self._own else self._logged[key]

    def __setitem__(self, key: str, value: Any) -> None:
        self._own[key] = value

    def __delitem__(self, key: str) -> None:
        raise UnsupportedError(f"the summary's {key!r:.80} cannot be taken back: set it to another value")

    def __iter__(self) -> Iterator[str]:
        return iter({**self._logged, **self._own.as_dict()})

    def __len__(self) -> int:
        return len({**self._logged, **self._own.as_dict()})

    def __getattr__(self, key: str) -> Any:
        try:
            return self[key]
        except KeyError:
            raise AttributeError(f"no {key!r:.80} in the summary") from None

    def __setattr__(self, key: str, value: Any) -> None:
        self[key] = value


class Run:
    """A run: what wandb and Runwire call alike is Runwire's, the rest is here.

    Args:
        run: the run.
        root: where wandb would make its folder.
    """

    #: What programs ask of wandb's, and is so of every run here.
    disabled = False
    sweep_id = None
    starting_step = 0

    def __init__(self, run: runwire.Run, root: Path | None = None) -> None:
        self._run = run
        self._root = root or Path()
        self._logged: dict[str, Any] = {}
        self._warned: set[str] = set()
        self._watched: list[Any] = []
        self._files: Path | None = None
        self.summary = Summary(run, self._logged)
        self.start_time = time.time()

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(f"a run has no attribute {name!r}")
        try:
            return getattr(self._run, name)
        except AttributeError:
            raise UnsupportedError(f"run.{name} is of wandb, and Runwire has nothing for it") from None

    @property
    def name(self) -> str:
        """What people call it; it may be set."""
        return self._run.name

    @name.setter
    def name(self, name: str) -> None:
        self._run.name = name

    @property
    def notes(self) -> str | None:
        """What people write of it; it may be set."""
        return self._run.notes

    @notes.setter
    def notes(self, notes: str | None) -> None:
        self._run.notes = notes

    @property
    def tags(self) -> tuple[str, ...]:
        """Its tags; they may be set."""
        return self._run.tags

    @tags.setter
    def tags(self, tags: Iterable[str]) -> None:
        self._run.tags = tuple(tags)

    @property
    def entity(self) -> str:
        """The team or person it belongs to, "" if nobody said."""
        return self._run.entity or ""

    @property
    def offline(self) -> bool:
        """Whether what is logged waits on disk."""
        return self._run.settings.mode == "offline"

    @property
    def path(self) -> str:
        """Entity, project and id, as wandb's API names a run."""
        return f"{self.entity}/{self._run.project}/{self._run.id}"

    @property
    def dir(self) -> str:
        """A folder for files of this run, made when it is first asked for; what lies there is not stored."""
        if self._files is None:
            began = time.strftime("%Y%m%d_%H%M%S", time.localtime(self.start_time))
            self._files = (self._root / "wandb" / f"run-{began}-{self._run.id}" / "files").absolute()
        self._files.mkdir(parents=True, exist_ok=True)
        return str(self._files)

    def project_name(self) -> str:
        """Return its project."""
        return self._run.project

    def get_url(self) -> str | None:
        """Return where it is shown, None if nothing says where a server is."""
        return self._run.url

    def log(self, data: Any, step: int | None = None, commit: bool | None = None, sync: bool | None = None) -> None:
        """Log as `runwire.Run.log`, and as wandb: texts go into the summary, frames become tables.

        Args:
            data: values by name.
            step: the step; the row is then open for more, unless ``commit`` says otherwise.
            commit: whether the step is complete; None for yes if no step is given.
            sync: of no meaning.
        """
        del sync
        if not isinstance(data, Mapping):
            self._run.log(data, step)  # says what is wrong
            return
        row: dict[str, Any] = {}
        for key, value in data.items():
            if isinstance(value, str):
                self.summary[key] = value
            else:
                row[key] = Table(dataframe=value) if is_frame(value) else value
                if isinstance(value, Number):
                    self._logged[key] = value
        self._run.log(row, step=step, commit=step is None if commit is None else commit)

    def define_metric(
        self,
        name: str,
        step_metric: Any = None,
        step_sync: bool | None = None,
        hidden: bool | None = None,
        summary: str | None = None,
        goal: str | None = None,
        overwrite: bool | None = None,
    ) -> None:
        """Define a metric as `runwire.Run.define_metric`; of several summaries the first is taken."""
        asked = [_SUMMARIES.get(one.strip(), one.strip()) for one in (summary or "").split(",")]
        chosen = next((one for one in asked if one is not None), None)
        self._run.define_metric(
            name,
            step_metric=getattr(step_metric, "name", step_metric),
            step_sync=step_sync,
            hidden=hidden,
            summary=chosen,  # type: ignore[arg-type]  # it checks itself
            goal=goal,  # type: ignore[arg-type]
            overwrite=bool(overwrite),
        )

    def alert(self, title: str, text: str = "", level: Any = None, wait_duration: Any = None) -> None:
        """Raise an alert as `runwire.Run.alert`."""
        del wait_duration
        self._run.alert(title, text, level=level or runwire.AlertLevel.INFO)

    def watch(
        self, models: Any, criterion: Any = None, log: str | None = "gradients", log_freq: int = 1000, **_more: Any
    ) -> None:
        """Log a model's gradients or parameters as `runwire.integrations.torch.watch`."""
        from runwire.integrations.torch import watch  # noqa: PLC0415 -- takes torch

        del criterion
        if log is not None:
            for model in models if isinstance(models, (list, tuple)) else [models]:
                every = max(int(log_freq), 1)  # wandb takes 0, too
                self._watched.append(watch(model, self._run, log=log, every=every))  # type: ignore[arg-type]

    def unwatch(self, models: Any = None) -> None:
        """End what `watch` began, of all models."""
        del models
        while self._watched:
            self._watched.pop().stop()

    def log_artifact(
        self,
        artifact_or_path: Any,
        name: str | None = None,
        type: str | None = None,
        aliases: list[str] | None = None,
        **_more: Any,
    ) -> Any:
        """Log an artifact, or a file or folder as one; what cannot be stored is said."""
        try:
            return self._run.log_artifact(artifact_or_path, name=name, type=type, aliases=aliases)
        except RunFinishedError:
            raise
        except UsageError as error:  # a callback's name for it, say: no reason to end a training
            self._say_once(f"this artifact is not stored: {error}")
            return artifact_or_path

    def use_artifact(self, artifact_or_name: Any, *_args: Any, **_kwargs: Any) -> Any:
        """Use an artifact as `runwire.Run.use_artifact`."""
        return self._run.use_artifact(artifact_or_name)

    def save(self, *_args: Any, **_kwargs: Any) -> None:
        """Say that files are not stored by this."""
        self._say_once("wandb.save() stores nothing under runwire.compat: log files as an artifact")

    def log_code(self, *_args: Any, **_kwargs: Any) -> None:
        """Do nothing: the commit of the code and what was changed since are recorded anyway."""

    def mark_preempting(self) -> None:
        """Say that the run is about to be ended from outside."""
        self._run.planned_stop("preemption")

    def finish(self, exit_code: int | None = None, quiet: bool | None = None) -> None:
        """End the run."""
        del quiet
        self._run.finish(exit_code or 0)

    def __enter__(self) -> Run:  # noqa: PYI034 -- Self is not in Python 3.10
        self._run.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._run.__exit__(kind, error, traceback)

    def __repr__(self) -> str:
        return repr(self._run)

    def _label(self, *_args: Any, **_kwargs: Any) -> None:
        """Do nothing: wandb counts by this which libraries call it."""

    def _say_once(self, text: str) -> None:
        if text not in self._warned:
            self._warned.add(text)
            logger.warning(text)


_wrapped: WeakKeyDictionary[runwire.Run, Run] = WeakKeyDictionary()


def wrapped(run: runwire.Run, root: Path | None = None) -> Run:
    """Return a run of Runwire's as wandb's, the same object each time.

    Args:
        run: the run.
        root: where wandb would make its folder; of meaning at the first time.
    """
    if run not in _wrapped:
        _wrapped[run] = Run(run, root)
    return _wrapped[run]


def current() -> Run | None:
    """Return the current run, None if there is none."""
    return None if runwire.run is None else wrapped(runwire.run)


def needed(what: str) -> Run:
    """Return the current run.

    Raises:
        RunFinishedError: there is none.
    """
    run = current()
    if run is None:
        raise RunFinishedError(f"There is no run: call wandb.init() before {what}")
    return run
