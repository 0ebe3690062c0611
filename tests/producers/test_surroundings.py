"""Where a run comes from: commit, changes, packages, machine; found out beside the training, and never in its way."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from parts import PATIENCE, until

import runwire
from producers.conftest import spools
from producers.spooled import kinds, told
from runwire.spool.folder import found

_PROGRAM = """
import runwire, sys
with runwire.init(id="r", mode="offline") as run:
    print("begun", flush=True)
    sys.stdin.readline()
"""


@pytest.fixture(autouse=True)
def asked(alone: None, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: ARG001 -- which turns it off
    """Have it found out, as without any setting."""
    for name in ("CODE", "PACKAGES", "MACHINE"):
        monkeypatch.delenv(f"RUNWIRE_{name}")


def _git(folder: Path, *words: str) -> str:
    who = ["-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false"]
    return subprocess.run(
        ["git", "-C", folder, *who, *words], check=True, capture_output=True, text=True
    ).stdout.strip()


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository with a program in a folder, one commit, and a remote with a password in its address."""
    folder = tmp_path / "code"
    (folder / "jobs").mkdir(parents=True)
    (folder / "jobs" / "train.py").write_text(_PROGRAM)
    _git(folder, "init", "--initial-branch", "main")
    _git(folder, "remote", "add", "origin", "https://user:hunter2@example.org/code.git")
    _git(folder, "add", ".")
    _git(folder, "commit", "-m", "first")
    return folder


