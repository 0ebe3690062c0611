"""A run: what a training logs into."""

from __future__ import annotations

import enum
import os
import time
import traceback as traceback_module
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Literal

from runwire import _addresses, _delivery, _values, surroundings
from runwire._about import About, Place
from runwire._companion import Companion
from runwire._definitions import Definitions, Goal, Role, SummaryOf, Synced
from runwire._exit import EXIT_SIGINT, code
from runwire._facts import Config, Summary
from runwire._recorder import Recorder
from runwire._say import logger
from runwire._settings import Settings
from runwire._table import Table
from runwire._values import Logged
from runwire.artifacts import Artifact, Origin
from runwire.artifacts.logged import chosen, used
from runwire.errors import ConfigError, RunFinishedError, UnavailableError
from runwire.spool import Meta, Writer, folder, history
from runwire.spool.format import KEYS_BYTES_MAX, KEYS_MAX
from runwire.wire import TableRows

_FLOAT = {float}
_EXACT = {float, int, bool}
_INT_EXACT = 2**53
_STEP_MIN, _STEP_MAX = -(2**63), 2**63 - 1
_SHAPES_MAX = 1000
_PHASE_MAX = 64
_WARNINGS_MAX = 200
_TRACEBACK_LINES_MAX = 30
_TRACEBACK_LINE_MAX = 500
_MESSAGE_MAX = 2000


class AlertLevel(enum.Enum):
    """How serious an alert is."""

    INFO = "INFO"
    WARN = "WARN"
    ERROR = "ERROR"


