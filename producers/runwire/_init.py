"""Begins a run: what the caller, the launcher, the environment and the past say of it, put together."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from typing import Any

from runwire import _addresses, _job, _resume, _values
from runwire._about import About, Place
from runwire._command_line import command_line
from runwire._names import name_of, new_id
from runwire._run import Run
from runwire._say import logger
from runwire._settings import Settings
from runwire.errors import ConfigError
from runwire.spool.folder import root

_DEFAULT_PROJECT = "default"
#: Where a process lacks a text of its run, its environment may have it.
_VARIABLES = {"project": "RUNWIRE_PROJECT", "entity": "RUNWIRE_ENTITY", "group": "RUNWIRE_GROUP"}

#: How many runs this process has begun under an id that all ranks of its job work out for themselves.
_shared = 0


def begin(
    texts: Mapping[str, Any],
    *,
    config: Any,
    tags: Any,
    run: str | None,
    rank: int | None,
    resume: Any,
    settings: Settings,
    home: str | os.PathLike[str] | None,
    kafka: str | None,
) -> Run:
    """Begin a run.

    Args:
        texts: project, name, entity, group, job_type and notes, each as given or None.
        config: as `runwire.init` takes it, and so are all others:
        tags: strings.
        run: the ``id``.
        rank: of this process.
        resume: whether it may go on with another.
        settings: how it behaves.
        home: the ``dir``.
        kafka: where it is delivered.

    Raises:
        UsageError: an argument is not what it must be.
    """
    own, plain = _values.mapping({} if config is None else config, "config")
    labels = tuple(_values.texts(tags, "tags")) if tags is not None else ()
    said = {name: _said(name, text) for name, text in texts.items()}
    how = _resume.check(resume)
    number = _job.find_rank(rank)
    where = _addresses.find_home(home)
    place = Place(where, root(where, _addresses.hostname()), _find_kafka(kafka, where))
    project = said["project"] or _DEFAULT_PROJECT
    chosen = _job.find_run(run)
    if chosen is None and how == "auto":
        chosen = _resume.last_unfinished(place, project, number)
    if chosen is None and how == "must":
        raise ConfigError('resume="must" goes on with a run: say with which by id= or RUNWIRE_RUN_ID')
    past = None
    if chosen is not None or (chosen := _shared_id(place, number)) is not None:
        past = _resume.find(how, place, chosen, number) if settings.mode != "disabled" else None
    else:
        chosen = new_id()
    if settings.mode != "disabled":
        _resume.note(how, place, project, number, chosen)
    about = About(
        id=chosen,
        rank=number,
        project=said["project"] or (past and past.project) or _DEFAULT_PROJECT,
        name=said["name"] or (past and past.name) or name_of(chosen),
        entity=said["entity"],
        group=said["group"],
        job_type=said["job_type"],
        notes=said["notes"],
        tags=labels,
        config=own,
        told=_told(said, chosen, labels, plain),
        resumed=past is not None,
        next_step=(past and past.next_step) or 0,
    )
    return Run(about, settings, place)


def _said(name: str, text: Any) -> str | None:
    given = text if text is not None else os.environ.get(_VARIABLES.get(name, "")) or None
    return None if given is None else str(_values.plain(str(given)))


def _shared_id(place: Place, rank: int) -> str | None:
    """Return the id that all ranks of this job work out; None for a single process, or if too little is known."""
    global _shared  # noqa: PLW0603 -- what is counted are this process's runs
    chosen = _job.shared_id(_shared)
    if chosen is not None and _resume.lives(place, chosen, rank):
        logger.warning(
            "rank %d of the job's run %s is another process, which started this one, say: this one begins a run of its "
            "own. Give it an id= to choose which",
            rank,
            chosen,
        )
        return None
    if chosen is not None:
        _shared += 1
    elif _job.size() > 1:
        logger.warning(
            "rank %d of %d begins a run of its own: its launcher does not name the job. Give all ranks the same id= or "
            "RUNWIRE_RUN_ID to make them one run",
            rank,
            _job.size(),
        )
    return chosen


def _find_kafka(argument: str | None, home: Any) -> _addresses.Address | None:
    try:
        return _addresses.find("kafka", argument, home=home)
    except ConfigError as error:
        if argument:
            raise
        logger.warning("%s; the data waits on disk", error)  # no reason to stop a training
        return None


def _told(said: Mapping[str, str | None], run: str, tags: tuple[str, ...], config: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the start event tells. What was not said is left out: it is not to hide what was said before."""
    time_limit_at = _job.time_limit_at()
    return {
        "default_name": name_of(run),
        **({} if time_limit_at is None else {"time_limit_at": time_limit_at}),
        **{name: text for name, text in said.items() if text is not None},
        "tags": list(tags),
        "config": config,
        "host": _addresses.hostname(),
        "pid": os.getpid(),
        "command": command_line(sys.argv),
        "python": sys.version.split()[0],
        **({"parallel": parallel} if (parallel := _job.parallel()) else {}),
        **({"restarts": restarts} if (restarts := _job.restarts()) else {}),
    }
