"""How a training process ends, and what its spool then says; no Kafka is needed for that."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from producers.conftest import spools
from runwire.spool import Meta, Reader, Rows, Told
from runwire.spool.folder import found

Train = Callable[..., "subprocess.Popen[str]"]


def _spools(home: Path) -> list[Path]:
    return sorted(found(spools(home)))


def _read(folder: Path) -> tuple[list[dict[str, Any]], int]:
    """The events and the number of rows of a spool."""
    events, rows = [], 0
    reader = Reader(folder)
    while items := reader.read(gone=True):
        for item in items:
            if isinstance(item, Told):
                events.append(item.event)
            elif isinstance(item, Rows):
                rows += item.count
    reader.close()
    return events, rows


def _ends(home: Path, process: subprocess.Popen[str]) -> tuple[list[tuple[str, Any]], str]:
    """Wait for a training's end. Return what its spool says of that, and its stderr."""
    _, err = process.communicate(timeout=60)
    (folder,) = _spools(home)
    events, _ = _read(folder)
    return [(event["type"], event["data"]) for event in events if event["type"] in ("exception", "finish")], err


@pytest.mark.parametrize(
    ("ending", "told"),
    [
        ("", [("finish", {"exit_code": 0})]),
        ("run.finish(exit_code=4)", [("finish", {"exit_code": 4})]),
        ("import sys; sys.exit(3)", [("finish", {"exit_code": 3})]),
        ("import sys; sys.exit('no data')", [("finish", {"exit_code": 1})]),
        ("import os; os._exit(0)", []),
        ("import os, signal; os.kill(os.getpid(), signal.SIGTERM)", []),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", []),
    ],
)
def test_the_way_that_a_process_ends_is_recorded(home: Path, train: Train, ending: str, told: list[Any]) -> None:
    """An ordinary end finishes the run with the process's exit code; a killed process says nothing."""
    process = train(f"import runwire\nrun = runwire.init(project='t')\nrun.log({{'loss': 1.0}})\n{ending}")
    assert _ends(home, process)[0] == told


@pytest.mark.parametrize("managed", [False, True])
def test_an_exception_is_recorded_with_the_end_of_its_traceback(home: Path, train: Train, *, managed: bool) -> None:
    """Uncaught, or leaving the context manager: kind, message, the traceback's last 30 lines, exit code 1."""
    body = "def deep(n):\n    return deep(n - 1) if n else 1 / 0\n"
    if managed:
        body += "with runwire.init(project='t') as run:\n    run.log({'loss': 1.0})\n    deep(40)\n"
    else:
        body += "run = runwire.init(project='t')\nrun.log({'loss': 1.0})\ndeep(40)\n"
    (exception, finish), err = _ends(home, train(f"import runwire\n{body}"))
    assert exception[0] == "exception"
    assert (exception[1]["kind"], exception[1]["message"]) == ("ZeroDivisionError", "division by zero")
    lines = exception[1]["traceback"].splitlines()
    assert len(lines) <= 30
    assert lines[-1] == "ZeroDivisionError: division by zero"
    assert finish == ("finish", {"exit_code": 1})
    assert err.count("ZeroDivisionError: division by zero") == 1, "the traceback itself is shown as ever"


def test_ctrl_c_is_recorded_as_an_interruption(home: Path, train: Train) -> None:
    """KeyboardInterrupt ends the run with exit code 130."""
    told, _ = _ends(home, train("import runwire\nrunwire.init()\nraise KeyboardInterrupt"))
    assert [(kind, data.get("kind", data.get("exit_code"))) for kind, data in told] == [
        ("exception", "KeyboardInterrupt"),
        ("finish", 130),
    ]


def test_a_second_init_finishes_the_first_run_and_says_so(home: Path, train: Train) -> None:
    """Both runs are there, the first one finished before the second began."""
    _, err = train(
        "import runwire\nrunwire.init(id='one', name='first')\nrunwire.init(id='two')\nrunwire.log({'loss': 1})"
    ).communicate(timeout=60)
    assert "init() finishes the run that was current, first (one)" in err
    one, two = _spools(home)
    assert [event["type"] for event in _read(one)[0]] == ["start", "finish"]
    assert _read(two)[1] == 1


@pytest.mark.parametrize("call", ["log({})", "alert('x')", "config.lr", "config.update(lr=1)", "summary['a']"])
def test_use_before_init_says_what_to_call(train: Train, call: str) -> None:
    """The error names init(); importing the names does not need a run."""
    _, err = train(f"import runwire\nfrom runwire import *\nrunwire.{call}").communicate(timeout=60)
    assert "RunFinishedError: There is no run: call runwire.init() before" in err


def test_a_forked_child_leaves_the_run_to_its_parent(home: Path, train: Train) -> None:
    """It says once that it records nothing, does not end the run, and may begin one of its own."""
    _, err = train(
        """
import os, sys, runwire
runwire.init(id="parent")
runwire.log({"loss": 1.0})
child = os.fork()
if child == 0:
    runwire.log({"loss": 2.0})
    runwire.log({"loss": 3.0})
    runwire.config.lr = 1
    runwire.init(id="parent", rank=1)
    runwire.log({"loss": 4.0})
    sys.exit(5)
os.waitpid(child, 0)
runwire.log({"loss": 5.0})
"""
    ).communicate(timeout=60)
    assert err.count("in a child process") == 1
    by_rank = {folder.parent.name: _read(folder) for folder in _spools(home)}
    events, rows = by_rank["0"]
    assert [event["type"] for event in events] == ["start", "finish"]
    assert events[-1]["data"] == {"exit_code": 0}
    assert rows == 2
    events, rows = by_rank["1"]
    assert events[-1]["data"] == {"exit_code": 5}
    assert rows == 1


