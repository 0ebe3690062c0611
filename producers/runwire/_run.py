"""A run: what a training logs into.

Long for what it tells its users: all that they may call is here. What the calls need is elsewhere: `_recording` holds
the spool and what works beside the training, `_rows` reads what is logged, `_stopping` knows of stops.
"""

from __future__ import annotations

import enum
import os
import time
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from runwire import _addresses, _exception, _values
from runwire._about import About, Place
from runwire._definitions import Goal, Role, SummaryOf
from runwire._exit import EXIT_SIGINT, code
from runwire._facts import Config, Summary
from runwire._recording import Recording
from runwire._rows import Rows, floats
from runwire._settings import Settings
from runwire._stopping import GRACE_SECONDS, Stopping
from runwire._warnings import Warnings
from runwire.errors import RunFinishedError

if TYPE_CHECKING:  # loaded where they are used, which few runs do
    from runwire.artifacts import Artifact, Origin
    from runwire.wire import StopRequest

_FLOAT = {float}
_EXACT = {float, int, bool}
_STEP_MIN, _STEP_MAX = -(2**63), 2**63 - 1
_PHASE_MAX = 64


class AlertLevel(enum.Enum):
    """How serious an alert is.

    ::

        runwire.alert("Accuracy is low", f"{accuracy:.2f}", level=runwire.AlertLevel.ERROR)
    """

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
    ``init``: a child, forked or spawned, says so once and records nothing; it may call ``init`` itself.

    Attributes:
        id: names the run.
        rank: names this process in it.
        project: what it belongs to, as given to ``init``; and likewise:
        entity: whom it belongs to.
        group: what it is one part of.
        job_type: which part.
        config: what the run was configured with.
        summary: what it came to.
        resumed: whether it goes on with a run that was there before.
        settings: how it behaves.
        folder: where its data waits until it is delivered; None if nothing is recorded: it is disabled, or no folder
            could be made, which was said.
    """

    def __init__(self, about: About, settings: Settings, place: Place) -> None:
        self.id, self.rank = about.id, about.rank
        self.project, self.entity, self.group, self.job_type = about.project, about.entity, about.group, about.job_type
        self._name, self._notes, self._tags = about.name, about.notes, about.tags
        self.resumed = about.resumed
        self.config = Config(lambda values: self._nested("config", values), about.config, self._config_changes)
        self.summary = Summary(lambda values: self._nested("summary", values))
        self.settings = settings
        self._place = place
        self._over = ""
        self._raised = False
        self._phases: list[dict[str, Any]] = []
        self._warn = Warnings()
        self._recording = Recording(about, settings, place)
        self.folder, self._recorder = self._recording.folder, self._recording.recorder
        self._rows = Rows(self.id, self.rank, self._recorder, self._warn)
        config = _values.short(about.told.get("config", {}), "config", self._warn)
        self._recorder.event("start", {**about.told, "config": config})
        self._stopping = Stopping(self.name, self._recorder.event, raises=settings.stop == "raise")
        self._recording.start(self._asked_to_stop)

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
            Stopped: the run was asked to stop, and the setting ``stop`` is "raise"; the values are logged.
        """
        if self._over:
            self._refuse("log()")
            return
        ts = time.time_ns() // 1000
        if step is not None and (type(step) is not int or not _STEP_MIN <= step <= _STEP_MAX):
            step = self._rows.step(step)
        # Nothing is caught here: what is raised in the middle of this is the exception of a signal's handler.
        values: Collection[Any] | None = None
        if type(data) is dict:
            keys, values = tuple(data), tuple(data.values())
            synced = self._rows.shapes.get(keys)
            if synced is None or len(keys) != len(values):  # it is new, or another thread changes it meanwhile
                values = None
            elif (types := set(map(type, values))) != _FLOAT:
                values = floats(values) if types <= _EXACT else None
        if values is None:
            self._rows.log(data, step, ts, more=commit is False)
            # Behind all else: whoever asks to stop first says so, and then has every row looked at.
            if self._stopping.due is not None:
                self._stopping.obey()
            return
        if synced:
            keys, values = synced.complete(keys, values)
        self._recorder.row(keys, step, ts, values, more=commit is False)

    # What TensorFlow marks its own functions with: within a tf.function it would else try to translate this one, fail,
    # and ask users to report that.
    log.__dict__["autograph_info__"] = None

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
        self._rows.define(
            name,
            overwrite=overwrite,
            step_metric=step_metric,
            step_sync=step_sync,
            hidden=hidden,
            summary=summary,
            goal=goal,
            role=role,
        )

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
        inner = {"phase": str(_values.plain(str(name)))[:_PHASE_MAX], "limit": self._seconds(limit)}
        self._phases.append(inner)
        self._recorder.event("phase", inner)
        try:
            yield
        finally:
            # Not what was outer when it began: another thread's may have ended or begun since.
            self._phases.remove(inner)
            if not self._over:
                self._recorder.event("phase", self._phases[-1] if self._phases else {"phase": None, "limit": None})

    def checkpoint_saved(self, step: int, path: str | os.PathLike[str] | None = None) -> None:
        """Say that a checkpoint is saved: alerts then tell from where the run could go on.

        ::

            torch.save(model.state_dict(), "model-1000.pt")
            run.checkpoint_saved(1000, "model-1000.pt")

        Args:
            step: the step that it holds.
            path: where it is.

        Raises:
            RunFinishedError: the run is finished.
        """
        self._checkpoint("saved", step, path)

    def checkpoint_loaded(self, step: int, path: str | os.PathLike[str] | None = None) -> None:
        """Say that the run goes on from a checkpoint.

        ::

            model.load_state_dict(torch.load("model-1000.pt"))
            run.checkpoint_loaded(1000, "model-1000.pt")

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
        from runwire.artifacts.logged import chosen  # noqa: PLC0415 -- most runs log and use none

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
        from runwire.artifacts.logged import used  # noqa: PLC0415 -- as above

        found = used(artifact_or_name, type, self._origin())
        if not self._over:
            self._recorder.event("artifact", found.identity())
        return found

    def planned_stop(self, reason: str, grace: float = GRACE_SECONDS) -> None:
        """Say that the run is about to be ended from outside: by a time limit, a preemption, a maintenance.

        However its process ends within ``grace`` seconds, it is told as stopped, for this reason, and no alert calls
        it a crash. A run that lives on longer is watched as ever. Where SIGTERM ends it this need not be said.

        ::

            signal.signal(signal.SIGUSR1, lambda *_: run.planned_stop("time limit", grace=300))

        Args:
            reason: why, in a few words.
            grace: how long that may take, seconds.

        Raises:
            RunFinishedError: the run is finished.
        """
        if self._over:
            self._refuse("planned_stop()")
            return
        seconds = self._seconds(grace, "grace of a planned stop")
        self._stopping.plan(str(reason), GRACE_SECONDS if seconds is None else seconds)

    def alert(self, title: str, text: str = "", level: AlertLevel | str = AlertLevel.WARN) -> None:
        """Raise an alert: it is stored, shown, printed here when it was raised, and sent to the webhooks.

        ::

            run.alert("Training complete", f"Final accuracy: {accuracy:.4f}", level="INFO")

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

    def finish(self, exit_code: int | None = None) -> None:
        """End the run, and wait a while until what it logged is delivered.

        It waits at most for the setting ``finish_timeout`` (15 s), and not at all where no pipeline is known or the run
        is offline; what is not delivered then stays on disk, and is said. A run that is over in a moment waits for the
        commit and the packages that are still looked for, 2 s at most. A second call does nothing.

        Args:
            exit_code: 0 or None if the run did what it should.
        """
        if self._over:
            return
        self._recording.last_words()
        number = int(exit_code or 0)
        stopped = self._stopping.finished(number)
        self._recorder.event("finish", {"exit_code": number, **stopped}, vital=True)
        self._over = "finished"
        # One that was stopped, or failed, is gone on with by resume="auto".
        self._recording.deliver(self.name, resumable=number != 0 or bool(stopped))

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
        server = _addresses.find_server(self._place.home)
        return None if server is None else f"{server}/r/{self.id}"

    @property
    def should_stop(self) -> bool:
        """Whether somebody asked the run to stop: `runwire stop`, the page, or an alert.

        A training that looks here once a step, saves what it wants to keep and ends with exit code 0 is told as
        stopped. Each rank hears of it by itself, at another step: where all must leave together, let one rank look and
        tell the others.
        """
        return self._stopping.seen()

    @property
    def step(self) -> int:
        """The step that the next row without one gets."""
        return self._recorder.next_step

    def __copy__(self) -> Run:
        return self

    def __deepcopy__(self, _memo: Any) -> Run:
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        """Go into another process, as that of a spawned worker, as into a forked child: by name, and not to log."""
        config = {key: _values.plain(value) for key, value in self.config.items()}
        about = About(
            id=self.id,
            rank=self.rank,
            project=self.project,
            name=self.name,
            entity=self.entity,
            group=self.group,
            job_type=self.job_type,
            notes=self.notes,
            tags=self.tags,
            config=config,
            told={},
            resumed=self.resumed,
            next_step=self.step,
        )
        return _in_child, (about, Place(self._place.home, self._place.spools, None))

    def __repr__(self) -> str:
        return f"<Run {self.name} (id {self.id}, rank {self.rank}, project {self.project})>"

    def raised(self, kind: type[BaseException], error: BaseException, traceback: TracebackType | None) -> None:
        """Record the exception that ends the run; `finish` is still to be called.

        Args:
            kind: its class.
            error: itself.
            traceback: where it was raised.
        """
        if self._over or self._raised:
            return
        self._raised = True
        stopped = self._stopping.raised(error)
        if stopped is None:
            return
        self._recorder.event("exception", {**_exception.told(kind, error, traceback), **stopped}, vital=True)

    @property
    def home(self) -> Path:
        """The folder in which its data waits, with that of others."""
        return self._place.home

    def end(self, exit_code: int) -> None:
        """Finish the run because the process ends.

        Args:
            exit_code: of the process.
        """
        self.finish(exit_code)

    def forked(self) -> None:
        """Leave the run to the parent: this is a child process."""
        if not self._over:
            self._over = "forked"
            self._recording.forked()

    @property
    def finished(self) -> bool:
        """Whether `finish` was called, or this is a child process."""
        return bool(self._over)

    def _origin(self) -> Origin:
        from runwire.artifacts import Origin  # noqa: PLC0415 -- as above

        return Origin(self.id, self.rank, self.project, self._place.home, self.settings.mode)

    def _config_changes(self, key: str, before: Any, after: Any) -> None:
        self._warn(
            f"config.{key}",
            "change",
            f"config.{key} was {before!r:.80} and is {after!r:.80} now: both are recorded, the later is shown "
            "(allow_val_change=True says that it is meant)",
        )

    def _asked_to_stop(self, request: StopRequest) -> None:
        if self._over:
            return
        self._stopping.ask(request)
        self._rows.shapes.clear()  # so that the next log() looks whether it owes something

    def _seconds(self, limit: Any, what: str = "limit of a phase") -> float | None:
        """Return a number of seconds; None also for what is none, which is said."""
        if limit is None:
            return None
        try:
            seconds = float(limit)
        except (TypeError, ValueError, OverflowError):
            seconds = -1.0
        if 0 < seconds < float("inf"):
            return seconds
        self._warn(what, "seconds", f"the {what} is {limit!r:.60}, not a number of seconds: it is passed over")
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

    def _nested(self, kind: str, values: dict[str, Any]) -> None:
        self._facts(kind, _values.short(values, kind, self._warn))

    def _facts(self, kind: str, values: dict[str, Any]) -> None:
        if self._over:
            self._refuse(f"a change of {kind}")
            return
        self._recorder.event(kind, values)

    def _refuse(self, call: str) -> None:
        if self._over == "finished":
            raise RunFinishedError(
                f"Run already finished: {call} came after finish() of run {self.name} ({self.id}). "
                "Call runwire.init() for a new run, or finish() later"
            )
        self._warn(
            "fork",
            "fork",
            f"{call} in a child process (pid {os.getpid()}): not recorded. Log in the process that called "
            "init(), or call runwire.init(id=…, rank=…) in the child",
        )


def _in_child(about: About, place: Place) -> Run:
    """Return what a child process has of its parent's run."""
    run = Run(about, Settings(mode="disabled"), place)
    run.forked()
    return run