class Run:
    """A run of this process; made by `runwire.init`.

    ::

        with runwire.init(project="digits", config={"lr": 0.1}) as run:
            for step in range(1000):
                run.log({"loss": train(step)})

    A run may have several processes (``id=`` the same, ``rank=`` different). It belongs to the process that called
    ``init``: a forked child says so once and records nothing; it may call ``init`` itself.

    Attributes:
        id: names the run.
        rank: names this process in it.
        project, entity, group, job_type: as given to ``init``, for people.
        config: what the run was configured with.
        summary: what it came to.
        resumed: whether it goes on with a run that was there before.
        settings: how it behaves.
        folder: where its data waits until it is delivered; None if nothing is recorded: it is disabled, or no folder
            could be made, which was said.
    """

    folder: Path | None = None
    _lock_fd = -1

    def __init__(self, about: About, settings: Settings, place: Place) -> None:
        self.id, self.rank = about.id, about.rank
        self.project, self.entity, self.group, self.job_type = about.project, about.entity, about.group, about.job_type
        self._name, self._notes, self._tags = about.name, about.notes, about.tags
        self.resumed = about.resumed
        self.config = Config(lambda values: self._facts("config", values), about.config, self._config_changes)
        self.summary = Summary(lambda values: self._facts("summary", values))
        self.settings = settings
        self._home, self._spools, self._address = place.home, place.spools, place.kafka
        self._over = ""
        self._raised = False
        self._definitions = Definitions()
        self._last_steps: dict[str, float] = {}
        # What the rows of known keys need besides being written: mostly nothing.
        self._shapes: dict[tuple[str, ...], Synced | Literal[False]] = {}
        self._phases: list[dict[str, Any]] = []
        self._warned: set[tuple[str, str]] = set()
        self._recorder = Recorder(self._begin(), about.next_step)
        self._remember(finished=False)
        self._recorder.event("start", dict(about.told))
        self._companion: Companion | None = None
        if self.folder is not None:
            self._companion = Companion(
                self._home,
                self._spools,
                self.folder,
                self._recorder,
                ships=settings.mode == "online",
                asks=self._asks(),
            )
            self._companion.start()
            if settings.mode == "online" and self._address is None:
                logger.info(
                    "no pipeline runs here: %s waits in %s; `runwire sync` delivers it once there is one "
                    "(`runwire up` starts one, RUNWIRE_KAFKA names another)",
                    self.name,
                    self.folder,
                )

    def log(self, data: Mapping[str, Any], step: int | None = None, commit: bool | None = None) -> None:  # noqa: FBT001 -- the field's order
        """Log values of metrics at a step.

        It costs some microseconds, and never waits for anything but the operating system's file cache. It does not
        raise for what is wrong with the data or the world: it warns once, naming it, and keeps what it can.

        Args:
            data: numbers by metric name. Nested mappings are flattened with ``/``. Booleans and integers become
                float64; scalars and one-element arrays of other libraries are taken as the number that they are. A
                `Table` is stored row by row; images and other media, alone or in a list, are kept as files.
            step: the step, an int64; None for the step after the last one. Steps may repeat or go back: of two
                values of a metric at one step, the later is kept.
            commit: False if more is to come for this step: the next row without a step then belongs to it, too. All
                is stored at once either way.

        Raises:
            RunFinishedError: the run is finished.
        """
        if self._over:
            self._refuse("log()")
            return
        ts = time.time_ns() // 1000
        if step is not None and (type(step) is not int or not _STEP_MIN <= step <= _STEP_MAX):
            step = self._step(step)
        try:
            keys = tuple(data)
            values: Any = data.values()
            synced = self._shapes.get(keys)
            if synced is None:
                values = None
            elif (types := set(map(type, values))) != _FLOAT:
                values = _floats(values) if types <= _EXACT else None
            if values is None:
                self._log_slowly(data, step, ts, more=commit is False)
            else:
                if synced:
                    keys, values = synced.complete(keys, values)
                self._recorder.row(keys, step, ts, values, more=commit is False)
        except (TypeError, AttributeError, RuntimeError):  # no dict, an odd one, or one that changes meanwhile
            self._log_slowly(data, step, ts, more=commit is False)

    def define_metric(
        self,
        name: str,
        step_metric: str | None = None,
        *,
        step_sync: bool | None = None,
        hidden: bool | None = None,
        summary: SummaryOf | None = None,
        goal: Goal | None = None,
        role: Role | None = None,
        overwrite: bool = False,
    ) -> None:
        """Say how a metric is to be drawn, summed up and watched; best before it is logged.

        ::

            run.define_metric("val/*", step_metric="epoch", summary="min", goal="minimize")

        Args:
            name: the metric, or a pattern as ``val/*``, where ``*`` stands for anything. What an exact name says goes
                before what a pattern says, and the later pattern before the earlier.
            step_metric: the metric that it is drawn against, instead of the step.
            step_sync: whether a row that lacks ``step_metric`` gets its last value; None for yes.
            hidden: whether it is not drawn unless asked for.
            summary: what stands for it in the run's summary: "last" (as without it), "min", "max", "mean", each over
                all steps and ranks, "best" by the goal, or "none".
            goal: "minimize" or "maximize".
            role: what alerts may know: "loss" is what the training minimises; "replicated" is the same on all ranks.
            overwrite: forget what was said of this name before, instead of adding to it.

        Raises:
            RunFinishedError: the run is finished.
            UsageError: an argument is not what it must be.
        """
        if self._over:
            self._refuse("define_metric()")
            return
        new = self._definitions.define(
            name,
            overwrite=overwrite,
            step_metric=step_metric,
            step_sync=step_sync,
            hidden=hidden,
            summary=summary,
            goal=goal,
            role=role,
        )
        self._shapes.clear()
        if new:
            self._recorder.event("metric", new)

    @contextmanager
    def phase(self, name: str, limit: float | None = None) -> Iterator[None]:
        """Say what the run does meanwhile, so that its silence is not taken for a stall, nor a hang for its silence.

        Phases may be nested; begin and end of one count as progress.

        ::

            with run.phase("checkpoint", limit=900):
                save(model)

        Args:
            name: "setup", "train", "eval", "checkpoint", "shutdown", or another.
            limit: for how many seconds it may log nothing; longer, and it is alerted of. None for what is usual for
                these names, and for others what is so without a phase.

        Raises:
            RunFinishedError: the run is finished.
        """
        if self._over:
            self._refuse("phase()")
        outer = self._phases[-1] if self._phases else {"phase": None, "limit": None}
        inner = {"phase": str(_values.plain(str(name)))[:_PHASE_MAX], "limit": self._seconds(limit)}
        self._phases.append(inner)
        self._recorder.event("phase", inner)
        try:
            yield
        finally:
            self._phases.remove(inner)
            if not self._over:
                self._recorder.event("phase", outer)

    def checkpoint_saved(self, step: int, path: str | os.PathLike[str] | None = None) -> None:
        """Say that a checkpoint is saved: alerts then tell from where the run could go on.

        Args:
            step: the step that it holds.
            path: where it is.

        Raises:
            RunFinishedError: the run is finished.
        """
        self._checkpoint("saved", step, path)

    def checkpoint_loaded(self, step: int, path: str | os.PathLike[str] | None = None) -> None:
        """Say that the run goes on from a checkpoint.

        Args:
            step: the step that it holds.
            path: where it is.

        Raises:
            RunFinishedError: the run is finished.
        """
        self._checkpoint("loaded", step, path)

    def log_artifact(
        self,
        artifact_or_path: Artifact | str | os.PathLike[str],
        name: str | None = None,
        type: str | None = None,  # noqa: A002 -- the field's word
        aliases: Sequence[str] | str | None = None,
    ) -> Artifact:
        """Log files as a version of an artifact. It returns at once; they are delivered as all else is.

        The version exists for others once all of its files are stored.

        ::

            run.log_artifact("model.pt", name="digits-model", type="model", aliases=["best"])

        Args:
            artifact_or_path: an `Artifact`; or the path of a file or a folder.
            name: of the artifact, where it is a path; None for one made of the run's id and the path's name.
            type: likewise; None for "unspecified".
            aliases: what the version is called besides its number and "latest"; an alias is where it was put last.

        Returns:
            The artifact; `Artifact.wait` waits for its version.

        Raises:
            RunFinishedError: the run is finished.
            UsageError: there is no such file, or an argument is not what it must be.
        """
        if self._over == "finished":
            self._refuse("log_artifact()")
        made = chosen(artifact_or_path, name, type, self.id)
        if self._over:
            self._refuse("log_artifact()")
        else:
            made.record(self._recorder, self._origin(), aliases)
        return made

    def use_artifact(self, artifact_or_name: Artifact | str, type: str | None = None) -> Artifact:  # noqa: A002 -- as above
        """Return a version of an artifact, and record that this run uses it.

        ::

            folder = run.use_artifact("digits-model:best").download()

        Args:
            artifact_or_name: "name:v3", "name:alias" or "name" for the latest, of this run's project, or with
                "project/" before it; or an `Artifact` that was logged.
            type: which it has to be of; None for any.

        Returns:
            The version; `Artifact.download` fetches its files.

        Raises:
            ArtifactNotFoundError: there is none; the message names those that are near.
            UnavailableError: the server does not answer: this is one of the calls that need it.
            RunFinishedError: the run is finished.
            UsageError: it is of another type, or was not logged.
        """
        if self._over:
            self._refuse("use_artifact()")
        found = used(artifact_or_name, type, self._origin())
        if not self._over:
            self._recorder.event("artifact", found.identity())
        return found

    def alert(self, title: str, text: str = "", level: AlertLevel | str = AlertLevel.WARN) -> None:
        """Raise an alert: it is stored, shown, printed here when it was raised, and sent to the webhooks.

        Args:
            title: in a few words.
            text: the rest.
            level: how serious: an `AlertLevel` or its name.

        Raises:
            RunFinishedError: the run is finished.
        """
        if self._over:
            self._refuse("alert()")
            return
        chosen = str(level.value if isinstance(level, AlertLevel) else level).upper()
        if chosen not in AlertLevel.__members__:
            self._warn(chosen, "level", f"alert level {level!r:.40} is none of INFO, WARN, ERROR: taking WARN")
            chosen = "WARN"
        data = {"title": str(_values.plain(str(title))), "text": str(_values.plain(str(text))), "level": chosen}
        self._recorder.event("alert", data)

    def finish(self, exit_code: int = 0) -> None:
        """End the run, and wait a while until what it logged is delivered.

        It waits at most for the setting ``finish_timeout`` (15 s), and not at all where no pipeline is known or the run
        is offline; what is not delivered then stays on disk, and is said. A second call does nothing.

        Args:
            exit_code: 0 if the run did what it should.
        """
        if self._over:
            return
        self._recorder.event("finish", {"exit_code": int(exit_code)}, vital=True)
        self._over = "finished"
        self._remember(finished=True)
        companion, where = self._companion, self.folder
        try:
            if companion is not None and where is not None:
                kafka = self._where_now() if self.settings.mode == "online" else None
                server = _addresses.find_server(self._home)
                _delivery.wait(
                    where,
                    self._spools,
                    kafka,
                    server,
                    seconds=self.settings.finish_timeout,
                    printed=lambda: companion.printed,
                )
        finally:
            if companion is not None:
                companion.stop()
            self._recorder.close()
            self._release()

    def __enter__(self) -> Run:  # noqa: PYI034 -- Self is not in Python 3.10
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if kind is None or error is None:
            self.finish()
        elif isinstance(error, SystemExit):
            self.finish(code(error.code))
        else:
            self.raised(kind, error, traceback)
            self.finish(EXIT_SIGINT if isinstance(error, KeyboardInterrupt) else 1)

    @property
    def name(self) -> str:
        """What people call it; it may be set."""
        return self._name

    @name.setter
    def name(self, name: str) -> None:
        self._name = str(_values.plain(str(name)))
        self._facts("about", {"name": self._name})

    @property
    def notes(self) -> str | None:
        """What people write of it; it may be set."""
        return self._notes

    @notes.setter
    def notes(self, notes: str | None) -> None:
        self._notes = None if notes is None else str(_values.plain(str(notes)))
        self._facts("about", {"notes": self._notes or ""})

    @property
    def tags(self) -> tuple[str, ...]:
        """Its tags; they may be set, as by ``run.tags += ("best",)``."""
        return self._tags

    @tags.setter
    def tags(self, tags: Iterable[str]) -> None:
        before, self._tags = self._tags, tuple(_values.texts(tags, "tags"))
        self._facts("tags", {"tags": list(self._tags), "removed": [tag for tag in before if tag not in self._tags]})

    @property
    def url(self) -> str | None:
        """Where the run is shown; None if nothing says where a server is."""
        server = _addresses.find_server(self._home)
        return None if server is None else f"{server}/r/{self.id}"

    @property
    def step(self) -> int:
        """The step that the next row without one gets."""
        return self._recorder.next_step

    def __repr__(self) -> str:
        return f"<Run {self.name} (id {self.id}, rank {self.rank}, project {self.project})>"

    def raised(self, kind: type[BaseException], error: BaseException, traceback: TracebackType | None) -> None:
        """Record the exception that ends the run; `finish` is still to be called."""
        if self._over or self._raised:
            return
        self._raised = True
        lines = "".join(traceback_module.format_exception(kind, error, traceback)).splitlines()
        self._recorder.event(
            "exception",
            {
                "kind": kind.__name__,
                "message": str(_values.plain(_text_of(error)[:_MESSAGE_MAX])),
                "traceback": str(
                    _values.plain("\n".join(line[:_TRACEBACK_LINE_MAX] for line in lines[-_TRACEBACK_LINES_MAX:]))
                ),
            },
            vital=True,
        )

    @property
    def home(self) -> Path:
        """The folder in which its data waits, with that of others."""
        return self._home

    def end(self, exit_code: int) -> None:
        """Finish the run because the process ends."""
        self.finish(exit_code)

    def forked(self) -> None:
        """Leave the run to the parent: this is a forked child."""
        if not self._over:
            self._over = "forked"
            self._recorder.forget()
            self._release()

    @property
    def finished(self) -> bool:
        """Whether `finish` was called, or this is a forked child."""
        return bool(self._over)

    def _begin(self) -> Writer | None:
        """Begin the spool; None if there is to be none, or the world does not let us, which is said."""
        if self.settings.mode == "disabled":
            return None
        meta = Meta(
            run=self.id,
            rank=self.rank,
            attempt=0,
            project=self.project,
            name=self.name,
            host=_addresses.hostname(),
            pid=os.getpid(),
            started=time.time_ns() // 1000,
            # Who runs an `up` may start it anew at another port: that one is asked when it comes to delivering.
            kafka=self._address.value if self._address is not None and self._address.source != "up" else None,
            offline=self.settings.mode == "offline",
            server=_addresses.find_server(self._home, up=False),
        )
        try:
            made, self._meta, self._lock_fd = folder.begin(self._spools, meta)
            writer = Writer(made, self._meta.attempt, bytes_max=self.settings.spool_bytes_max or None)
        except (UnavailableError, OSError) as error:
            self._release()
            logger.error("nothing of this run is recorded, the training goes on: %s", error)
            return None
        self.folder = made
        return writer

    def _origin(self) -> Origin:
        return Origin(self.id, self.rank, self.project, self._home, self.settings.mode)

    def _asks(self) -> tuple[str, ...]:
        """Return what is to be told of where the run comes from: by one of its processes."""
        settings = self.settings
        if self.rank != 0:
            return ()
        return surroundings.asks(code=settings.code, packages=settings.packages, machine=settings.machine)

    def _remember(self, *, finished: bool) -> None:
        """Write down what whoever goes on with the run must know."""
        if self.folder is not None:
            past = history.Past(self._meta.attempt, self.project, self.name, self._recorder.next_step, finished)
            with suppress(OSError):  # then it goes on from step 0, as a new one does
                history.remember(self._home, self.id, self.rank, past)

    def _config_changes(self, key: str, before: Any, after: Any) -> None:
        self._warn(
            f"config.{key}",
            "change",
            f"config.{key} was {before!r:.80} and is {after!r:.80} now: both are recorded, the later is shown "
            "(allow_val_change=True says that it is meant)",
        )

    def _where_now(self) -> str | None:
        """Return where the run is delivered as far as is known now."""
        if self._address is None or self._address.source == "up":
            with suppress(ConfigError):
                self._address = _addresses.find("kafka", home=self._home)
        return None if self._address is None else self._address.value

    def _log_slowly(self, data: Any, step: int | None, ts: int, *, more: bool) -> None:
        """Log what is new, nested, of other types, or wrong in places."""
        if not isinstance(data, Mapping):
            self._warn("log", "data", f"log() takes a dict of numbers by name, not {data!r:.80}: nothing logged")
            return
        try:
            found, others = _values.loggable(data, self._warn)
        except Exception as error:  # noqa: BLE001 -- a foreign mapping may raise anything; the training goes on
            self._warn("log", "data", f"log() cannot read a {type(data).__name__}: {error!r:.200}: nothing logged")
            return
        synced = self._learn(found)
        if synced:
            keys, values = synced.complete(tuple(found), found.values())
            parts = list(_parts(dict(zip(keys, values, strict=True))))
        else:
            parts = list(_parts(found))
        for index, part in enumerate(parts):
            self._recorder.row(
                tuple(part), step, ts, part.values(), more=more or bool(others) or index + 1 < len(parts)
            )
        if others:
            step = self._recorder.take_step(step, more=more)
            for name, logged in others.items():
                self._log_others(name, logged, step, ts)
        if len(parts) == 1 and len(found) == len(data):
            if len(self._shapes) >= _SHAPES_MAX:
                self._shapes.clear()
            self._shapes[tuple(found)] = synced

    def _log_others(self, key: str, logged: list[Logged], step: int, ts: int) -> None:
        """Log a table, or media."""
        if len(logged) == 1 and isinstance(logged[0], Table):
            self._log_table(key, logged[0], step, ts)
            return
        from runwire.media.record import record  # noqa: PLC0415 -- who logs numbers alone need not load it

        tables = record(key, logged, step, self._recorder, self._warn)
        for name, table in tables.items():
            self._log_table(name, table, step, ts)

    def _log_table(self, key: str, table: Table, step: int, ts: int) -> None:
        columns, total = list(table.columns), len(table)
        if not columns:
            self._warn(key, "columns", f"the table {key!r:.80} has no columns: not logged")
            return
        number: int | None = None
        for first, rows in table.parts(self._warn):

            def message(seq: int, first: int = first, rows: list[list[Any]] = rows) -> bytes:
                nonlocal number
                number = seq if number is None else number
                return TableRows(self.id, self.rank, seq, ts, step, key, number, columns, total, first, rows).encode()

            self._recorder.part(message)

    def _seconds(self, limit: Any) -> float | None:
        """Return how long a phase may be silent; None also for what is no number of seconds, which is said."""
        if limit is None:
            return None
        try:
            seconds = float(limit)
        except (TypeError, ValueError):
            seconds = -1.0
        if 0 < seconds < float("inf"):
            return seconds
        self._warn("phase", "limit", f"the limit of a phase is {limit!r:.60}, not a number of seconds: taking none")
        return None

    def _checkpoint(self, action: str, step: int, path: str | os.PathLike[str] | None) -> None:
        if self._over:
            self._refuse(f"checkpoint_{action}()")
            return
        chosen = _values.step_number(step)
        if chosen is None:
            self._warn("checkpoint", "step", f"the step of a checkpoint is {step!r:.60}, not an int64: not recorded")
            return
        self._recorder.event("checkpoint", {"action": action, "step": chosen, "path": _values.plain(path)})

    def _learn(self, found: dict[str, float]) -> Synced | Literal[False]:
        """Tell what is defined of metrics that are new, and return what their rows need."""
        if not self._definitions:
            self._definitions.seen(found)
            return False
        new = self._definitions.new(found)
        if new:
            self._recorder.event("metric", new)
        return Synced.find(self._definitions, tuple(found), self._last_steps) or False

    def _step(self, step: Any) -> int | None:
        chosen = _values.step_number(step)
        if chosen is None:
            self._warn(
                "step",
                type(step).__name__,
                f"step {step!r:.60} is a {type(step).__name__}, not an int64: the values are logged at the next step",
            )
        return chosen

    def _facts(self, kind: str, values: dict[str, Any]) -> None:
        if self._over:
            self._refuse(f"a change of {kind}")
            return
        self._recorder.event(kind, values)

    def _warn(self, about: str, kind: str, text: str) -> None:
        if (about, kind) in self._warned or len(self._warned) > _WARNINGS_MAX:
            return
        self._warned.add((about, kind))
        if len(self._warned) > _WARNINGS_MAX:
            text = "further warnings of this run about what it logs are not shown"
        logger.warning(text)

    def _refuse(self, call: str) -> None:
        if self._over == "finished":
            raise RunFinishedError(
                f"Run already finished: {call} came after finish() of run {self.name} ({self.id}). "
                "Call runwire.init() for a new run, or finish() later"
            )
        self._warn(
            "fork",
            "fork",
            f"{call} in a forked child process (pid {os.getpid()}): not recorded. Log in the process that called "
            "init(), or call runwire.init(id=…, rank=…) in the child",
        )

    def _release(self) -> None:
        if self._lock_fd >= 0:
            os.close(self._lock_fd)
            self._lock_fd = -1


def _floats(values: Any) -> list[float] | None:
    """Return floats, integers and booleans as floats; None if one of them is not exactly a float64."""
    floats = []
    for value in values:
        if type(value) is int and not -_INT_EXACT <= value <= _INT_EXACT:
            return None
        floats.append(float(value))
    return floats


def _parts(found: dict[str, float]) -> Iterator[dict[str, float]]:
    """Yield the values in parts that each fit a record."""
    part: dict[str, float] = {}
    size = 0
    for key, value in found.items():
        size += len(key.encode()) + 3
        if part and (len(part) >= KEYS_MAX or size > KEYS_BYTES_MAX):
            yield part
            part, size = {}, len(key.encode()) + 3
        part[key] = value
    if part:
        yield part


def _text_of(error: BaseException) -> str:
    try:
        return str(error)
    except Exception:  # noqa: BLE001 -- a broken __str__ is not what ended the run
        return f"<{type(error).__name__} without a readable message>"
