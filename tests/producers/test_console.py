"""Console output: passed on as if we were not there, and recorded as lines, whoever is killed meanwhile."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import re
import select
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeAlias

import pytest
from parts import until

from producers.conftest import spools
from producers.spooled import logged
from runwire.console.record import LOCK, segment_name, segments
from runwire.spool.folder import found
from runwire.spool.lock import flocked

Starting: TypeAlias = Callable[..., subprocess.Popen[Any]]
BEGIN = "import ctypes, os, runwire, signal, subprocess, sys, time\nrun = runwire.init(id='r', mode='offline')\n"


@pytest.fixture(autouse=True)
def captured(alone: None, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: ARG001 -- which turns it off
    """Have the console recorded, as without any setting."""
    monkeypatch.delenv("RUNWIRE_CONSOLE")


def texts(home: Path, stream: str | None = None) -> list[str]:
    """What is recorded of the lines, in their order."""
    return [line[2] for line in lines(home) if stream in (None, line[1])]


def lines(home: Path) -> list[tuple[int, str, str]]:
    """Number, stream and text of each line: of its records the last."""
    last: dict[int, tuple[int, str, str]] = {}
    for folder in found(spools(home)):
        for index in segments(folder):
            for line in (folder / segment_name(index)).read_text().splitlines():
                _, n, stream, _, text = json.loads(line)
                last[n] = n, stream, text
    return [last[n] for n in sorted(last)]


def folder_of(home: Path) -> Path:
    (folder,) = found(spools(home))
    return folder


def tee_gone(home: Path) -> bool:
    return not flocked(folder_of(home) / LOCK)


def tees(home: Path) -> dict[int, int]:
    """The processes of a home's tees, each with its parent's number."""
    made = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            try:
                command = (entry / "cmdline").read_bytes()
                status = (entry / "status").read_text()
            except OSError:
                continue
            if b"runwire.console.tee" in command and str(home).encode() in command:
                made[int(entry.name)] = int(re.findall(r"PPid:\s+(\d+)", status)[0])
    return made


def worker(home: Path) -> int:
    """The tee that works: its parent is one, too."""

    def look() -> int | None:
        there = tees(home)
        return next((pid for pid, parent in there.items() if parent in there), None)

    return until(look, "the tee works")


@pytest.fixture
def start(home: Path) -> Iterator[Starting]:
    """Start a program that goes on beside the test; nothing of it is left afterwards."""
    with contextlib.ExitStack() as stack:

        def begin(code: str, **options: Any) -> subprocess.Popen[Any]:
            environment = {**os.environ, "RUNWIRE_HOME": str(home)}
            process = subprocess.Popen([sys.executable, "-c", code], env=environment, **options)
            stack.callback(process.communicate)
            stack.callback(process.kill)
            return process

        yield begin


def run(code: str, home: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a program to its end, with its output in pipes."""
    return subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "RUNWIRE_HOME": str(home), **environment},
        capture_output=True,
        timeout=100,
        text=True,
        errors="replace",
        check=False,
    )


def test_what_python_c_code_and_children_print_is_passed_on_and_recorded(home: Path) -> None:
    """Whoever writes to the descriptors is heard, in the order of writing; and what came before is no part of it."""
    done = run(
        BEGIN
        + "print('python', flush=True)\n"
        + "os.write(1, b'descriptor\\n')\n"
        + "ctypes.CDLL(None).puts(b'C')\n"
        + "subprocess.run(['echo', 'child'])\n"
        + "print('error', file=sys.stderr)\n"
        + "run.finish()\n"
        + "print('afterwards')",
        home,
    )
    assert sorted(done.stdout.splitlines()) == ["C", "afterwards", "child", "descriptor", "python"]
    assert done.stderr.splitlines()[0] == "error"
    assert sorted(texts(home, "stdout")) == ["C", "child", "descriptor", "python"]
    assert texts(home, "stderr") == ["error"]


@pytest.mark.parametrize("ending", ["", "sys.exit(3)", "raise KeyError('x')", "os._exit(4)", "os.kill(os.getpid(), 9)"])
def test_output_and_exit_code_are_those_of_the_program_without_us(home: Path, ending: str, tmp_path: Path) -> None:
    """Byte for byte, into a pipe and into a file that both streams share, however the program ends."""
    program = (
        "import os, sys, runwire, logging\n"
        "logging.getLogger('runwire').disabled = True\n"
        "run = runwire.init(id='r', mode='offline')\n"
        "for i in range(3000):\n"
        "    os.write(1 + i % 2, b'%d \\xff\\r\\x1b[1m\\0' % i)\n"
        "    if i % 7 == 0: print(i, end='', flush=True)\n" + ending
    )
    results = []
    for mode in ("offline", "disabled"):
        env = {**os.environ, "RUNWIRE_HOME": str(home)}
        command = [sys.executable, "-c", program.replace("offline", mode)]
        apart = subprocess.run(command, env=env, capture_output=True, timeout=100, check=False)
        with (tmp_path / mode).open("wb") as file:
            together = subprocess.run(command, env=env, stdout=file, stderr=file, timeout=100, check=False)
        for folder in found(spools(home)):
            until(lambda folder=folder: not flocked(folder / LOCK), "the tee has passed on all")  # type: ignore[misc]
        results.append(
            (apart.returncode, apart.stdout, apart.stderr, together.returncode, (tmp_path / mode).read_bytes())
        )
    assert results[0] == results[1]


