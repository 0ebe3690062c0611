"""An artifact's way, from a training process to a version, and back into a folder."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from parts import Pipeline, until

import runwire
from runwire.errors import ArtifactDamagedError, ArtifactNotFoundError, UnavailableError, UsageError
from runwire_storage.client import connect

WRITERS, EACH = 16, 4

_WRITER = """
import sys, runwire
number, each = int(sys.argv[1]), int(sys.argv[2])
run = runwire.init(project="versions", id="writers", rank=number, settings={"finish_timeout": 120})
for turn in range(each):
    artifact = runwire.Artifact("shared", type="model", metadata={"rank": number})
    with artifact.new_file("weights.bin", "wb") as file:
        file.write(f"{number} {turn // 2}".encode())  # each content is logged twice
    run.log_artifact(artifact, aliases=[f"rank-{number}"])
run.finish()
"""


def _runwire(up: Pipeline, *words: str) -> str:
    command = [sys.executable, "-m", "runwire", *words]
    environment = {**os.environ, "RUNWIRE_HOME": str(up.home), "COLUMNS": "120"}
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=True, timeout=60).stdout


def _rows(up: Pipeline, sql: str) -> list[tuple[object, ...]]:
    client = connect(up.clickhouse)
    rows = [tuple(row) for row in client.query(sql).result_rows]
    client.close()
    return rows


def test_what_was_logged_comes_back_to_the_byte(up: Pipeline, tmp_path: Path) -> None:
    """Files, folders, written files and tables, each stored once; later changes of the originals do not matter."""
    (tmp_path / "data" / "deep").mkdir(parents=True)
    model, weights = tmp_path / "model.pt", bytes(range(256)) * 8192
    model.write_bytes(weights)
    (tmp_path / "data" / "a.csv").write_text("1,2\n")
    (tmp_path / "data" / "deep" / "b.csv").write_text("3,4\n")
    with runwire.init("artifacts", dir=up.home) as run:
        artifact = runwire.Artifact(
            "whole", "model", "a text", {"accuracy": 0.25, "nan": float("nan"), "n": {"x.y": 1}}
        )
        artifact.add_file(model)
        artifact.add_file(model, "copies/the same.pt")
        artifact.add_dir(tmp_path / "data", "data")
        with artifact.new_file("notes/é.txt") as file:
            file.write("ü")
        artifact.add(runwire.Table(["a", "b"], [[1, "x"], [None, "y"]]), "table")
        model.write_bytes(b"changed")
        assert run.log_artifact(artifact, aliases=["best"]) is artifact
        artifact.wait(60)
        assert (artifact.version, artifact.aliases) == ("v0", ("best", "latest"))

        found = run.use_artifact("whole:best")
        assert (found.type, found.description, found.project) == ("model", "a text", "artifacts")
        assert found.metadata == {"accuracy": 0.25, "nan": "NaN", "n": {"x.y": 1}}
        folder = found.download(tmp_path / "there")
    there = {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    table = there.pop("table.table.json")
    assert there == {
        "model.pt": weights, "copies/the same.pt": weights, "data/a.csv": b"1,2\n", "data/deep/b.csv": b"3,4\n",
        "notes/é.txt": "ü".encode(),
    }  # fmt: skip
    assert json.loads(table) == {"columns": ["a", "b"], "data": [[1, "x"], [None, "y"]]}
    assert found.get("table").data == [[1, "x"], [None, "y"]]  # type: ignore[union-attr]
    assert found.size == sum(map(len, there.values())) + len(table)
    found.verify(folder)
    digest = hashlib.sha256(weights).hexdigest()
    assert len(list((up.home / "files").rglob(f"{digest}*"))) == 1

    (folder / "model.pt").write_bytes(b"broken")
    (folder / "data" / "a.csv").unlink()
    with pytest.raises(ArtifactDamagedError, match=r"2 files differ: data/a.csv is missing, model.pt was changed"):
        found.verify(folder)
    found.download(folder)
    found.verify(folder)
    assert found.file("data/a.csv", tmp_path / "one").read_text() == "1,2\n"
    assert [path.name for path in (tmp_path / "one").rglob("*")] == ["data", "a.csv"]
    with pytest.raises(UsageError, match=r"has no one file 'c\.csv': it has copies/the same\.pt, data/a\.csv"):
        found.file("c.csv", tmp_path)


def test_the_commands_show_and_fetch_it(up: Pipeline, tmp_path: Path) -> None:
    """Who made and used it, its versions, its files; and SQL does so, too."""
    with runwire.init("artifacts", dir=up.home) as run:
        (tmp_path / "model.pt").write_text("shown")
        run.log_artifact(tmp_path / "model.pt", "shown", "model", aliases=["best"]).wait(60)
        found = run.use_artifact("shown:best")
    digest = hashlib.sha256(b"shown").hexdigest()
    did = f"SELECT action, version FROM runwire.artifact_runs WHERE run = '{run.id}' ORDER BY seq"
    until(lambda: _rows(up, did) == [("logged", 0), ("used", 0)], "that it is used is stored")
    shown = json.loads(_runwire(up, "show", run.id, "--json"))["artifacts"]
    assert [(one["action"], one["name"], one["version"]) for one in shown] == [
        ("logged", "shown", 0),
        ("used", "shown", 0),
    ]
    assert "artifacts/shown:v0" in _runwire(up, "show", run.id)
    assert "best, latest" in _runwire(up, "artifacts", "show", "artifacts/shown")
    told = json.loads(_runwire(up, "artifacts", "show", "artifacts/shown:best", "--json"))
    assert {entry["path"]: entry["digest"] for entry in told["manifest"]}["model.pt"] == digest
    got = json.loads(_runwire(up, "artifacts", "get", "artifacts/shown:v0", "-o", str(tmp_path / "got"), "--json"))
    found.verify(got["folder"])
    assert "shown" in _runwire(up, "artifacts", "list", "artifacts")


def test_unchanged_content_is_no_new_version_and_aliases_move(up: Pipeline, tmp_path: Path) -> None:
    """Whoever logs it; `latest` is what was logged last, and `wait` knows of the aliases of its own logging."""
    versions = []
    with runwire.init("artifacts", dir=up.home) as run:
        for content, alias in (("1", "best"), ("2", "old"), ("1", "again"), ("3", "best")):
            path = tmp_path / "model.pt"
            path.write_text(content)
            artifact = run.log_artifact(path, name="moving", type="model", aliases=[alias, "latest"]).wait(60)
            assert {alias, "latest"} <= set(artifact.aliases)
            versions.append(artifact.version)
        assert versions == ["v0", "v1", "v0", "v2"]
        assert [run.use_artifact(f"moving:{word}").version for word in ("best", "old", "again", "latest")] == [
            "v2", "v1", "v0", "v2",
        ]  # fmt: skip
        promoted = run.log_artifact(run.use_artifact("moving:v0"), aliases=["prod"]).wait(60)
        assert promoted.version == run.use_artifact("moving:prod").version == "v0"


@pytest.mark.timeout(600)  # sixteen processes start, and a worker three times
def test_many_processes_at_once_get_each_number_once_whatever_is_killed(
    start_up: Callable[..., Pipeline], home: Path
) -> None:
    """Sixteen writers, and a worker that is killed meanwhile: v0, v1, … without a gap or a double, and all is there."""
    up = start_up(home)
    environment = {**os.environ, "RUNWIRE_HOME": str(up.home)}
    started = [
        subprocess.Popen([sys.executable, "-c", _WRITER, str(number), str(EACH)], env=environment)
        for number in range(WRITERS)
    ]
    count = "SELECT count() FROM runwire.stored_artifacts FINAL"
    for least in (2, 20, 40):
        until(lambda least=least: _rows(up, count)[0][0] >= least, f"{least} artifacts")  # type: ignore[misc,operator]
        up.kill("stream")
    assert [process.wait(240) for process in started] == [0] * WRITERS
    until(lambda: _rows(up, count) == [(WRITERS * EACH,)], "all of them")
    distinct = WRITERS * EACH // 2
    assert _rows(up, "SELECT version FROM runwire.artifacts ORDER BY version") == [(n,) for n in range(distinct)]
    assert _rows(up, "SELECT uniqExact(digest), max(place), uniqExact(place) FROM runwire.stored_artifacts FINAL") == [
        (distinct, WRITERS * EACH, WRITERS * EACH)
    ]
    with runwire.init("versions", dir=up.home) as run:
        for number in (0, WRITERS - 1):
            found = run.use_artifact(f"shared:rank-{number}")
            assert found.file("weights.bin", home / str(number)).read_text() == f"{number} {EACH // 2 - 1}"


def test_a_version_is_there_only_when_its_files_are(start_up: Callable[..., Pipeline], home: Path) -> None:
    """Its server away, it and its shipper killed: the rows went on, and the versions come whole, later, in order."""
    up = start_up(home)
    server = up.pid("server")
    os.kill(server, signal.SIGSTOP)
    code = """
