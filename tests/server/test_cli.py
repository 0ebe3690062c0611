"""The command line, run as users run it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import serving

COMMANDS = [
    ["up"], ["down"], ["status"], ["demo"], ["login"], ["sync"], ["version"], ["runs"], ["show"], ["export"],
    ["alerts", "ls"], ["alerts", "show"], ["alerts", "ack"], ["alerts", "silence"], ["rules", "ls"], ["rules", "lint"],
    ["rules", "apply"], ["rules", "show"], ["sql"], ["importance"], ["ranks"], ["table"], ["delete"], ["retention"],
    ["import", "jsonl"], ["import", "tensorboard"], ["kafka"], ["clickhouse"], ["stream"], ["alerting"], ["server"],
    ["topics", "create"], ["topics", "expand"], ["topics", "peek"], ["dead-letter", "ls"], ["dead-letter", "show"],
    ["dead-letter", "replay"],
]  # fmt: skip


@pytest.fixture(scope="module")
def server(clickhouse: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[serving.Server]:
    with serving.filled(clickhouse, tmp_path_factory.mktemp("server")) as server:
        yield server


def runwire(*argv: str, server: str | None = None, home: Path | None = None) -> subprocess.CompletedProcess[str]:
    env = {name: value for name, value in os.environ.items() if not name.startswith("RUNWIRE_")}
    env |= {"RUNWIRE_SERVER": server} if server else {}
    env |= {"RUNWIRE_HOME": str(home or "/nonexistent"), "XDG_CONFIG_HOME": "/nonexistent", "COLUMNS": "160"}
    command = [sys.executable, "-m", "runwire", *argv]
    return subprocess.run(command, capture_output=True, text=True, check=False, env=env, timeout=120)


def done(*argv: str, server: serving.Server) -> str:
    result = runwire(*argv, server=server.url)
    assert result.returncode == 0, result.stderr
    assert result.stderr == ""
    return result.stdout


def failed(result: subprocess.CompletedProcess[str], code: int, *words: str) -> None:
    """A command that fails says why on stderr, in words and not by a traceback."""
    assert result.returncode == code, result.stderr
    assert result.stdout == ""
    assert result.stderr.startswith("error: ")
    for word in words:
        assert word in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_every_command_helps_by_an_example(command: list[str]) -> None:
    """``--help`` says what a command does and shows it used."""
    result = runwire(*command, "--help")
    assert result.returncode == 0
    assert "example" in result.stdout
    assert f"runwire {' '.join(command)}" in result.stdout


def test_help_lists_every_command() -> None:
    """``runwire --help`` names each of them."""
    listed = runwire("--help").stdout
    for command in COMMANDS:
        assert f" {command[0]} " in listed


def test_runs_are_listed_for_people_and_for_machines(server: serving.Server) -> None:
    """A table that names the run, and the same as a JSON array."""
    assert serving.RUN in done("runs", "--project", serving.PROJECT, server=server)
    [run] = json.loads(done("runs", "--project", serving.PROJECT, "--json", server=server))
    assert run["id"] == serving.RUN
    assert run["summary"]["lr"] == 0.1
    assert done("runs", "--project", "none", server=server) == "no runs\n"
    assert done("runs", "--project", "none", "--json", server=server) == "[]\n"


def test_runs_are_filtered_and_sorted(server: serving.Server) -> None:
    """A filter and keys, one of which begins with a minus; how many there are beyond those shown; what is wrong."""
    mine = f"project = {serving.PROJECT}"
    [run] = json.loads(done("runs", f"{mine} and nonfinite(train/loss) = 1", "--sort", "-lr", "--json", server=server))
    assert run["id"] == serving.RUN
    assert done("runs", f"{mine} and isnan(lr)", server=server) == "no runs\n"
    assert done("runs", mine, "--offset", "3", server=server) == "no more runs: there are 1\n"
    failed(runwire("runs", "state =", server=server.url), 2, "at 8: expected a text after =", "quoted")
    failed(runwire("runs", "--sort", "name state", server=server.url), 2, "at 6: expected ,")


@pytest.mark.parametrize("word", [serving.RUN, "served-ot", serving.NAME])
def test_show_draws_the_curve_and_tells_of_the_nan(server: serving.Server, word: str) -> None:
    """A run by id, prefix or name: its config, its alert, a plot, and where the first NaN is."""
    text = done("show", word, server=server)
    assert "layers" in text
    assert "nonfinite" in text
    assert f"1 NaN; the first at step {serving.NAN_STEP:,}" in text
    assert "│" in text
    assert "train/loss  (5,000 points)" in text


def test_show_as_json_holds_metrics_and_alerts(server: serving.Server) -> None:
    """One object: the run, its metrics, its alerts."""
    shown = json.loads(done("show", serving.NAME, "--json", server=server))
    assert shown["id"] == serving.RUN
    assert [metric["metric"] for metric in shown["metrics"]] == ["lr", "train/loss"]
    assert shown["alerts"][0]["value"] == "NaN"


def test_alerts_are_listed(server: serving.Server) -> None:
    """Those of a run, firing or not, as a table and as JSON."""
    assert "train/loss is NaN" in done("alerts", "ls", serving.NAME, server=server)
    [alert] = json.loads(done("alerts", "ls", serving.RUN, "--firing", "--json", server=server))
    assert alert["step"] == serving.NAN_STEP


def test_ranks_names_who_differs(clickhouse: str, server: serving.Server) -> None:
    """A straggler among five ranks is named with how far it is from the others; without one nobody is."""
    serving.log_ranks(clickhouse, "ranked", [1.0, 1.01, 0.99, 1.0, 1.8])
    shown = done("ranks", "ranked", "step_seconds", server=server)
    assert "5 ranks, 1 differ" in shown
    assert re.search(r"4\s+high", shown)
    [outlier] = json.loads(done("ranks", "ranked", "step_seconds", "--json", server=server))["outliers"]
    assert (outlier["rank"], outlier["why"], outlier["step"]) == (4, "high", 0)
    assert "1 ranks, 0 differ" in done("ranks", serving.RUN, "lr", server=server)
    assert "no rank" in done("ranks", serving.RUN, "nothing", server=server)


def test_sql_prints_row_objects(server: serving.Server) -> None:
    """``--json`` gives an array of objects, NaN as a string; the default is a table."""
    of = f"run = '{serving.RUN}' AND metric = 'train/loss' AND step = {serving.NAN_STEP}"
    sql = f"SELECT step, value FROM points WHERE {of}"
    assert json.loads(done("sql", sql, "--json", server=server)) == [{"step": serving.NAN_STEP, "value": "NaN"}]
    assert "1 row in" in done("sql", sql, server=server)
    assert done("sql", "SELECT 1 WHERE 0", "--json", server=server) == "[]\n"


def test_what_cannot_be_had_is_said_in_words(server: serving.Server, tmp_path: Path) -> None:
    """Unknown runs and metrics, SQL that writes, no server: a sentence, what to do, and the exit code."""
    failed(runwire("show", "nobody", server=server.url), 2, "no run 'nobody'", "runwire runs")
    failed(runwire("show", serving.RUN, "-m", "none", server=server.url), 2, "no metric none", "train/loss")
    failed(runwire("sql", "DROP TABLE stored_points", server=server.url), 2, "may only read")
    failed(runwire("runs", "--state", "odd", server=server.url), 2, "state")
    failed(runwire("runs", server="http://127.0.0.1:1"), 1, "does not answer", "runwire up -d", "RUNWIRE_SERVER")
    failed(runwire("runs", home=tmp_path), 2, "nothing says where the Runwire server is", "runwire up -d")
    failed(runwire("runs", server="nonsense"), 2, "RUNWIRE_SERVER")
    failed(runwire("stream", home=tmp_path), 2, "nothing says where Kafka is", "RUNWIRE_KAFKA")
    unknown = runwire("frobnicate")
    assert unknown.returncode == 2
    assert "frobnicate" in unknown.stderr
    assert "Traceback" not in unknown.stderr


def test_a_taken_port_is_said_in_words(server: serving.Server) -> None:
    """A second server on the same port names it and the flag."""
    port = server.url.rpartition(":")[2]
    failed(runwire("server", "--clickhouse", "http://127.0.0.1:1", "--port", port), 2, f"127.0.0.1:{port}", "--port")


def test_a_reader_that_has_seen_enough_is_no_error(server: serving.Server) -> None:
    """``runwire sql … | head -1`` ends quietly."""
    command = f"{sys.executable} -m runwire sql 'SELECT number FROM numbers(10000)' --json | head -c 1"
    env = {**os.environ, "RUNWIRE_SERVER": server.url}
    result = subprocess.run(command, shell=True, capture_output=True, text=True, check=False, env=env, timeout=60)
    assert (result.stdout, result.stderr) == ("[", "")


def test_topics_are_peeked_into(kafka: str) -> None:
    """The newest records of a topic come decoded; a topic that is not there is said."""
    from kafka import KafkaProducer

    from runwire.wire import EVENTS, Event

    producer = KafkaProducer(bootstrap_servers=kafka)
    for seq in range(3):
        event = Event("config", "peeked", 0, seq, 1, {"seen": seq})
        producer.send(EVENTS, event.encode(), b"peeked").get(30)
    producer.close()
    found = json.loads(runwire("topics", "peek", EVENTS, "-n", "2", "--kafka", kafka, "--json").stdout)
    assert [record["value"]["data"]["seen"] for record in found if record["key"] == "peeked"] == [1, 2]
    failed(runwire("topics", "peek", "none", "--kafka", kafka), 2, "no topic none", EVENTS)
    assert runwire("dead-letter", "ls", "--kafka", kafka).returncode == 0


def test_a_programs_command_loads_only_what_it_runs() -> None:
    """The stream does not carry a web server, nor does listing runs; both would pay for it in memory and time."""
    heavy = {"fastapi", "uvicorn", "numpy", "rich", "plotext", "kafka", "clickhouse_connect"}
    code = f"import sys; from runwire_server.cli import app; print(sorted({heavy} & set(sys.modules)))"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout == "[]\n"
