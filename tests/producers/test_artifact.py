"""Putting artifacts together and logging them, where nothing is there but this process and its disk."""

from __future__ import annotations

import contextlib
import hashlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import runwire
from runwire.artifacts.reference import Reference
from runwire.errors import RunFinishedError, UnavailableError, UsageError, WireError
from runwire.spool.artifacts import announced, read
from runwire.spool.files import names
from runwire.wire import LoggedArtifact, dumps
from runwire.wire.artifacts import Entry, encode_manifest, parse_manifest


@pytest.fixture
def run(tmp_path: Path) -> Iterator[runwire.Run]:
    """A run whose data stays where it is."""
    with runwire.init("p", dir=tmp_path / "home", mode="offline") as run:
        yield run


def announcements(run: runwire.Run) -> list[LoggedArtifact]:
    assert run.folder is not None
    return [LoggedArtifact.parse(read(path).message) for path in announced(run.folder)]


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def test_what_is_logged_lies_in_the_spool_with_all_that_it_waits_for(run: runwire.Run, tmp_path: Path) -> None:
    """Each content once, the manifest among it; and nothing is left where it was put together."""
    (tmp_path / "a.txt").write_bytes(b"a")
    artifact = runwire.Artifact("model", "model", "a text", {"x": 1})
    artifact.add_file(tmp_path / "a.txt")
    (tmp_path / "a.txt").write_bytes(b"changed")
    (tmp_path / "b.txt").write_bytes(b"a")
    artifact.add_file(str(tmp_path / "b.txt"), "again/b.txt", policy="immutable")
    run.log_artifact(artifact, aliases=["best", "latest"])
    manifest = encode_manifest([Entry("a.txt", sha256(b"a"), 1), Entry("again/b.txt", sha256(b"a"), 1)])
    (told,) = announcements(run)
    assert (told.project, told.name, told.type, told.run, told.aliases) == ("p", "model", "model", run.id, ["best"])
    assert (told.digest, told.files, told.size, told.metadata) == (sha256(manifest), 2, 2, {"x": 1})
    assert run.folder is not None
    assert names(run.folder) == {sha256(b"a"), sha256(manifest)} == read(announced(run.folder)[0]).waits_for
    assert (run.folder / "files" / sha256(b"a")).read_bytes() == b"a"
    assert not list((tmp_path / "home" / "staging").rglob("*.txt"))
    assert [path for path in (tmp_path / "home" / "staging").rglob("*") if path.is_file()] == []


def test_a_folder_is_added_whole_and_what_is_no_file_is_left_out(run: runwire.Run, tmp_path: Path) -> None:
    """Files behind links count as what they hold; broken links, pipes and the like are not there."""
    (tmp_path / "d" / "sub").mkdir(parents=True)
    (tmp_path / "d" / "b").write_text("b")
    (tmp_path / "d" / "sub" / "a").write_text("a")
    (tmp_path / "d" / "link").symlink_to(tmp_path / "d" / "b")
    (tmp_path / "d" / "broken").symlink_to(tmp_path / "nowhere")
    os.mkfifo(tmp_path / "d" / "pipe")
    artifact = run.log_artifact(tmp_path / "d", "folder", "dataset")
    assert [entry.path for entry in artifact.files()] == ["b", "link", "sub/a"]
    other = runwire.Artifact("other", "dataset")
    other.add_dir(tmp_path / "d" / "sub", "x/y")
    assert [entry.path for entry in other.files()] == ["x/y/a"]


def test_a_hundred_thousand_files_are_one_small_message(run: runwire.Run) -> None:
    """Their names are in the manifest, which is a file; it can be read again, and is the same in any order."""
    entries = [Entry(f"data/{number:06}.bin", sha256(b"x"), 1) for number in range(100_000)]
    data = encode_manifest(reversed(entries))
    assert parse_manifest(data) == tuple(entries)
    artifact = runwire.Artifact("large", "dataset")
    with artifact.new_file("data/000000.bin", "wb") as file:
        file.write(b"x")
    artifact._contents.entries.update({entry.path: entry for entry in entries})
    run.log_artifact(artifact)
    (told,) = announcements(run)
    assert (told.files, told.size, told.digest) == (100_000, 100_000, sha256(data))
    assert len(told.encode()) < 1000


