"""`runwire import`: what other tools logged becomes a run."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from parts import Pipeline, until
from producers.spooled import logged

from runwire_storage.client import connect

_LINES = [
    '{"_step": 0, "_timestamp": 1700000000.5, "loss": 1.5, "train": {"acc": 0.25}}',
    '{"_step": 10, "_timestamp": 1700000001.5, "loss": NaN, "epoch": 1}',
    "",
    "no json",
    "[1, 2]",
    '{"_step": 5, "_timestamp": 1700000002.5, "loss": 0.1}',
]


def _import(*words: str, home: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "runwire", "import", "jsonl", *words]
    env = {**os.environ, "RUNWIRE_HOME": str(home), **environment}
    return subprocess.run(command, env=env, capture_output=True, text=True, check=False, timeout=60)


def test_lines_of_json_become_a_run_with_their_steps_and_times(up: Pipeline, tmp_path: Path) -> None:
    """What is no object is named and left out, and the exit code says so."""
    path = tmp_path / "history.jsonl"
    path.write_text("\n".join(_LINES))
    done = _import(str(path), "--project", "old", "--json", home=up.home)
    assert done.returncode == 1
    assert f"{path}:4: no JSON object: left out\n{path}:5: no JSON object: left out" in done.stderr
    (told,) = json.loads(done.stdout)
    assert told == {"file": str(path), "run": told["run"], "rows": 3, "unreadable": 2}
    client = connect(up.clickhouse)
    sql = "SELECT metric, step, toString(value) FROM runwire.points WHERE run = {run:String} ORDER BY metric, step"
    until(lambda: len(client.query(sql, {"run": told["run"]}).result_rows) == 5, "all points")
    assert client.query(sql, {"run": told["run"]}).result_rows == [
        ("epoch", 10, "1"), ("loss", 0, "1.5"), ("loss", 5, "0.1"), ("loss", 10, "nan"), ("train/acc", 0, "0.25"),
    ]  # fmt: skip
    sql = "SELECT toUnixTimestamp64Milli(ts) FROM runwire.steps WHERE run = {run:String} ORDER BY step"
    times = client.query(sql, {"run": told["run"]}).result_rows
    assert times == [(1700000000500,), (1700000002500,), (1700000001500,)]
    sql = "SELECT project, name, state FROM runwire.runs WHERE id = {run:String}"
    until(lambda: client.query(sql, {"run": told["run"]}).result_rows == [("old", "history", "finished")], "its end")
    client.close()


def test_keys_can_be_named_and_a_file_is_a_run(tmp_path: Path) -> None:
    """Without a pipeline it waits in the home, as any run."""
    for name in "ab":
        (tmp_path / f"{name}.jsonl").write_text('{"it": 7, "when": 3.5, "step": 2}\n{"x": 1}\n')
    files = [str(tmp_path / f"{name}.jsonl") for name in "ab"]
    done = _import(*files, "--step", "it", "--time", "when", "--json", home=tmp_path / "home", RUNWIRE_MODE="offline")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert [(one["file"], one["rows"], one["unreadable"]) for one in told] == [(file, 2, 0) for file in files]
    assert len({one["run"] for one in told}) == 2


def test_a_step_that_is_none_is_said_and_the_line_kept(tmp_path: Path) -> None:
    """At the next step, as log() does; a whole number is one, however it is written."""
    path = tmp_path / "history.jsonl"
    path.write_text("".join(f'{{"step": {step}, "x": 1}}\n' for step in ("4.0", "Infinity", "7.5", "1e300")))
    done = _import(str(path), "--id", "r", "--json", home=tmp_path / "home", RUNWIRE_MODE="offline")
    assert done.returncode == 0, done.stderr
    assert "step inf is a float, not an int64: the values are logged at the next step" in done.stderr
    (folder,) = (tmp_path / "home").glob("spool/*/r/0/*")
    assert [step for step, _ in logged(folder)] == [4, 5, 6, 7]


def test_what_cannot_be_imported_is_said(tmp_path: Path) -> None:
    """A file that is not there, and an id for two files."""
    done = _import(str(tmp_path / "none"), home=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert "none cannot be read: No such file or directory" in done.stderr
    done = _import("a", "b", "--id", "r", home=tmp_path)
    assert done.returncode == 2
    assert "--id names one run, and there are 2 files" in done.stderr