import pathlib, runwire, sys
run = runwire.init(project="late", id="late")
for content in "ab":
    artifact = runwire.Artifact("model", "model")
    with artifact.new_file("model.pt", "wb") as file:
        file.write(content.encode() * 3_000_000)
    run.log_artifact(artifact)
run.log({"loss": 1.0})
print("logged", flush=True)
sys.stdin.read()
"""
    trainer = subprocess.Popen(
        [sys.executable, "-c", code], env={**os.environ, "RUNWIRE_HOME": str(home)}, stdin=subprocess.PIPE,
        stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert trainer.stdout is not None
    assert trainer.stdout.readline() == "logged\n"
    points = "SELECT count() FROM runwire.points WHERE run = 'late'"
    until(lambda: _rows(up, points) == [(1,)], "rows go on")
    trainer.kill()
    trainer.communicate()
    [status] = home.glob("spool/*/shipper.json")
    os.kill(json.loads(status.read_text())["pid"], signal.SIGKILL)
    assert _rows(up, "SELECT count() FROM runwire.stored_artifacts") == [(0,)]
    os.kill(server, signal.SIGCONT)
    _runwire(up, "sync")
    until(lambda: _rows(up, "SELECT count() FROM runwire.artifacts") == [(2,)], "both versions")
    with runwire.init("late", dir=home) as run:
        assert run.use_artifact("model:v0").file(root=home / "0").read_bytes() == b"a" * 3_000_000
        assert run.use_artifact("model").file(root=home / "1").read_bytes() == b"b" * 3_000_000
    until(lambda: not list(home.glob("spool/*/late")), "nothing is left of it")


def test_an_artifact_that_lacks_a_file_is_no_version_and_an_alert_says_so(up: Pipeline, tmp_path: Path) -> None:
    """Whoever changes a file that was to be immutable loses that artifact alone; what is logged anew is a version."""
    changed, whole = tmp_path / "changed.pt", tmp_path / "whole.pt"
    for path in (changed, whole):
        path.write_bytes(b"as it was logged")
    with runwire.init("lacking", dir=up.home, mode="offline") as run:
        for path in (changed, whole):
            path.write_text(path.name)
            artifact = runwire.Artifact(path.stem, "model")
            artifact.add_file(path, policy="immutable")
            run.log_artifact(artifact)
    changed.write_bytes(b"something else")
    _runwire(up, "sync")

    def told() -> list[dict[str, Any]]:
        alerts = json.loads(_runwire(up, "alerts", "ls", "--json"))
        return [alert for alert in alerts if alert["run"] == run.id]

    (alert,) = until(told, "an alert")
    assert alert["title"] == "The artifact lacking/changed was not stored"
    stored = "SELECT name FROM runwire.artifacts WHERE project = 'lacking'"
    until(lambda: _rows(up, stored) == [("whole",)], "the other one")
    with runwire.init("lacking", dir=up.home) as later:
        assert later.use_artifact("whole").version == "v0"
        with pytest.raises(ArtifactNotFoundError):
            later.use_artifact("changed")
        later.log_artifact(changed, "changed", "model").wait(60)
        assert later.use_artifact("changed:v0").file(root=tmp_path / "got").read_bytes() == b"something else"


def test_what_is_not_there_is_named_with_what_is_near(up: Pipeline) -> None:
    """In the one exception tree, from the server's answer."""
    with runwire.init("near", dir=up.home) as run:
        artifact = runwire.Artifact("digits-model", "model")
        with artifact.new_file("a") as file:
            file.write("a")
        run.log_artifact(artifact).wait(60)
        with pytest.raises(ArtifactNotFoundError) as raised:
            run.use_artifact("digit-model:v0")
        assert (
            str(raised.value) == "Artifact not found: project 'near' has no artifact 'digit-model'; near: digits-model"
        )
        with pytest.raises(ArtifactNotFoundError, match="has no version 'v7'; its newest: v0; its aliases: latest"):
            run.use_artifact("near/digits-model:v7")
        with pytest.raises(UsageError, match="digits-model:v0 is of type 'model', not 'dataset'"):
            run.use_artifact("digits-model", type="dataset")