def test_a_fork_while_another_thread_logs_does_not_hang_the_child(train: Train) -> None:
    """Locks that other threads hold at the fork are not the child's."""
    process = train(
        """
import os, threading, runwire
run = runwire.init(id="parent")
def work():
    while not done.is_set():
        run.log({"loss": 1.0})
done = threading.Event()
threads = [threading.Thread(target=work) for _ in range(3)]
for thread in threads:
    thread.start()
for _ in range(20):
    child = os.fork()
    if child == 0:
        run.log({"loss": 2.0})
        os._exit(0)
    os.waitpid(child, 0)
done.set()
for thread in threads:
    thread.join()
print("done")
"""
    )
    out, _ = process.communicate(timeout=120)
    assert out == "done\n"


def test_a_full_disk_stops_nothing_and_is_told(home: Path, train: Train) -> None:
    """Where files may not grow, rows are lost with one warning; the run's end is still recorded, with their number."""
    process = train(
        """
import resource, runwire
run = runwire.init(id="full")
hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, hard))
for step in range(2000):
    run.log({"loss": step})
run.finish()
print("done")
"""
    )
    out, err = process.communicate(timeout=60)
    assert out == "done\n"
    assert err.count("what is logged now is lost") == 1
    (folder,) = _spools(home)
    events, rows = _read(folder)
    lost = sum(event["data"]["rows"] for event in events if event["type"] == "dropped")
    assert rows + lost == 2000
    assert 0 < rows < 1000
    assert events[-1]["type"] == "finish" or "finish" in [event["type"] for event in events]


def test_a_full_disk_that_gets_room_again_is_told_too(home: Path, train: Train) -> None:
    """Rows are stored again as soon as that can be, and the run says how many were lost in between."""
    process = train(
        """
import resource, runwire
run = runwire.init(id="full")
limits = resource.getrlimit(resource.RLIMIT_FSIZE)
for step in range(3000):
    if step == 1000:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
    if step == 2000:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    run.log({"loss": step})
run.finish()
"""
    )
    _, err = process.communicate(timeout=60)
    assert "what is logged is stored again" in err
    (folder,) = _spools(home)
    events, rows = _read(folder)
    assert rows == 2000
    (dropped,) = [event["data"] for event in events if event["type"] == "dropped"]
    assert dropped["rows"] == 1000
    assert dropped["reason"] == "File too large"


def test_eight_processes_of_one_rank_have_a_spool_each(home: Path, train: Train) -> None:
    """Even where nobody told them apart, no process writes into another's spool."""
    processes = [
        train("import runwire\nrun = runwire.init(id='same')\nfor _ in range(100): run.log({'loss': 1})")
        for _ in range(8)
    ]
    for process in processes:
        process.communicate(timeout=120)
    folders = _spools(home)
    assert len({folder.name for folder in folders}) == 8
    for folder in folders:
        meta = Meta.read(folder)
        assert meta is not None
        assert str(meta.attempt) == folder.name
        assert _read(folder)[1] == 100


def test_the_command_line_is_recorded_without_its_secrets(home: Path, tmp_path: Path) -> None:
    """Values of options that name a secret, and passwords in URLs, are not."""
    script = tmp_path / "train.py"
    script.write_text("import runwire\nrunwire.init()\n")
    subprocess.run(
        [sys.executable, script, "--lr=1", "--api-key=hush1", "--token", "hush2", "postgres://me:hush3@db/x"],
        env={"RUNWIRE_HOME": str(home)},
        check=True,
        capture_output=True,
        timeout=60,
    )
    (folder,) = _spools(home)
    assert _read(folder)[0][0]["data"]["command"] == (
        f"{script} --lr=1 --api-key=*** --token *** postgres://me:***@db/x"
    )
    assert "hush" not in (folder / "00000000.seg").read_bytes().decode("latin-1")


def test_a_training_imports_no_more_than_the_sdk_needs(train: Train) -> None:
    """A run needs the standard library and orjson; Kafka's client is the shipper's alone."""
    out, _ = train(
        """
import sys
before = set(sys.modules)
import runwire
run = runwire.init()
run.log({"loss": 1.0})
run.finish()
own = {name.partition(".")[0] for name in set(sys.modules) - before}
print(sorted(own - set(sys.stdlib_module_names)))
"""
    ).communicate(timeout=60)
    assert set(eval(out)) - {"tomli"} == {"runwire", "orjson"}


def test_the_shipper_imports_no_more_than_kafka_python(train: Train) -> None:
    """Beyond the standard library: kafka-python, orjson, and checksums or codecs that kafka-python finds."""
    out, _ = train(
        """
import sys
before = set(sys.modules)
import runwire.shipper.sync, runwire._command
own = {name.partition(".")[0] for name in set(sys.modules) - before}
print(sorted(own - set(sys.stdlib_module_names)))
"""
    ).communicate(timeout=60)
    optional = {"tomli", "crc32c", "lz4", "snappy", "zstandard", "cramjam", "lz4framed", "lz4f"}
    assert set(eval(out)) - optional == {"runwire", "orjson", "kafka"}