def test_a_progress_bar_is_one_line_whose_last_text_counts(home: Path) -> None:
    """What is rewritten by a carriage return keeps its number, and is not recorded at every change."""
    run(
        BEGIN
        + "for i in range(200):\n"
        + "    sys.stderr.write(f'\\r{i:3} %'); sys.stderr.flush(); time.sleep(0.002)\n"
        + "print('\\ndone', file=sys.stderr)\nrun.finish()",
        home,
    )
    assert texts(home)[:2] == ["199 %", "done"]
    records = (folder_of(home) / segment_name(0)).read_text().splitlines()
    assert sum(json.loads(record)[1] == 0 for record in records) <= 3


def test_bars_that_are_drawn_one_below_the_other_stay_lines(home: Path) -> None:
    """Several lines that are rewritten by moving the cursor up each keep their number, as rich draws them."""
    run(
        BEGIN
        + "from rich.progress import Progress\n"
        + "from rich.console import Console\n"
        + "console = Console(force_terminal=True, width=60)\n"
        + "print('before', flush=True)\n"
        + "with Progress(console=console) as progress:\n"
        + "    one, two = progress.add_task('one', total=50), progress.add_task('two', total=50)\n"
        + "    for _ in range(50):\n"
        + "        progress.advance(one); progress.advance(two); time.sleep(0.01)\n"
        + "print('after')\nrun.finish()",
        home,
    )
    shown = texts(home, "stdout")
    assert [line.split()[0] for line in shown] == ["before", "one", "two", "after"]
    assert "100%" in shown[1]
    assert "100%" in shown[2]


def test_a_terminal_stays_one_for_the_program(start: Starting, home: Path) -> None:
    """It is a terminal of the same size, and follows it; what is shown there is what the program wrote."""
    main, theirs = pty.openpty()
    code = (
        BEGIN
        + "print(os.isatty(1), os.isatty(2), os.get_terminal_size(1).columns, flush=True)\n"
        + "sys.stdin.readline()\n"
        + "while os.get_terminal_size(1).columns != 91: time.sleep(0.01)\n"
        + "print('wider', os.get_terminal_size(1).lines)"
    )
    subprocess.run(["stty", "cols", "77", "rows", "20"], stdin=theirs, check=True)
    process = start(
        code,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    )
    shown = b""

    def see(what: bytes) -> None:
        nonlocal shown
        deadline = time.monotonic() + 100
        while what not in shown and time.monotonic() < deadline:
            if select.select([main], [], [], 0.1)[0]:
                shown += os.read(main, 4096)
        assert what in shown

    see(b"True True 77\r\n")
    subprocess.run(["stty", "cols", "91", "rows", "33"], stdin=theirs, check=True)
    os.write(main, b"\n")
    see(b"wider 33\r\n")
    assert process.wait(100) == 0
    os.close(main)
    os.close(theirs)
    assert {"True True 77", "wider 33"} <= set(texts(home, "both"))


def test_a_killed_training_loses_none_of_its_last_lines(home: Path) -> None:
    """What reached the pipe before SIGKILL is passed on and recorded, an unfinished line too."""
    done = run(
        BEGIN
        + "for i in range(5000): os.write(1, b'line %d\\n' % i)\n"
        + "os.write(1, b'the last, unfinished')\n"
        + "os.kill(os.getpid(), signal.SIGKILL)",
        home,
    )
    expected = [f"line {i}" for i in range(5000)] + ["the last, unfinished"]
    assert done.stdout.splitlines() == expected
    until(lambda: tee_gone(home), "the tee ends")
    assert texts(home, "stdout") == expected


_FLOOD = (
    BEGIN
    # PyDLL holds the GIL: nothing in this process can read while it writes.
    + "put = ctypes.PyDLL(None).write\n"
    + "print('begun', file=sys.stderr, flush=True)\n"
    + "for i in range(300_000): put(1, b'%09d\\n' % i, 10)\n"
    + "run.finish()"
)