def test_a_manifest_that_leads_out_of_the_folder_writes_nothing(up: Pipeline, tmp_path: Path) -> None:
    """Nor does a symbolic link in the folder: it is refused, and what lies outside stays as it is."""
    evil = json.dumps({"v": 1, "files": [["../out.txt", "0" * 64, 1]]}, separators=(",", ":")).encode()
    digest = hashlib.sha256(evil).hexdigest()
    put = urllib.request.Request(f"{up.server}/api/files/{digest}", evil, method="PUT")
    with urllib.request.urlopen(put):
        pass
    told = {
        "project": "p", "name": "evil", "version": 0, "type": "t", "description": "", "metadata": {}, "digest": digest,
        "files": 1, "size": 1, "aliases": [],
    }  # fmt: skip
    found = runwire.artifacts.Artifact.fetched(told, runwire.artifacts.remote.Remote(up.server))
    with pytest.raises(runwire.errors.WireError, match="no path of a file"):
        found.download(tmp_path / "root")
    with runwire.init("out", dir=up.home) as run:
        artifact = runwire.Artifact("linked", "model")
        with artifact.new_file("folder/a.txt") as file:
            file.write("a")
        run.log_artifact(artifact).wait(60)
    (tmp_path / "outside").mkdir()
    (tmp_path / "root").mkdir()
    (tmp_path / "root" / "folder").symlink_to(tmp_path / "outside")
    with pytest.raises(UsageError, match="a symbolic link leads there"):
        artifact.download(tmp_path / "root")
    assert list((tmp_path / "outside").iterdir()) == []


def test_a_server_that_lacks_a_file_says_which(up: Pipeline, tmp_path: Path) -> None:
    """Neither an empty nor a half file is left."""
    with runwire.init("lacking", dir=up.home) as run:
        artifact = runwire.Artifact("model", "model")
        with artifact.new_file("model.pt") as file:
            file.write("the only one of its kind")
        run.log_artifact(artifact).wait(60)
    digest = artifact.files()[0].digest
    [stored] = (up.home / "files").rglob(f"{digest}*")
    stored.unlink()
    with pytest.raises(UnavailableError, match=f"there is no file {digest}"):
        artifact.download(tmp_path / "root")
    assert not [path for path in (tmp_path / "root").rglob("*") if path.is_file()]