@pytest.mark.parametrize("name", ["", "/etc/passwd", "../x", "a/../x", "a//b", "a/", ".", "a\\b", "a\nb", "x" * 256])
def test_a_path_that_is_none_is_refused(name: str) -> None:
    """Where it is given, and where a manifest that comes from elsewhere has it."""
    with pytest.raises(UsageError), runwire.Artifact("a", "t").new_file(name):
        pass
    with pytest.raises(WireError):
        parse_manifest(dumps({"v": 1, "files": [[name, "0" * 64, 1]]}))


@pytest.mark.parametrize(
    ("files", "reason"),
    [
        ([["a", "0" * 64, 1], ["a/b", "0" * 64, 1]], "'a' is a file and a folder"),
        ([["a", "0" * 64, 1], ["a", "1" * 64, 1]], "names a path twice"),
        ([["a", "0" * 63, 1]], "no sha256"),
        ([["a", "0" * 64, -1]], "size is -1"),
        ([["a", "0" * 64]], "expected \\[path, sha256, size\\]"),
        (None, "files is None"),
    ],
)
def test_a_manifest_that_is_none_is_refused(files: Any, reason: str) -> None:
    """It comes from a server, and says what is to be written where."""
    with pytest.raises(WireError, match=reason):
        parse_manifest(dumps({"v": 1, "files": files}))


def test_what_cannot_be_asked_for_is_said(run: runwire.Run, tmp_path: Path) -> None:
    """By one sentence each, which says what to do."""
    artifact = runwire.Artifact("model", "model")
    for call, message in (
        (lambda: runwire.Artifact("a/b", "t"), "'a/b' is no artifact's name: 1 to 128 letters"),
        (lambda: runwire.Artifact("a", ""), "no type of an artifact"),
        (lambda: artifact.add_file(tmp_path / "none"), "none cannot be added: No such file or directory"),
        (lambda: artifact.add_dir(tmp_path / "none"), "none is no folder"),
        (lambda: artifact.add_file(tmp_path, "x"), "cannot be added: Is a directory"),
        (lambda: artifact.add(3, "x"), "takes a runwire.Table, not a int"),  # type: ignore[arg-type]
        (lambda: run.log_artifact(artifact, aliases=["v1"]), "'v1' is no alias"),
        (lambda: run.log_artifact(artifact, aliases="a b"), "'a b' is no alias"),
        (lambda: run.log_artifact(artifact, name="other"), "has its name and type"),
        (lambda: run.log_artifact(3), "takes an Artifact or a path, not a int"),  # type: ignore[arg-type]
        (artifact.wait, "was not logged: run.log_artifact"),
        (lambda: run.use_artifact("a b:c"), "names no artifact"),
    ):
        with pytest.raises(UsageError, match=message):
            call()  # type: ignore[no-untyped-call]
    with artifact.new_file("a") as file:
        file.write("a")
    with pytest.raises(UsageError, match="as file and as folder"), artifact.new_file("a/b"):
        pass
    run.log_artifact(artifact)
    with pytest.raises(UsageError, match=r"comes too late.*make another Artifact of the same name"):
        artifact.add_file(tmp_path / "none")
    with pytest.raises(UsageError, match="its run is offline: `runwire sync` delivers it"):
        artifact.download()
    with pytest.raises(UnavailableError, match="nothing says where the Runwire server is: start one"):
        run.use_artifact("model:v0")


def test_after_the_end_of_the_run_nothing_is_logged(tmp_path: Path) -> None:
    """As with all else of it; and an artifact belongs to the run that logged it."""
    artifact = runwire.Artifact("model", "model")
    with runwire.init("p", dir=tmp_path, mode="offline") as run:
        run.log_artifact(artifact)
    with pytest.raises(RunFinishedError, match=r"log_artifact\(\) came after finish\(\)"):
        run.log_artifact(artifact)
    with (
        runwire.init("p", dir=tmp_path, mode="offline") as other,
        pytest.raises(UsageError, match="logged this artifact"),
    ):
        other.log_artifact(artifact)


