"""An artifact: put together from files, logged in versions, and found and fetched again."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO, Any, Literal

from runwire import _addresses
from runwire._recorder import Recorder
from runwire._say import logger
from runwire._table import Table
from runwire._values import plain
from runwire.artifacts import download
from runwire.artifacts.contents import Contents
from runwire.artifacts.origin import Origin, await_version
from runwire.artifacts.remote import Remote
from runwire.errors import UnavailableError, UsageError, WireError
from runwire.wire import LoggedArtifact, dumps, loads
from runwire.wire.artifacts import (
    ALIASES_MAX,
    DESCRIPTION_MAX,
    LATEST,
    METADATA_BYTES_MAX,
    Entry,
    check_alias,
    check_artifact,
    check_label,
)

Policy = Literal["mutable", "immutable"]

_WAIT_SECONDS = 60.0
_TABLE = ".table.json"


class Artifact:
    """Files that belong together, as a model or a data set, logged as one: `log_artifact` makes a version of them.

    Versions are numbered v0, v1, … in the order in which they come. Content that was logged before under this name is
    no new version. A file is stored once, however many versions have it.

    ::

        artifact = runwire.Artifact("digits-model", type="model", metadata={"accuracy": 0.93})
        artifact.add_file("model.pt")
        runwire.log_artifact(artifact, aliases=["best"])

        folder = runwire.use_artifact("digits-model:best").download()

    Args:
        name: letters, digits, ``_ . -``, at most 128; within a project it names what has versions.
        type: as "model" or "dataset", for people.
        description: a text.
        metadata: plain data of at most 256 KiB.

    Attributes:
        name, type, description, metadata: as given; they may be changed until it is logged.
        project: whose it is; None until it is logged.
        aliases: what the version is called besides its number, as far as is known here.

    Raises:
        UsageError: it may not be called so.
    """

    def __init__(
        self,
        name: str,
        type: str,  # noqa: A002 -- the field's word
        description: str | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> None:
        try:
            self.name, self.type = check_artifact(name), check_label(type, "type")
        except WireError as error:
            raise UsageError(f"an artifact: {error}") from None
        self.description = description
        self.metadata: dict[str, Any] = dict(metadata or {})
        self.project: str | None = None
        self.aliases: tuple[str, ...] = ()
        self._contents = Contents(self.name, _home)
        #: As they are stored: of a version that is fetched, once the server was asked; else those put into it.
        self._files: dict[str, Entry] | None = self._contents.entries
        self._digest: str | None = None
        self._counts = (0, 0)
        self._origin: Origin | None = None
        self._seq: int | None = None
        self._version: int | None = None
        self._remote: Remote | None = None

    @classmethod
    def fetched(cls, told: Mapping[str, Any], remote: Remote) -> Artifact:
        """Return a version that is stored, as the server tells of it.

        Args:
            told: what it tells.
            remote: the server, for its files.
        """
        made = cls(told["name"], told["type"], told["description"] or None, told["metadata"])
        made.project, made._files, made._remote = told["project"], None, remote
        made._take(told)
        return made

    @property
    def version(self) -> str | None:
        """Its number, as "v3"; None as long as that is not known here: see `wait`."""
        return None if self._version is None else f"v{self._version}"

    @property
    def digest(self) -> str | None:
        """What its content is, as 64 hexadecimal digits; None until it is logged."""
        return self._digest

    @property
    def size(self) -> int:
        """How many bytes its files have together."""
        return self._counts[1] if self._files is None else sum(entry.size for entry in self._files.values())

    def files(self) -> tuple[Entry, ...]:
        """Return its files by path, each with the sha256 of its content and its size in bytes.

        Raises:
            UnavailableError: the server has to be asked, and does not answer.
        """
        if self._files is None:
            server = self._server()
            assert self._digest is not None  # noqa: S101 -- told by the server
            self._files = {entry.path: entry for entry in download.manifest(server, self._digest)}
        return tuple(sorted(self._files.values()))

    def add_file(self, local_path: str | os.PathLike[str], name: str | None = None, policy: Policy = "mutable") -> None:
        """Add a file, as it is now.

        Args:
            local_path: where it is.
            name: its path in the artifact; None for its own name. What was there before is replaced.
            policy: "mutable" copies it, so it may be changed or removed afterwards; "immutable" says that it will not
                be changed, and spares the copy where the home lies on the same disk.

        Raises:
            UsageError: there is no such file, it may not be called so, or the artifact was logged.
        """
        self._check_open("add_file()")
        if policy not in ("mutable", "immutable"):
            raise UsageError(f"policy is {policy!r:.80}: expected mutable or immutable")
        path = Path(local_path)
        inner = self._contents.free(path.name if name is None else name)
        try:
            with path.open("rb") as source:
                self._contents.keep(
                    inner, lambda files: files.copy(source) if policy == "mutable" else files.link(path)
                )
        except OSError as error:
            raise UsageError(f"{path} cannot be added: {error.strerror or error}") from None

    def add_dir(self, local_path: str | os.PathLike[str], name: str | None = None, policy: Policy = "mutable") -> None:
        """Add all files in a folder and the folders in it, as they are now.

        Args:
            local_path: where it is.
            name: the folder in the artifact that they come to lie in; None for none.
            policy: as for `add_file`.

        Raises:
            UsageError: there is no such folder, or a file of it cannot be added.
        """
        self._check_open("add_dir()")
        root = Path(local_path)
        if not root.is_dir():
            raise UsageError(f"{root} is no folder: add_file() adds a file")
        for folder, folders, names in os.walk(root):
            folders.sort()
            for one in sorted(names):
                path = Path(folder, one)
                if path.is_file():  # no socket, pipe or broken link
                    inner = PurePosixPath(name or "", path.relative_to(root).as_posix())
                    self.add_file(path, str(inner), policy)

    @contextmanager
    def new_file(self, name: str, mode: Literal["w", "wb"] = "w", encoding: str | None = None) -> Iterator[IO[Any]]:
        """Yield a new file to write to, which is added when it is closed.

        Args:
            name: its path in the artifact.
            mode: "w" for text, "wb" for bytes.
            encoding: of text; None for UTF-8.

        Raises:
            UsageError: it may not be called so, or the artifact was logged.
        """
        self._check_open("new_file()")
        if mode not in ("w", "wb"):
            raise UsageError(f"mode is {mode!r:.80}: expected w or wb")
        inner = self._contents.free(name)
        with self._contents.new(inner, mode, None if mode == "wb" else encoding or "utf-8") as file:
            yield file

    def add(self, obj: Table, name: str) -> None:
        """Add a `Table`, as a file of JSON that `get` reads again.

        Args:
            obj: the table.
            name: its path in the artifact, to which ".table.json" is added.

        Raises:
            UsageError: it is no table, it may not be called so, or the artifact was logged.
        """
        self._check_open("add()")
        if not isinstance(obj, Table):
            raise UsageError(f"add() takes a runwire.Table, not a {type(obj).__name__}: add_file() adds a file")
        inner = self._contents.free(name if name.endswith(_TABLE) else name + _TABLE)
        data = dumps({"columns": obj.columns, "data": [plain(row) for row in obj.data]})
        self._contents.keep(inner, lambda files: files.keep(data))

    def get(self, name: str) -> Table | None:
        """Return a table that was put into it by `add`; None if there is none of that name.

        Args:
            name: as it was given to `add`.

        Raises:
            UnavailableError: the server does not answer.
        """
        inner = name if name.endswith(_TABLE) else name + _TABLE
        entry = next((entry for entry in self.files() if entry.path == inner), None)
        if entry is None:
            return None
        with self._server().file(entry.digest) as body:
            told = loads(body.read())
        return Table(told["columns"], told["data"])

    def wait(self, timeout: float | None = _WAIT_SECONDS) -> Artifact:
        """Wait until the pipeline has stored it and given it its version; for who goes on with it.

        Args:
            timeout: at most so many seconds; None for as long as it takes.

        Returns:
            Itself, with `version` and `aliases`.

        Raises:
            UsageError: it was not logged, or by a run that is offline or disabled.
            UnavailableError: it was lost, or has no version yet: the message says why.
        """
        if self._version is not None:
            return self
        self._remote, told = await_version(self._logged_by(), self.name, lambda: self._seq, timeout)
        self._take(told)
        return self

    def download(self, root: str | os.PathLike[str] | None = None) -> Path:
        """Fetch its files. What is there already is not fetched again; each file is checked by its content.

        Args:
            root: the folder that they are put in; None for ``artifacts/name:version``.

        Returns:
            The folder.

        Raises:
            ArtifactDamagedError: what the server sends is not what was logged.
            UnavailableError: the server does not answer, or the folder cannot be written.
        """
        server = self._server()
        folder = Path("artifacts", f"{self.name}:{self.version}") if root is None else Path(root)
        download.fetch(server, self.files(), folder)
        return folder

    def file(self, name: str | None = None, root: str | os.PathLike[str] | None = None) -> Path:
        """Fetch one of its files, as `download` does.

        Args:
            name: its path in the artifact; None if that has but one.
            root: as for `download`.

        Returns:
            Where it is now.

        Raises:
            UsageError: there is no such file; the message names those that there are.
            UnavailableError: the server does not answer, or the folder cannot be written.
        """
        server, files = self._server(), self.files()
        chosen = [entry for entry in files if name is None or entry.path == name]
        if len(chosen) != 1:
            known = ", ".join(entry.path for entry in files[:10]) or "none"
            raise UsageError(f"{self.name}:{self.version} has no one file {name or ''!r}: it has {known}")
        folder = Path("artifacts", f"{self.name}:{self.version}") if root is None else Path(root)
        download.fetch(server, chosen, folder)
        return folder / chosen[0].path

    def verify(self, root: str | os.PathLike[str] | None = None) -> None:
        """See that a folder holds its files as they were logged. Further files in it are not looked at.

        Args:
            root: the folder; None for ``artifacts/name:version``.

        Raises:
            ArtifactDamagedError: a file is missing or was changed; the message names it.
        """
        self._server()
        download.verify(self.files(), Path("artifacts", f"{self.name}:{self.version}") if root is None else Path(root))

    def identity(self) -> dict[str, Any]:
        """Return what names the version, which has one."""
        return {"project": self.project, "name": self.name, "version": self._version, "digest": self._digest}

    def record(self, recorder: Recorder, origin: Origin, aliases: Sequence[str] | str | None) -> None:
        """Log it: hand its files over to a run's spool, and behind them the word of it. It waits for nothing.

        Args:
            recorder: of the run.
            origin: the run.
            aliases: what the version is to be called besides its number and "latest".

        Raises:
            UsageError: an alias may not be one, or another run logged it.
        """
        if self._origin is not None and self._origin != origin:
            raise UsageError(
                f"run {self._origin.run} logged this artifact {self.name}: use_artifact() gives it to another run"
            )
        words = _aliases(aliases)
        try:
            check_label(origin.project, "project")
        except WireError as error:
            raise UsageError(str(error)) from None
        waits_for: list[str] = []
        if self._digest is None:
            self._origin, self.project = origin, origin.project
            if (manifest := self._contents.hand_over(recorder)) is not None:
                self._digest, waits_for = manifest.digest, manifest.waits_for
                self._counts = len(self._contents.entries), self.size
        self._origin = origin
        if self._digest is None:
            if origin.mode != "disabled":
                logger.error("the artifact %s is not logged: %s", self.name, self._contents.lost)
            return
        self._version, self._seq, self.aliases = None, None, tuple(words)
        ts, (count, size) = time.time_ns() // 1000, self._counts

        def message(seq: int) -> bytes:
            self._seq = seq
            return LoggedArtifact(
                run=origin.run, rank=origin.rank, seq=seq, ts=ts, project=origin.project, name=self.name,
                type=self.type, digest=str(self._digest), files=count, size=size, metadata=self._told(), aliases=words,
                description=str(plain(self.description or ""))[:DESCRIPTION_MAX],
            ).encode()  # fmt: skip

        recorder.artifact(message, waits_for)

    def _take(self, told: Mapping[str, Any]) -> None:
        self._version, self._digest = int(told["version"]), str(told["digest"])
        self._counts = int(told["files"]), int(told["size"])
        self.aliases = tuple(told["aliases"])

    def _server(self) -> Remote:
        """Return the server that has the version, waiting for that if it was logged just now."""
        self.wait()
        assert self._remote is not None  # noqa: S101 -- whatever has a version has it from there
        return self._remote

    def _logged_by(self) -> Origin:
        """Return the run whose version it becomes."""
        if self._origin is None:
            raise UsageError(
                f"the artifact {self.name} was not logged: run.log_artifact(artifact) does, then it is there"
            )
        if self._origin.mode != "online":
            raise UsageError(
                f"the artifact {self.name} has no version yet, for its run is {self._origin.mode}: "
                + ("`runwire sync` delivers it" if self._origin.mode == "offline" else "nothing of it is recorded")
            )
        if self._contents.lost is not None:
            raise UnavailableError(f"the artifact {self.name} was not logged: {self._contents.lost}")
        return self._origin

    def _check_open(self, call: str) -> None:
        if self._digest is not None or self._origin is not None:
            raise UsageError(
                f"{call} comes too late, the artifact {self.name} is logged: make another Artifact of the same name, "
                "which becomes its next version"
            )

    def _told(self) -> dict[str, Any]:
        told: dict[str, Any] = plain(dict(self.metadata))
        size = len(dumps(told))
        if size <= METADATA_BYTES_MAX:
            return told
        logger.warning(
            "the metadata of the artifact %s take %d kB, %d are the most: left out; add them as a file",
            self.name,
            size >> 10,
            METADATA_BYTES_MAX >> 10,
        )
        return {}


def _home() -> Path:
    """Return the home of the current run, else the usual one."""
    from runwire._current import current  # noqa: PLC0415 -- which imports this module

    run = current()
    return _addresses.find_home() if run is None else run.home


def _aliases(given: Sequence[str] | str | None) -> list[str]:
    words = [given] if isinstance(given, str) else list(given or ())
    chosen = [word for word in dict.fromkeys(words) if word != LATEST]
    if len(chosen) > ALIASES_MAX:
        raise UsageError(f"{len(chosen)} aliases: a version may be given {ALIASES_MAX} at a time")
    try:
        return [check_alias(word) for word in chosen]
    except WireError as error:
        raise UsageError(str(error)) from None
