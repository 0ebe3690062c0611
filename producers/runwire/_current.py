"""The module's own functions: each acts on the current run."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import Any

from runwire import _exit
from runwire._run import AlertLevel, Run
from runwire._say import logger
from runwire.errors import RunFinishedError

_run: Run | None = None


def init(
    project: str | None = None,
    name: str | None = None,
    config: Any = None,
    tags: Any = None,
    *,
    id: str | None = None,  # noqa: A002 -- the field's name for it
    rank: int | None = None,
    notes: str | None = None,
    home: str | os.PathLike[str] | None = None,
    kafka: str | None = None,
) -> Run:
    """Begin a run, and make it the current one.

    It asks no server and waits for none. A run that is still current is finished first, which is said.

    ::

        runwire.init(project="digits", config={"lr": 0.1}, tags=["baseline"])

    Args:
        project: what the run belongs to; None for ``RUNWIRE_PROJECT``, else "default".
        name: for people; None for a made-up one.
        config: what the run is configured with: a dict, a dataclass or an argparse namespace.
        tags: strings.
        id: names the run: letters, digits, ``_ . -``, at most 64; None for ``RUNWIRE_RUN_ID``, else a new one. The
            same id again goes on with that run.
        rank: names this process among those of the run: 0 to 2^32 - 1; None for ``RUNWIRE_RANK``, ``RANK`` or
            ``SLURM_PROCID``, else 0.
        notes: a text.
        home: where spools lie; None for ``RUNWIRE_HOME``, else ``~/.runwire``.
        kafka: ``host:port`` of the pipeline's Kafka; None for ``RUNWIRE_KAFKA``, the config file, or the home's
            running ``up``, the first that says.

    Returns:
        The run.

    Raises:
        UsageError: an argument is not what it must be.
    """
    global _run  # noqa: PLW0603 -- the current run is the process's
    if _run is not None and not _run.finished:
        logger.warning("init() finishes the run that was current, %s (%s)", _run.name, _run.id)
        _run.finish()
    begun = Run(project, name, config, tags, id=id, rank=rank, notes=notes, home=home, kafka=kafka)
    _run = begun
    _exit.watch(current)
    return begun


def log(data: Mapping[str, Any], step: int | None = None) -> None:
    """Log values of metrics at a step of the current run: see `Run.log`."""
    (_run or _need("log()")).log(data, step)


def alert(title: str, text: str = "", level: AlertLevel | str = AlertLevel.WARN) -> None:
    """Raise an alert of the current run: see `Run.alert`."""
    (_run or _need("alert()")).alert(title, text, level)


def finish(exit_code: int = 0) -> None:
    """End the current run: see `Run.finish`. Without one it does nothing."""
    if _run is not None:
        _run.finish(exit_code)


def current() -> Run | None:
    """Return the current run, None if there is none."""
    return _run if _run is not None and not _run.finished else None


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


def _need(what: str) -> Run:
    raise RunFinishedError(f"There is no run: call runwire.init() before {what}")


config = Twin("config")
summary = Twin("summary")