def test_a_disabled_run_takes_every_call(tmp_path: Path) -> None:
    """And writes nothing."""
    with runwire.init("p", dir=tmp_path / "home", mode="disabled") as run:
        artifact = runwire.Artifact("model", "model")
        with artifact.new_file("a") as file:
            file.write("a")
        run.log_artifact(artifact)
        with pytest.raises(UsageError, match="its run is disabled: nothing of it is recorded"):
            artifact.wait()


_FULL = """
import resource, signal, runwire
run = runwire.init("p", mode="offline")
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))
artifact = runwire.Artifact("model", "model")
with artifact.new_file("small") as file:
    file.write("small")
open_big = open({big!r}, "rb").close()
artifact.add_file({big!r}, "big")
run.log_artifact(artifact)
run.log({{"loss": 1.0}})
run.finish()
print("done")
"""


def test_a_disk_that_is_full_loses_the_artifact_and_says_so(tmp_path: Path) -> None:
    """The training goes on, no half of it is logged, and nothing is left of it."""
    big = tmp_path / "big"
    big.write_bytes(bytes(2 << 20))
    done = subprocess.run(
        [sys.executable, "-c", _FULL.format(big=str(big))],
        env={**os.environ, "RUNWIRE_HOME": str(tmp_path / "home")}, capture_output=True, text=True, check=False,
        timeout=60,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (0, "done\n"), done.stderr
    assert (
        "the artifact model will not be logged, the training goes on: big cannot be kept: File too large" in done.stderr
    )
    assert list((tmp_path / "home").rglob("*.artifact")) == []
    assert [path for path in (tmp_path / "home" / "staging").rglob("*") if path.is_file()] == []


def test_what_a_killed_process_left_goes_with_the_next_artifact(tmp_path: Path) -> None:
    """And what living processes are putting together stays."""
    code = """
import os, signal, runwire
artifact = runwire.Artifact("model", "model")
with artifact.new_file("a") as file:
    file.write("left")
os.kill(os.getpid(), signal.SIGKILL)
"""
    home = tmp_path / "home"
    environment = {**os.environ, "RUNWIRE_HOME": str(home)}
    subprocess.run([sys.executable, "-c", code], env=environment, check=False, timeout=60)

    def content() -> list[str]:
        return sorted(
            path.read_text() for path in (home / "staging").rglob("*") if path.is_file() and path.name != "lock"
        )

    assert content() == ["left"]
    with runwire.init("p", dir=home, mode="offline"):
        first, second = runwire.Artifact("first", "t"), runwire.Artifact("second", "t")
        for artifact in (first, second):
            with artifact.new_file("a") as file:
                file.write(artifact.name)
        assert content() == ["first", "second"]
        del first, second, artifact


def test_a_forked_child_leaves_the_files_to_its_parent(run: runwire.Run) -> None:
    """Its copy of the artifact goes, and the parent's is logged whole."""
    artifact = runwire.Artifact("model", "model")
    with artifact.new_file("a") as file:
        file.write("a")
    child = os.fork()
    if child == 0:
        code = 1
        with contextlib.suppress(BaseException):
            run.log_artifact(artifact)
            assert artifact._contents._staging is not None
            artifact._contents._staging.close()
            code = 0
        os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    run.log_artifact(artifact)
    assert run.folder is not None
    assert sha256(b"a") in names(run.folder)
    assert len(announcements(run)) == 1


def test_metadata_that_are_too_large_are_left_out_and_said(run: runwire.Run, caplog: pytest.LogCaptureFixture) -> None:
    """The files are logged all the same."""
    run.log_artifact(runwire.Artifact("model", "model", metadata={"x": ["y" * 1000] * 1000}))
    assert "the metadata of the artifact model take" in caplog.text
    assert announcements(run)[0].metadata == {}


@pytest.mark.parametrize(
    ("text", "reference"),
    [
        ("model", Reference("p", "model", "latest")),
        ("model:v3", Reference("p", "model", "v3")),
        ("other/model:best", Reference("other", "model", "best")),
        ("team/other/model:best", Reference("team/other", "model", "best")),
    ],
)
def test_a_reference_says_project_name_and_version(text: str, reference: Reference) -> None:
    """What it leaves out is the run's project, and the latest."""
    assert Reference.parse(text, "p") == reference
