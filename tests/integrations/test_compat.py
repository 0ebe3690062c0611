"""``import wandb`` under ``runwire.compat``: what it brings, and what it says of what it has not."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from producers.spooled import logged, parts, told
from programs import ran

import runwire
from runwire import compat


def test_a_program_written_for_wandb_runs_unchanged(tmp_path: Path) -> None:
    """Config, steps, summary, tables, tags and metrics' definitions are stored as what they are in Runwire."""
    code = """
import sys
import numpy, pandas
import wandb
from wandb.sdk.wandb_run import Run

assert sys.argv[1:] == ["--epochs", "2"] and __name__ == "__main__"
run = wandb.init(project="old", name="program", config={"lr": 0.1, "secret": 1}, config_exclude_keys=["secret"],
                 tags=["a"], anonymous="allow", settings=wandb.Settings(start_method="thread"))
assert isinstance(run, Run) and wandb.run is run and wandb.init() is run
wandb.define_metric("val/*", step_metric="epoch", summary="min,max")
wandb.config.update({"lr": 0.2}, allow_val_change=True)
for epoch in range(2):
    wandb.log({"train/loss": 1.0}, commit=False)
    wandb.log({"val/loss": 0.5, "epoch": epoch, "note": "fine"})
wandb.log({"late": 7}, step=9)
wandb.log({"open": 1}, commit=False)
wandb.log({})
wandb.log({"closed": 1})
wandb.log({"frame": pandas.DataFrame({"x": [1, 2]})})
wandb.log({"chart": wandb.plot.bar(wandb.Table(data=[["a", 1]], columns=["k", "v"]), "k", "v", title="t")})
wandb.log({"images": [wandb.Image(numpy.zeros((2, 2, 3), "uint8"), "RGB", "black", file_type="png")],
           "histogram": wandb.Histogram(np_histogram=([1, 2], [0, 1, 2]))})
wandb.run.tags += ("b",)
wandb.run.summary["best"] = 0.5
assert dict(wandb.summary) == {"train/loss": 1.0, "val/loss": 0.5, "epoch": 1, "late": 7, "open": 1, "closed": 1,
                               "note": "fine", "best": 0.5}
wandb.alert("title", "text")
wandb.finish()
assert wandb.run is None
"""
    (spool,) = ran(code, tmp_path, "--epochs", "2")
    assert logged(spool) == [
        (0, {"train/loss": 1.0}),
        (0, {"val/loss": 0.5, "epoch": 0.0}),
        (1, {"train/loss": 1.0}),
        (1, {"val/loss": 0.5, "epoch": 1.0}),
        (9, {"late": 7.0}),
        (9, {"open": 1.0}),
        (10, {"closed": 1.0}),
    ]
    (start,) = told(spool, "start")
    assert (start["project"], start["name"], start["tags"], start["config"]) == ("old", "program", ["a"], {"lr": 0.1})
    assert told(spool, "config") == [{"lr": 0.2}]
    assert told(spool, "summary")[-1] == {"best": 0.5}
    assert told(spool, "metric") == [{"val/loss": {"step_metric": "epoch", "summary": "min"}}]
    assert told(spool, "tags")[-1]["tags"] == ["a", "b"]
    assert [(table.key, table.rows) for table in parts(spool)] == [("frame", [[1], [2]]), ("chart_table", [["a", 1]])]
    media = [(one["key"], one["kind"], one["caption"]) for one in told(spool, "media")]
    assert media == [("chart", "plot", "t"), ("images", "image", "black"), ("histogram", "histogram", "")]
    assert told(spool, "alert") == [{"title": "title", "text": "text", "level": "INFO"}]
    assert told(spool, "finish") == [{"exit_code": 0}]