@pytest.fixture
def about(home: Path, tmp_path: Path) -> Callable[..., dict[str, Any]]:
    """Run a program from another folder until what it tells of its surroundings is there, and return that."""

    def run(program: Path, **environment: str) -> dict[str, Any]:
        process = subprocess.Popen(
            [sys.executable, str(program)],
            cwd=tmp_path,
            env={**os.environ, **environment},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert process.stdout is not None
        assert process.stdout.readline() == "begun\n"
        (folder,) = found(spools(home))
        until(lambda: told(folder, "about"), "it is told")
        process.communicate("\n", timeout=60)
        (data,) = told(folder, "about")
        return data

    return run


def test_commit_and_changes_of_the_programs_code_are_told(
    repository: Path, about: Callable[..., dict[str, Any]]
) -> None:
    """Of the program's repository, wherever it is started; without the password of its remote."""
    (repository / "jobs" / "train.py").write_text(_PROGRAM + "# changed\n")
    data = about(repository / "jobs" / "train.py")
    assert data["git"] == {
        "commit": _git(repository, "rev-parse", "HEAD"),
        "branch": "main",
        "remote": "https://example.org/code.git",
        "changed": True,
        "program": "jobs/train.py",
    }
    assert "+# changed" in data["git_diff"]
    assert "hunter2" not in str(data)
    assert any(name.startswith("orjson==") for name in data["packages"])
    assert data["cpus"] == os.cpu_count()


def test_a_large_change_is_cut(repository: Path, about: Callable[..., dict[str, Any]]) -> None:
    """And all else is told."""
    (repository / "jobs" / "train.py").write_text(_PROGRAM + "".join(f"# {number} ß\n" for number in range(50_000)))
    data = about(repository / "jobs" / "train.py")
    assert len(data["git_diff"].encode()) < 140_000
    assert data["git_diff"].endswith("… cut at 128 KiB\n")
    assert data["packages"]


def test_code_outside_of_a_repository_has_no_commit(tmp_path: Path, about: Callable[..., dict[str, Any]]) -> None:
    """What else is known is told."""
    program = tmp_path / "train.py"
    program.write_text(_PROGRAM)
    data = about(program, GIT_CEILING_DIRECTORIES=str(tmp_path))
    assert "git" not in data
    assert data["packages"]


def test_each_can_be_turned_off(repository: Path, about: Callable[..., dict[str, Any]]) -> None:
    """By the environment, as any setting."""
    data = about(repository / "jobs" / "train.py", RUNWIRE_CODE="false", RUNWIRE_PACKAGES="no")
    assert sorted(data) == ["cpus", "memory_bytes", "platform"]


def test_where_nothing_is_asked_for_nobody_finds_it_out(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No process is started; nor is one by another rank than the first."""
    with runwire.init(mode="offline", rank=1):
        assert not _finding(home)
    for name in ("CODE", "PACKAGES", "MACHINE"):
        monkeypatch.setenv(f"RUNWIRE_{name}", "0")
    with runwire.init(mode="offline"):
        assert not _finding(home)


def test_without_git_nothing_is_said_and_the_run_goes_on(
    repository: Path, about: Callable[..., dict[str, Any]], tmp_path: Path
) -> None:
    """As on a host where there is none."""
    (tmp_path / "none").mkdir()
    data = about(repository / "jobs" / "train.py", PATH=str(tmp_path / "none"))
    assert "git" not in data


def test_what_was_found_out_is_told_by_each_run_of_a_process(home: Path) -> None:
    """It is found out once, for they come from the same place; also for runs that go on side by side."""
    runs = [runwire.init(mode="offline", reinit="create_new") for _ in range(3)]
    until(lambda: all(told(run, "about") for run in runs), "all tell it")
    later = runwire.init(mode="offline", reinit="create_new")
    later.finish()
    assert told(later, "about") == told(runs[0], "about") == told(runs[2], "about")
    for run in runs:
        run.finish()
    log = spools(home) / "shipper.log"
    assert not log.exists() or log.read_text() == ""


def test_it_is_told_before_the_runs_end(home: Path) -> None:  # noqa: ARG001 -- where it lies
    """Behind which nobody reads on: of a run that is over in no time, too, where it is known by then."""
    first = runwire.init(mode="offline")
    until(lambda: told(first, "about"), "it is found out")
    first.finish()
    second = runwire.init(mode="offline")
    second.finish()
    assert [kind for kind in kinds(second) if kind in {"about", "finish"}] == ["about", "finish"]


def test_a_run_that_is_over_in_a_moment_tells_it_too(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: ARG001
    """Its end waits for what is being found out, and comes behind it."""
    monkeypatch.setenv("RUNWIRE_MACHINE", "false")  # no other run of this process asks for just that
    run = runwire.init(mode="offline", settings={"finish_timeout": PATIENCE})
    run._recording.last_words(PATIENCE)  # as `finish` calls it, which has not so much patience
    run.finish()
    assert [kind for kind in kinds(run) if kind in {"about", "finish"}] == ["about", "finish"]
    assert "packages" in told(run, "about")[0]


def test_no_more_is_asked_of_the_system_than_all_have(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: ARG001
    """There is no pipe2 on macOS."""
    monkeypatch.setenv("RUNWIRE_CODE", "false")  # no other run of this process asks for just that
    monkeypatch.delattr(os, "pipe2")
    with runwire.init(mode="offline") as run:
        until(lambda: told(run, "about"), "it is found out")


def test_of_a_file_that_is_very_large_only_that_it_changed_is_told(
    repository: Path, about: Callable[..., dict[str, Any]]
) -> None:
    """To compare it would take memory that the training may need."""
    file = repository / "jobs" / "data.txt"
    file.write_text("a line\n" * (2 << 20))
    _git(repository, "add", ".")
    _git(repository, "commit", "-m", "data")
    file.write_text("another\n" * (2 << 20))
    data = about(repository / "jobs" / "train.py")
    assert "Binary files a/jobs/data.txt and b/jobs/data.txt differ" in data["git_diff"]


def test_a_process_that_ends_at_once_leaves_nothing_behind(home: Path, train: Callable[..., Any]) -> None:
    """What is found out too late is for nobody, and no error either."""
    process = train("import os, runwire; runwire.init(id='short', mode='offline'); os._exit(0)")
    _, said = process.communicate(timeout=60)
    assert said == ""
    until(lambda: not _finding(home), "whoever finds out has ended")
    log = spools(home) / "shipper.log"
    assert log.read_text() == ""


def _finding(home: Path) -> list[str]:
    """The process ids of those who find out for runs of this home."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            command = (process / "cmdline").read_bytes().split(b"\0")
            environment = (process / "environ").read_bytes()
        except OSError:
            continue
        if b"runwire.surroundings" in command and str(home).encode() in environment:
            found.append(process.name)
    return found
