"""Kafka's jars: named, with their hashes, by ``kafka.lock``; fetched once a machine, checked at every start."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from traceback import clear_frames

from runwire_server.local.errors import JarError

LOCK = Path(__file__).with_name("kafka.lock")

_AT_ONCE = 6  # downloads; most of a small one's time is waiting
_STALE = 3600  # seconds after which a download that has not ended never will


@dataclass(frozen=True)
class Jar:
    """One line of the lock file.

    Attributes:
        coordinate: ``group:artifact:version``, as Maven repositories name it.
        sha256: of the file, in hex.
        size: of the file, in bytes.
    """

    coordinate: str
    sha256: str
    size: int

    @property
    def name(self) -> str:
        """The file's name in the cache."""
        _, artifact, version = self.coordinate.split(":")
        return f"{artifact}-{version}.jar"


def locked() -> list[Jar]:
    """The jars that the lock file names, in the order of the class path."""
    lines = (line.split() for line in LOCK.read_text(encoding="utf-8").splitlines() if not line.startswith("#"))
    return [Jar(coordinate, sha256, int(size)) for coordinate, sha256, size in lines]


def folder() -> Path:
    """Where this machine's jars are: ``RUNWIRE_JARS``, else ``runwire/jars`` in the user's cache."""
    if told := os.environ.get("RUNWIRE_JARS"):
        return Path(told).expanduser()
    cache = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(cache).expanduser() / "runwire" / "jars"


def missing() -> list[Jar]:
    """The jars that are not in the folder, or are not what they should be."""
    return [jar for jar in locked() if not _good(folder() / jar.name, jar)]


def fetch(progress: Callable[[int], None] = lambda _: None) -> list[Path]:
    """Have every jar in the folder, fetching what is missing.

    Args:
        progress: called, from several threads, with the bytes that came since the last call.

    Returns:
        The class path.

    Raises:
        JarError: a jar cannot be fetched, or what came is not what the lock file names.
    """
    if wanted := missing():
        target = folder()
        try:
            target.mkdir(parents=True, exist_ok=True)
            _sweep(target)
            # A folder of our own: jgo writes in place, and what is half there must never be taken for a jar.
            with tempfile.TemporaryDirectory(dir=target, prefix="incoming-") as incoming:
                _fetch(wanted, Path(incoming), target, progress)
        except OSError as error:
            raise JarError(
                f"Kafka's jars cannot be kept in {target}: {error.strerror or error}. "
                "Make room there, or name another folder with RUNWIRE_JARS."
            ) from error
    return [folder() / jar.name for jar in locked()]


def _sweep(target: Path) -> None:
    """Remove what downloads that were killed left behind; a young one may be another process's, at work."""
    for left in target.glob("incoming-*"):
        with suppress(FileNotFoundError):
            if time.time() - left.stat().st_mtime > _STALE:
                shutil.rmtree(left, ignore_errors=True)


def _fetch(wanted: list[Jar], incoming: Path, target: Path, progress: Callable[[int], None]) -> None:
    from jgo.config import GlobalSettings  # noqa: PLC0415 - 0.1 s, and only needed the first time
    from jgo.maven import MavenContext, PythonResolver  # noqa: PLC0415

    stop = threading.Event()

    @contextmanager
    def watch(_name: str, _size: int) -> Iterator[Callable[[int], None]]:
        def came(size: int) -> None:
            if stop.is_set():
                raise JarError("the download was given up because another jar failed")
            progress(size)

        yield came

    # Whoever has a mirror of Maven Central names it in jgo's own settings.
    repositories = GlobalSettings.load().repositories or None
    maven = MavenContext(PythonResolver(progress_callback=watch), incoming, [], repositories)

    def one(jar: Jar) -> None:
        try:
            came = Path(maven.create_dependency(jar.coordinate).artifact.resolve())
        except Exception as error:  # ours, requests' own, and the RuntimeError by which jgo says "not there"
            clear_frames(error.__traceback__)  # jgo closes no response that it stops reading: its frames hold it
            if isinstance(error, JarError):
                raise
            raise JarError(_why(jar, error, target)) from error
        if not _good(came, jar):
            raise JarError(
                f"{jar.coordinate} came with SHA-256 {_sha256(came)} where {LOCK.name} says {jar.sha256}; it was "
                "thrown away. Try again; if it comes back, the repository you fetch from serves something else."
            )
        came.replace(target / jar.name)

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        done = [pool.submit(one, jar) for jar in wanted]
        try:
            for future in as_completed(done):
                future.result()
        except BaseException:
            stop.set()
            pool.shutdown(cancel_futures=True)
            raise


def _why(jar: Jar, error: Exception, target: Path) -> str:
    from requests import ConnectionError as Unreachable  # noqa: PLC0415 - jgo's HTTP client
    from requests import Timeout  # noqa: PLC0415

    if isinstance(error, Unreachable | Timeout):
        return (
            "Kafka's jars must be fetched once, and the Maven repository cannot be reached. Connect this machine to "
            f"the network and start again, or copy {target} from a machine that has it."
        )
    return f"{jar.coordinate} could not be fetched: {error}. Start again, or copy {target} from a machine that has it."


def _good(path: Path, jar: Jar) -> bool:
    try:
        return path.stat().st_size == jar.size and _sha256(path) == jar.sha256
    except FileNotFoundError:
        return False


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()