def test_the_environment_says_what_wandbs_would(tmp_path: Path) -> None:
    """Project, name, id, tags and the rest are taken from WANDB_ variables; arguments go before them."""
    said = {
        "WANDB_PROJECT": "by-environment",
        "WANDB_NAME": "name",
        "WANDB_RUN_ID": "an-id",
        "WANDB_TAGS": "x,y",
        "WANDB_RUN_GROUP": "group",
        "WANDB_NOTES": "notes",
        "WANDB_MODE": "dryrun",
        "RUNWIRE_MODE": "online",
    }
    code = "import wandb; run = wandb.init(notes='argument'); assert run.id == 'an-id' and run.offline"
    (spool,) = ran(code, tmp_path, **said)
    (start,) = told(spool, "start")
    assert {key: start[key] for key in ("project", "name", "tags", "group", "notes")} == {
        "project": "by-environment",
        "name": "name",
        "tags": ["x", "y"],
        "group": "group",
        "notes": "argument",
    }


def test_a_disabled_run_records_nothing(tmp_path: Path) -> None:
    """By WANDB_DISABLED, as by ``mode``, and every call is taken as ever."""
    code = "import wandb; wandb.init(); wandb.log({'x': 1}); wandb.finish()"
    assert ran(code, tmp_path, WANDB_DISABLED="true") == []


def test_processes_of_a_program_import_the_same_wandb(tmp_path: Path) -> None:
    """Spawned workers and other Python programs find Runwire's, too."""
    code = """
import multiprocessing, subprocess, sys

def version():
    import wandb
    return wandb.__version__

if __name__ == "__main__":
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        assert pool.apply(version).endswith("+runwire")
    code = "import wandb; print(wandb.__version__)"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert told.stdout.endswith("+runwire\\n")
"""
    ran(code, tmp_path)


def test_libraries_that_look_for_wandb_find_it(tmp_path: Path) -> None:
    """By its spec, by its version, and by its submodules."""
    code = """
import importlib.metadata, importlib.util
assert importlib.util.find_spec("wandb").origin.endswith("compat/on-path/wandb/__init__.py")
import wandb
assert importlib.metadata.version("wandb") == wandb.__version__
import wandb.sdk.lib.config_util
from wandb.sdk.data_types.base_types.wb_value import WBValue
assert importlib.util.find_spec("wandb.sdk") is not None
assert issubclass(wandb.sdk.lib.config_util.ConfigError, wandb.Error)
"""
    ran(code, tmp_path)


def test_what_runwire_has_nothing_for_is_said_where_it_is_used(tmp_path: Path) -> None:
    """By an error that names it, and that ``hasattr`` takes for what it is."""
    code = """
import wandb
assert not hasattr(wandb, "sweep")
try:
    wandb.Api()
except wandb.Error as error:
    assert "wandb.Api is not there" in str(error), error
try:
    wandb.init(fork_from="run?_step=3")
except wandb.UsageError as error:
    assert "wandb.init(fork_from=…)" in str(error), error
try:
    wandb.log({"x": 1})
except wandb.Error as error:
    assert "call wandb.init() before wandb.log()" in str(error), error
"""
    ran(code, tmp_path)


def test_installed_it_holds_from_then_on() -> None:
    """``runwire.compat.install()`` is for this process and those that it starts; twice is as once."""
    code = """
import os, sys, runwire.compat
runwire.compat.install()
runwire.compat.install()
import wandb
assert wandb.__version__.endswith("+runwire")
assert sys.path.count(str(runwire.compat.PATH)) == 1 == os.environ["PYTHONPATH"].count(str(runwire.compat.PATH))
"""
    done = subprocess.run(
        [sys.executable, "-c", code], env=dict(os.environ), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_another_wandb_that_was_imported_before_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error says which, and what to do."""
    (tmp_path / "wandb.py").write_text("")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "wandb", raising=False)
    __import__("wandb")
    with pytest.raises(runwire.errors.UsageError, match=r"wandb was imported already, from .*wandb.py: call runwire"):
        compat.install()
    monkeypatch.delitem(sys.modules, "wandb")


def test_without_a_program_the_usage_is_told() -> None:
    """On stderr and with exit code 2, as of any program."""
    done = subprocess.run([sys.executable, "-m", "runwire.compat"], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith("usage: python -m runwire.compat SCRIPT")
