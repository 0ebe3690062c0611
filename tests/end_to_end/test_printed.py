"""Console output's way, from a training process to the API and the commands."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from parts import Pipeline, until
from producers.conftest import shipper

from runwire_storage.client import connect

LINES = 20_000
_PROGRAM = """
import logging, os, runwire, sys, time
logging.getLogger("runwire").setLevel("CRITICAL")  # which says that the shipper was killed
run = runwire.init(id=sys.argv[1], resume="allow")
for i in range(int(sys.argv[2])):
    os.write(1, b"line %d\\n" % i)
os.write(2, b"\\rstep 1")
time.sleep(1.5)
os.write(2, b"\\rstep 2")
print("ready", flush=True)
sys.stdin.readline()
os.write(1, b"the last words")
os.kill(os.getpid(), 9)
"""


def _train(up: Pipeline, run: str, count: int) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", _PROGRAM, run, str(count)],
        env={**os.environ, "RUNWIRE_HOME": str(up.home)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )


def _ask(up: Pipeline, run: str, **words: Any) -> Any:
    with urllib.request.urlopen(f"{up.server}/api/runs/{run}/console?{urlencode(words)}") as reply:
        return json.loads(reply.read())


def _texts(answer: Any, *streams: str) -> list[str]:
    return [line["text"] for line in answer["lines"] if line["stream"] in streams]


def _runwire(up: Pipeline, *words: str) -> str:
    command = [sys.executable, "-m", "runwire", *words]
    environment = {**os.environ, "RUNWIRE_HOME": str(up.home)}
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=True, timeout=60).stdout


def test_every_line_arrives_whatever_is_killed(start_up: Callable[..., Pipeline], home: Path) -> None:
    """Training, shipper, stream and store are killed while it prints: each line is there, once, with its last text."""
    up = start_up(home)
    process = _train(up, "printed", LINES)
    assert process.stdout is not None
    until(lambda: (pid := shipper(up.home)) and os.kill(pid, signal.SIGKILL) is None, "the shipper is killed")
    assert [*iter(process.stdout.readline, "ready\n")][-1] == f"line {LINES - 1}\n"
    up.kill("stream")
    up.kill("clickhouse")
    up.pid("clickhouse")
    until(lambda: (pid := shipper(up.home)) and os.kill(pid, signal.SIGKILL) is None, "the next shipper is killed")
    up.wait_for_run("printed")
    follower = subprocess.Popen(
        [sys.executable, "-m", "runwire", "console", "printed", "--follow", "-n", "1"],
        env={**os.environ, "RUNWIRE_HOME": str(up.home)},
        stdout=subprocess.PIPE,
        text=True,
    )
    process.communicate("\n")
    # Nobody is there any more to start a shipper: whoever comes next does, and delivers what waits.
    _runwire(up, "sync")
    until(lambda: "the last words" in _texts(_ask(up, "printed", limit=10), "stdout"), "the last words")

    expected = [f"line {number}" for number in range(LINES)] + ["ready", "the last words"]
    found, before = [], {}
    while (part := _ask(up, "printed", limit=9000, **before))["lines"]:
        found[:0] = part["lines"]
        before = {"before": part["first"]}
    assert _texts({"lines": found}, "stdout") == expected
    assert _texts({"lines": found}, "stderr") == ["step 2"]
    assert [line["n"] for line in found] == list(range(len(found)))
    assert "the last words\n" in follower.communicate(timeout=100)[0]

    assert _texts(_ask(up, "printed", search="LAST w"), "stdout") == ["the last words"]
    new = _ask(up, "printed", rank=0, after=0, limit=3)
    assert _texts(new, "stdout") == ["line 0", "line 1", "line 2"]
    assert _texts(_ask(up, "printed", rank=0, after=new["last"], limit=1), "stdout") == ["line 3"]
    assert _runwire(up, "console", "printed", "-n", "2").splitlines()[-1] == "the last words"
    sql = "SELECT count() AS n FROM console WHERE run = 'printed' AND text LIKE 'line %'"
    assert json.loads(_runwire(up, "sql", sql, "--json")) == [{"n": LINES}]


def test_attempts_and_ranks_are_told_apart_and_all_of_it_can_be_deleted(up: Pipeline) -> None:
    """A resumed run's lines come behind the first one's, another rank's stand apart, and a deleted run has none."""
    for index, rank in enumerate((0, 1, 0)):
        program = f"import runwire\nwith runwire.init(id='parts', rank={rank}): print('begin {index}'); print('end')"
        subprocess.run([sys.executable, "-c", program], env={**os.environ, "RUNWIRE_HOME": str(up.home)}, check=True)
    until(lambda: len(_ask(up, "parts", rank=0)["lines"]) == 4, "all lines")
    until(lambda: len(_ask(up, "parts", rank=1)["lines"]) == 2, "all lines of the other rank")
    answer = _ask(up, "parts")
    assert (answer["rank"], answer["ranks"]) == (0, [0, 1])
    assert [(line["n"], line["text"]) for line in answer["lines"]] == [
        (0, "begin 0"),
        (1, "end"),
        (0, "begin 2"),
        (1, "end"),
    ]
    assert len({line["attempt"] for line in answer["lines"]}) == 2

    _runwire(up, "delete", "parts", "--yes", "--force")
    assert _ask(up, "parts") == {"ranks": [], "rank": None, "lines": [], "first": None, "last": "0"}
    client = connect(up.clickhouse)
    assert client.query("SELECT count() FROM runwire.stored_console WHERE run = 'parts'").result_rows == [(0,)]
    client.close()
