"""The supervisor by itself, over small programs that do one thing each."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from parts import until

from runwire._ready import READY_FD
from runwire_server.local import home as homes

# Runs a table, given as JSON lists of (name, Python code, names it needs), the way `up` does.
SUPERVISE = """
import asyncio, json, sys
from pathlib import Path
from runwire_server.local import child, home
from runwire_server.local.programs import Program
from runwire_server.local.supervisor import Supervisor

child.GRACE = 0.5
where, table = Path(sys.argv[1]), json.loads(sys.argv[2])
home.prepare(where)
lock = home.Lock(where)
lock.take()

async def run():
    programs = [Program(name, (sys.executable, "-c", code), after=tuple(after)) for name, code, after in table]
    return await Supervisor(where, programs).run()

sys.exit(asyncio.run(run()))
"""

READY = "import signal, time; from runwire import _ready; _ready.tell(); "
WELL = READY + "signal.pause()"
#: Writes its name to the file `order` when it is asked to stop.
ORDERLY = (
    "import os, signal, sys; from runwire import _ready\n"
    "def stop(*_):\n"
    "    os.write(os.open({order!r}, os.O_WRONLY | os.O_APPEND | os.O_CREAT), b'{name} ')\n"
    "    sys.exit()\n"
    "signal.signal(signal.SIGTERM, stop); _ready.tell(); signal.pause()"
)

Table = list[tuple[str, str, list[str]]]
Supervise = Callable[[Table], "subprocess.Popen[str]"]


@pytest.fixture
def supervise(home: Path) -> Iterator[Supervise]:
    """Starts the supervisor over a table, and returns once it is ready or has given up."""
    processes: list[subprocess.Popen[str]] = []

    def one(table: Table) -> subprocess.Popen[str]:
        ours, theirs = os.pipe()
        process = subprocess.Popen(
            [sys.executable, "-c", SUPERVISE, str(home), json.dumps(table)],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            pass_fds=[theirs],
            env={**os.environ, READY_FD: str(theirs)},
        )
        processes.append(process)
        os.close(theirs)
        select.select([ours], [], [], 60)
        os.close(ours)
        return process

    yield one
    for process in processes:
        process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()


def row(home: Path, name: str) -> dict[str, object]:
    found: dict[str, object] = next(row for row in homes.state(home)["programs"] if row["name"] == name)
    return found


def test_a_program_that_never_comes_up_ends_the_start_with_its_last_words(home: Path, supervise: Supervise) -> None:
    """Three deaths in a row at the start: `up` says which program, how it ended and what it said, stops the others and
    ends with an exit code.
    """
    process = supervise([("well", WELL, []), ("ill", "print('no such thing'); raise SystemExit(3)", [])])
    said, _ = process.communicate(timeout=30)
    assert process.returncode == 1
    assert "ill ended with exit code 3, 3 times in a row" in said
    assert "no such thing" in said
    assert "Traceback" not in said
    assert row(home, "well")["state"] == "stopped"


def test_a_program_waits_for_those_it_needs(home: Path, supervise: Supervise, tmp_path: Path) -> None:
    """A program starts when those it needs are ready, not before: it finds the file that the other made first."""
    made = tmp_path / "made"
    slow = f"import time; time.sleep(0.3); open({str(made)!r}, 'w'); {WELL}"
    needy = f"import os; assert os.path.exists({str(made)!r}); {WELL}"
    supervise([("needy", needy, ["slow"]), ("slow", slow, [])])
    assert row(home, "needy")["state"] == "ready"
    assert row(home, "needy")["restarts"] == 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_programs_stop_after_those_that_need_them(supervise: Supervise, tmp_path: Path, number: signal.Signals) -> None:
    """On Ctrl-C, SIGTERM or a terminal that closes the programs end from the last in the chain to the first."""
    order = tmp_path / "order"
    table: Table = [
        (name, ORDERLY.format(order=str(order), name=name), after)
        for name, after in (("one", []), ("two", ["one"]), ("three", ["two"]))
    ]
    process = supervise(table)
    process.send_signal(number)
    process.communicate(timeout=30)
    assert process.returncode == 0
    assert order.read_text().split() == ["three", "two", "one"]


def test_a_program_that_will_not_stop_is_made_to(supervise: Supervise) -> None:
    """A program that ignores SIGTERM is killed when its grace is over, and `up` ends all the same."""
    process = supervise([("deaf", f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); {WELL}", [])])
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=30)
    assert process.returncode == 0


def test_what_a_dead_program_started_does_not_outlive_it(home: Path, supervise: Supervise, tmp_path: Path) -> None:
    """When a program is killed, its own children are ended before it is started again."""
    note = tmp_path / "pid"
    code = (
        "import subprocess, sys; p = subprocess.Popen(['sleep', '600']); "
        f"open({str(note)!r}, 'a').write(f'{{p.pid}} '); {WELL}"
    )
    supervise([("parent", code, [])])
    os.kill(int(str(row(home, "parent")["pid"])), signal.SIGKILL)
    until(lambda: row(home, "parent")["restarts"] == 1 and row(home, "parent")["state"] == "ready", "started again")
    first, second = note.read_text().split()
    until(lambda: not Path(f"/proc/{first}").exists(), "the first child has ended")
    assert Path(f"/proc/{second}").exists()


def test_restarts_wait_longer_each_time(home: Path, supervise: Supervise) -> None:
    """A program that keeps dying after it was ready is started again each time, after pauses that double."""
    process = supervise([("frail", READY + "time.sleep(0.05); raise SystemExit('weary')", [])])
    until(lambda: int(str(row(home, "frail")["restarts"])) >= 3, "three restarts")
    process.send_signal(signal.SIGTERM)
    said, _ = process.communicate(timeout=30)
    assert [f"started again in {pause} s" in said for pause in ("0.2", "0.4", "0.8")] == [True] * 3
    assert "weary" in said


def test_a_terminal_that_has_gone_does_not_end_the_programs(home: Path, supervise: Supervise) -> None:
    """With nobody reading what it prints, the supervisor still restarts what dies, and logs it."""
    process = supervise([("well", WELL, [])])
    assert process.stdout is not None
    process.stdout.close()
    pid = int(str(row(home, "well")["pid"]))
    os.kill(pid, signal.SIGKILL)
    until(lambda: row(home, "well")["state"] == "ready" and row(home, "well")["pid"] != pid, "started again")
    assert "was killed by SIGKILL" in (home / "log" / "up.log").read_text()
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == 0
