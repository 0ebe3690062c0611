"""The docs say what is so: snippets run, commands exist, files are there, tables are complete."""

from __future__ import annotations

import dataclasses
import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from parts import Pipeline, until
from scrape import parse, scrape

import runwire as sdk
from runwire_server.local import home as homes

ROOT = Path(__file__).parents[2]
PAGES = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")]
ROOMS = ("producers", "storage", "stream", "alerting", "server")


def blocks(page: Path, language: str) -> list[str]:
    """Return the fenced blocks of a language."""
    return re.findall(rf"^```{language}\n(.*?)^```", page.read_text(), re.DOTALL | re.MULTILINE)


def runwire(*words: str, home: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run a command of ours."""
    env = {**os.environ, **({"RUNWIRE_HOME": str(home)} if home else {}), "COLUMNS": "200"}
    return subprocess.run(
        [sys.executable, "-m", "runwire", *words], env=env, capture_output=True, text=True, timeout=120, check=False
    )


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_file_that_a_page_names_exists(page: Path) -> None:
    """Links, and paths in code marks that begin with a folder of the repository."""
    text = page.read_text()
    links = [link.split("#")[0] for link in re.findall(r"\]\(([^)\s]+)\)", text) if "://" not in link]
    named = re.findall(rf"`((?:{'|'.join((*ROOMS, 'tests', 'bench', 'docs'))})/[^`*…<{{]*)`", text)
    missing = [link for link in links if link and not (page.parent / link).exists()]
    missing += [name for name in named if not (ROOT / name).exists()]
    assert not missing


def test_the_first_example_runs_as_it_stands(up: Pipeline) -> None:
    """The README's Python, with a loader, a step and a schedule around it, logs a run that finishes."""
    (example,) = blocks(ROOT / "README.md", "python")
    around = "loader = range(50)\ntrain = lambda batch: 1 / (1 + batch)\nschedule = lambda step: 0.1\n"
    told = "\nprint(runwire.init.__module__)"
    done = subprocess.run(
        [sys.executable, "-c", around + example + told],
        env={**os.environ, "RUNWIRE_HOME": str(up.home), "RUNWIRE_RUN_ID": "readme"},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stdout == "runwire\n"
    shown = json.loads(runwire("show", "readme", "--json", home=up.home).stdout)
    assert shown["project"] == "digits"
    assert {metric["metric"] for metric in shown["metrics"]} == {"train/loss", "train/lr"}


@pytest.mark.parametrize("number", range(len(blocks(ROOT / "docs" / "sdk.md", "python"))))
def test_every_example_of_the_sdk_runs_as_it_stands(number: int, tmp_path: Path) -> None:
    """Without a pipeline, with nothing to say but that, and with exit code 0."""
    example = blocks(ROOT / "docs" / "sdk.md", "python")[number]
    env = {**os.environ, "RUNWIRE_HOME": str(tmp_path), "RUNWIRE_MODE": "offline"}
    done = subprocess.run(
        [sys.executable, "-c", example], env=env, capture_output=True, text=True, timeout=60, check=True
    )
    assert [line for line in done.stderr.splitlines() if "wait in" not in line] == []


def test_the_whole_training_runs_as_it_stands(up: Pipeline, tmp_path: Path) -> None:
    """With a model, loaders and samples around it; and the pipeline then has all that it logged."""
    (example,) = blocks(ROOT / "docs" / "training.md", "python")
    around = """
model = train_loader = val_loader = None
samples = [("3 + 4", "7", "7"), ("2 + 2", "5", "4")]
train_epoch = lambda model, loader: 0.5
validate = lambda model, loader: (0.25, 0.875)
open("model.pt", "wb").write(b"weights")
"""
    env = {**os.environ, "RUNWIRE_HOME": str(up.home), "RUNWIRE_RUN_ID": "whole-training"}
    command = [sys.executable, "-c", around + example]
    done = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr

    def show() -> Any:
        return json.loads(runwire("show", "whole-training", "--json", home=up.home).stdout)

    shown = until(lambda: now if (now := show())["artifacts"] and now["alerts"] else None, "artifact and alert")
    assert (shown["name"], shown["project"], shown["state"]) == ("transformer-v2", "production-model", "finished")
    assert (shown["config"]["epochs"], shown["tags"]) == (10, ["production", "transformer"])
    metrics = {metric["metric"]: metric["last"] for metric in shown["metrics"]}
    assert metrics == {"train/loss": 0.5, "val/loss": 0.25, "val/accuracy": 0.875, "epoch": 9.0}
    (alert,) = shown["alerts"]
    assert (alert["title"], alert["text"], alert["severity"]) == ("Training Complete", "Final accuracy: 0.8750", "info")
    tables = json.loads(runwire("table", "whole-training", "--json", home=up.home).stdout)
    assert [(table["name"], table["rows"]) for table in tables] == [("predictions", 2)] * 2
    version = ("artifacts", "show", "production-model/model:latest", "--json")
    artifact = json.loads(runwire(*version, home=up.home).stdout)
    assert (artifact["version"], artifact["metadata"]) == (0, {"accuracy": 0.875})
    assert [entry["path"] for entry in artifact["manifest"]] == ["model.pt"]
    got = runwire("artifacts", "get", "production-model/model:v0", "-o", str(tmp_path / "got"), home=up.home)
    assert got.returncode == 0, got.stderr
    assert (tmp_path / "got" / "model.pt").read_bytes() == b"weights"


def test_every_setting_is_documented() -> None:
    """The table of docs/sdk.md lists the settings that there are, with their defaults."""
    table = (ROOT / "docs" / "sdk.md").read_text().split("## Settings")[1]
    written = dict(re.findall(r"^\| `(\w+)` \| `?\"?(\w+)\"?`? \|", table, re.MULTILINE))
    settings = dataclasses.fields(sdk.Settings)
    assert written == {
        field.name: f"{field.default:g}" if isinstance(field.default, float) else str(field.default).lower()
        for field in settings
    }


def commands() -> list[str]:
    """Return every `runwire …` line of the pages' console blocks, without its remark, and compose.yaml's commands."""
    lines = (line for page in PAGES for block in blocks(page, "console") for line in block.splitlines())
    shown = {line.removeprefix("$ ").split(" #")[0].strip() for line in lines if line.startswith("$ runwire ")}
    composed = re.findall(r"command: \[(.*)\]", (ROOT / "compose.yaml").read_text())
    return sorted(shown | {f"runwire {words.replace(',', '').replace(chr(34), '')}" for words in composed})


@pytest.mark.parametrize("command", commands())
def test_every_command_that_the_docs_show_has_the_options_shown(command: str) -> None:
    """Command, subcommand and flags stand in its help."""
    words = shlex.split(command)[1:]
    groups = {"topics", "dead-letter", "import", "artifacts", "alerts", "rules", "files"}
    name = words[:2] if words[0] in groups else words[:1]
    asked = runwire(*name, "--help")
    assert asked.returncode == 0, asked.stderr
    assert [flag for flag in words if flag.startswith("-") and flag not in asked.stdout] == []


def test_every_query_of_the_docs_runs(up: Pipeline) -> None:
    """The SQL of the docs is answered by the views as they are."""
    for query in blocks(ROOT / "docs" / "sql.md", "sql")[0].splitlines():
        done = runwire("sql", query, "--json", home=up.home)
        assert done.returncode == 0, f"{query}: {done.stderr}"
        assert isinstance(json.loads(done.stdout), list)


_VIEWS = [
    "points", "runs", "alerts", "tables", "table_rows", "media", "artifacts", "artifact_aliases", "artifact_runs",
    "texts", "console",
]  # fmt: skip


@pytest.mark.parametrize("view", _VIEWS)
def test_the_docs_list_each_views_columns(view: str, up: Pipeline) -> None:
    """Names, order and types of docs/sql.md are those that the engine tells."""
    section = (ROOT / "docs" / "sql.md").read_text().split(f"### {view}\n")[1].split("###")[0]
    written = re.findall(r"^\| `(\w+)` \| ([^|]+?) \|", section, re.MULTILINE)
    told = json.loads(runwire("sql", f"DESCRIBE {view}", "--json", home=up.home).stdout)
    assert written == [(row["name"], row["type"]) for row in told]


def test_every_variable_is_documented_and_every_documented_one_is_read() -> None:
    """docs/operations.md lists the RUNWIRE_ variables that the code reads."""
    code = "".join(path.read_text() for room in ROOMS for path in (ROOT / room).rglob("*.py"))
    read = set(re.findall(r"[\"`]RUNWIRE_[A-Z_]+[A-Z]\b", code))
    documented = set(re.findall(r"`RUNWIRE_[A-Z_]+[A-Z]\b", (ROOT / "docs" / "operations.md").read_text()))
    internal = {"RUNWIRE_READY_FD"}  # from the supervisor to its programs
    names = {name.strip('"`') for name in read} - internal
    missing = names - {name.strip("`") for name in documented}
    assert missing == set()


def test_the_docs_list_every_metric_and_no_other(up: Pipeline) -> None:
    """Names, kinds and labels of the table in docs/operations.md are what the programs and the shipper's file tell."""
    train = "import runwire; run = runwire.init(id='told'); run.log({'loss': 1.0}); run.finish()"
    env = {**os.environ, "RUNWIRE_HOME": str(up.home)}
    subprocess.run([sys.executable, "-c", train], env=env, check=True, timeout=60)
    up.wait_for_run("told")
    programs = {row["name"]: row["address"] for row in homes.state(up.home)["programs"]}
    told = [scrape(programs[name]) for name in ("stream", "alerting", "server", "clickhouse")]
    told += [parse(file.read_text()) for file in up.home.glob("spool/*/shipper.prom")]
    ours = ("runwire_", "ClickHouse")
    kinds = {name: kind for one in told for name, kind in one.kinds.items() if name.startswith(ours)}
    table = (ROOT / "docs" / "operations.md").read_text().split("| metric | kind | by |")[1]
    rows = re.findall(r"^\| `(\w+)` \| (\w+) \| ([\w, ]*?) ?\|", table, re.MULTILINE)
    assert {name: kind for name, kind, _ in rows} == kinds
    written = {name: set(re.findall(r"\w+", labels)) for name, _, labels in rows}
    for one in told:
        for name, labels, _ in one.samples:
            name_of = name if name in kinds else re.sub("_(count|sum|bucket)$", "", name)
            if name_of in kinds:
                assert labels.keys() - {"le"} == written[name_of], name