def test_killing_the_tee_stops_no_training_that_floods_and_holds_the_gil(
    start: Starting, home: Path, tmp_path: Path
) -> None:
    """Another goes on at once where it stopped, with the record as well; what is lost is what it had in its hand."""
    with (tmp_path / "out").open("wb") as out:
        process = start(
            _FLOOD,
            stdout=out,
            stderr=subprocess.DEVNULL,
        )
        killed = 0
        until(lambda: (tmp_path / "out").stat().st_size > 1000, "it floods")
        while process.poll() is None and killed < 3:
            os.kill(worker(home), signal.SIGKILL)
            killed += 1
        assert process.wait(100) == 0
    numbers = (tmp_path / "out").read_bytes().split(b"\n")
    assert killed
    assert numbers[-2:] == [b"%09d" % 299_999, b""]
    assert len(numbers) > 300_000 - killed * 6554 - 2
    assert texts(home, "stdout")[-1] == f"{299_999:09d}"


def test_where_no_tee_is_left_output_goes_on_as_without_us(start: Starting, home: Path) -> None:
    """Both of its processes killed while the training and a child print: nothing is stuck, and it is said once."""
    process = start(
        BEGIN
        + "child = subprocess.Popen(['sh', '-c', 'read x; yes | head -c 1000000'], stdin=subprocess.PIPE)\n"
        + "print('begun', flush=True); sys.stdin.readline()\n"
        + "os.write(1, b'x' * 1_000_000)\n"
        + "child.communicate(b'\\n'); print('end'); run.finish()",
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "begun\n"
    worker(home)
    for pid in sorted(tees(home)):  # the one that waits first
        os.kill(pid, signal.SIGKILL)
    out, err = process.communicate("\n", timeout=100)
    assert process.returncode == 0
    assert out.count("x") == 1_000_000
    assert out.count("y") == 500_000
    assert "end" in out
    assert err.count("no longer recorded") == 1


def test_a_reader_that_goes_away_is_told_to_the_program_as_without_us(start: Starting, home: Path) -> None:
    """``| head`` ends the program by a broken pipe, and what it says of that is still recorded."""
    reader = subprocess.Popen(["head", "-n", "1"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
    process = start(
        BEGIN + "while True: print('x', flush=True); time.sleep(0.01)",
        stdout=reader.stdin,
        stderr=subprocess.PIPE,
    )
    assert reader.stdin is not None
    reader.stdin.close()
    _, err = process.communicate(timeout=100)
    reader.wait(100)
    assert process.returncode == 1
    assert b"BrokenPipeError" in err
    until(lambda: tee_gone(home), "the tee ends")
    assert any("BrokenPipeError" in text for text in texts(home, "stderr"))


def test_children_that_outlive_the_training_are_served_to_their_end(start: Starting, home: Path) -> None:
    """A child has the training's output, and is neither cut off nor kept from writing; finish() does not wait."""
    process = start(
        BEGIN + "subprocess.Popen(['sh', '-c', 'read x; echo late'])\nprint('end')\nrun.finish()",
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    assert process.wait(100) == 0
    assert not tee_gone(home)
    assert process.communicate(b"\n", timeout=100)[0] == b"end\nlate\n"
    until(lambda: tee_gone(home), "the tee ends")
    assert texts(home, "stdout") == ["end", "late"]


def test_forked_children_print_as_ever_and_do_not_end_the_capture(home: Path) -> None:
    """What a forked child prints is its parent's; a run of its own in it, and its end, change nothing of that."""
    done = run(
        BEGIN
        + "child = os.fork()\n"
        + "if child == 0:\n"
        + "    with runwire.init(id='r', rank=1, mode='offline'): print('child', flush=True)\n"
        + "    os._exit(0)\n"
        + "os.waitpid(child, 0)\n"
        + "print('parent')\nrun.finish()",
        home,
    )
    assert done.stdout == "child\nparent\n"
    assert texts(home, "stdout") == ["child", "parent"]


def test_a_program_that_another_takes_the_place_of_is_followed(home: Path) -> None:
    """After exec the new program's output takes the same way to its end."""
    done = run(BEGIN + "print('before', flush=True)\nos.execvp('sh', ['sh', '-c', 'echo after; exit 5'])", home)
    assert (done.returncode, done.stdout) == (5, "before\nafter\n")
    until(lambda: tee_gone(home), "the tee ends")
    assert texts(home, "stdout") == ["before", "after"]


def test_descriptors_that_somebody_else_changed_meanwhile_are_left_alone(home: Path, tmp_path: Path) -> None:
    """Whoever directs descriptor 1 elsewhere after us, as test runners do, keeps that."""
    path = tmp_path / "elsewhere"
    done = run(
        BEGIN
        + f"os.dup2(os.open({str(path)!r}, os.O_CREAT | os.O_WRONLY), 1)\n"
        + "run.finish()\nos.write(1, b'mine')",
        home,
    )
    assert done.returncode == 0
    assert path.read_text() == "mine"


def test_a_process_without_standard_output_has_none_captured(home: Path) -> None:
    """A file that got the number of the closed descriptor is no output: the spool's own are such."""
    done = run(
        "import os; os.close(1)\n" + BEGIN + "run.log({'x': 1})\nprint('error', file=sys.stderr)\nrun.finish()", home
    )
    assert done.returncode == 0
    assert lines(home) == [(0, "stderr", "error")]
    assert logged(folder_of(home)) == [(0, {"x": 1.0})]


def test_a_later_run_takes_the_console_over_from_one_that_finished(home: Path) -> None:
    """Of two runs at once the first has it, and what is printed is recorded once."""
    done = run(
        "import runwire\n"
        "one = runwire.init(id='one', mode='offline')\n"
        "two = runwire.init(id='two', mode='offline', reinit='create_new')\n"
        "print('first', flush=True); one.finish(); two.finish()\n"
        "with runwire.init(id='three', mode='offline'): print('third', flush=True)\n",
        home,
    )
    assert done.stdout == "first\nthird\n"
    kept = {folder.parts[-3]: segments(folder) for folder in found(spools(home))}
    assert {name: bool(there) for name, there in kept.items()} == {"one": True, "two": False, "three": True}


@pytest.mark.parametrize("off", ["settings={'console': False}", "mode='disabled'"])
def test_it_can_be_turned_off(home: Path, off: str) -> None:
    """Then no process is started and no descriptor changed."""
    done = run(
        f"import os, runwire\nbefore = os.fstat(1)\nwith runwire.init(id='r', {off}):\n"
        "    print(os.fstat(1) == before)",
        home,
        RUNWIRE_MODE="offline",
    )
    assert done.stdout == "True\n"
    assert not list(home.rglob("console*"))


def test_a_flood_is_passed_on_whole_and_recorded_in_its_parts(home: Path) -> None:
    """Of what is more than people read, beginning and end are recorded, by the numbers that lines have in all."""
    done = run(
        BEGIN + "for i in range(20): os.write(1, b''.join(b'%099d\\n' % (20_000 * i + k) for k in range(20_000)))\n"
        "run.finish()",
        home,
    )
    assert len(done.stdout) == 40_000_000
    recorded = [(n, int(text)) for n, _, text in lines(home) if text.isdecimal()]
    assert all(n == number for n, number in recorded)
    assert recorded[0] == (0, 0)
    assert recorded[-1] == (399_999, 399_999)
    assert 20_000 < len(recorded) < 60_000


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of its own that is soon full."""
    folder = tmp_path / "disk"
    folder.mkdir()
    if not shutil.which("mount") or os.geteuid() != 0:
        pytest.fail("this test mounts a small disk: run it as root")
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", folder], check=True)
    yield folder
    subprocess.run(["umount", "-l", folder], check=True)


def test_a_full_disk_keeps_nothing_from_being_printed(small_disk: Path) -> None:
    """What cannot be recorded is missing from the lines' numbers, no half line is left, and all of it is shown."""
    home = small_disk / "home"
    done = run(BEGIN + "for i in range(20_000): os.write(1, b'%099d\\n' % i)\nrun.finish()", home)
    assert len(done.stdout) == 2_000_000
    recorded = [(n, int(text)) for n, stream, text in lines(home) if stream == "stdout"]
    assert recorded
    assert all(n == number for n, number in recorded)
    assert len(recorded) < 20_000


def test_what_is_no_text_is_recorded_as_far_as_it_is(home: Path) -> None:
    """Colours are taken out, bytes that are no UTF-8 replaced, a letter in two parts put together, long lines cut."""
    run(
        BEGIN
        + "os.write(1, b'\\x1b[31mred\\x1b[0m \\x1b]0;title\\x07\\xff \\xc3'); time.sleep(0.1)\n"
        + "os.write(1, b'\\xa4\\tz\\x07\\n'); os.write(1, b'y' * 20_000 + b'\\n\\nlast'); run.finish()",
        home,
    )
    first, cut, empty, last = texts(home, "stdout")
    assert first == "red \N{REPLACEMENT CHARACTER} ä\tz"
    assert cut == "y" * 8000 + "…"
    assert (empty, last) == ("", "last")


def test_signals_to_the_whole_job_leave_the_tee_to_its_work(start: Starting, home: Path) -> None:
    """What a terminal or a scheduler sends to all of a job ends the training, whose last words are recorded."""
    process = start(
        BEGIN + "print('begun', flush=True)\ntime.sleep(1000)",
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "begun\n"
    for pid in [*tees(home), process.pid]:
        os.kill(pid, signal.SIGINT)
    _, err = process.communicate(timeout=100)
    assert "KeyboardInterrupt" in err
    until(lambda: tee_gone(home), "the tee ends")
    assert "KeyboardInterrupt" in texts(home, "stderr")
