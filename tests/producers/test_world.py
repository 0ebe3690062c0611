"""What the world may do to a training: clocks that jump, huge values, spawned workers, signals."""

from __future__ import annotations

import copy
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from parts import until

import runwire
from producers.arrival import Reading
from producers.conftest import spools
from producers.spooled import logged, told
from runwire.spool import Meta
from runwire.spool.folder import found

Train = Callable[..., "subprocess.Popen[str]"]
Read = Callable[[str], Reading]

#: Python's clock, for each process that finds this on its way to modules: off by as many seconds as a file says.
_CLOCK = """
import time
_file, _time, _time_ns = {file!r}, time.time, time.time_ns
def _off():
    with open(_file) as file:
        return int(file.read() or 0)
time.time = lambda: _time() + _off()
time.time_ns = lambda: _time_ns() + _off() * 1_000_000_000
"""
_HOUR, _YEAR = 3600, 365 * 24 * 3600

#: A shipper whose start takes as long as several tries at it.
_SLOW = """
import sys, time
if "runwire.shipper" in sys.orig_argv:
    with open({file!r}, "a") as file:
        print("started", file=file)
    time.sleep(8)
"""


@pytest.fixture
def clock(tmp_path: Path) -> tuple[dict[str, str], Path]:
    """The environment in which the clock can be set, for trainings and their shippers, and the file that sets it."""
    folder, file = tmp_path / "clock", tmp_path / "off"
    folder.mkdir()
    file.write_text("0")
    (folder / "sitecustomize.py").write_text(_CLOCK.format(file=str(file)))
    return {"PYTHONPATH": ":".join([str(folder), *sys.path])}, file


def test_a_clock_that_jumps_loses_nothing(
    kafka: str, home: Path, train: Train, reading: Read, clock: tuple[dict[str, str], Path]
) -> None:
    """Back by an hour, on by a year, and back: every row arrives, in the order in which it was logged."""
    environment, file = clock
    jumps = f"{{300: {-_HOUR}, 600: {_YEAR}, 900: 0}}"
    process = train(
        f"""
import pathlib, time, runwire
run = runwire.init(id="jumps")
for step in range(1200):
    if step in {jumps}:
        pathlib.Path({str(file)!r}).write_text(str({jumps}[step]))
        time.sleep(1.5)  # so long that the shipper looks at the time, too
    run.log({{"loss": step}})
run.finish()
print("done")
""",
        RUNWIRE_KAFKA=kafka,
        **environment,
    )
    out, err = process.communicate(timeout=120)
    assert out == "done\n", err
    until(lambda: not list(found(spools(home))), "all is delivered, and the spool gone", 30)
    arrived = reading("jumps").until(lambda a: len(a.rows) == 1200 and a.ended, "all arrives")
    assert arrived.ended == ["finished"]
    assert [step for _, (step, _) in sorted(arrived.rows.items())] == list(range(1200))
    times = [ts for _, ts in sorted(arrived.times.items())]
    for before, after, jump in ((299, 300, -_HOUR), (599, 600, _HOUR + _YEAR), (899, 900, -_YEAR)):
        assert abs(times[after] - times[before] - jump * 10**6) < 60 * 10**6


def test_a_run_that_goes_on_before_it_began_is_the_later_one(
    home: Path, train: Train, clock: tuple[dict[str, str], Path]
) -> None:
    """A process whose clock is behind that of the process before it has the higher attempt: what it logs counts."""
    environment, file = clock
    attempts = []
    for off in (_YEAR, 0, -_YEAR):
        file.write_text(str(off))
        train("import runwire\nrunwire.init(id='same').log({'loss': 1.0})", **environment).communicate(timeout=60)
        metas = [Meta.read(folder) for folder in found(spools(home))]
        attempts.append(max(meta.attempt for meta in metas if meta is not None))
    assert attempts == sorted(set(attempts))


def test_a_value_of_50_mb_is_left_out_and_all_else_kept(kafka: str, home: Path, train: Train, reading: Read) -> None:
    """As a metric, in config, summary, an alert and a table: it is said, nothing stops, and the rest is delivered."""
    process = train(
        """
import runwire
huge = "x" * 50_000_000
run = runwire.init(id="huge", config={"huge": huge, "lr": 0.5})
run.log({"huge": huge, "loss": 1.0})
run.log({"huge": [1.0] * 6_000_000, "loss": 2.0})
run.config.big = huge
run.summary["big"] = huge
run.alert("big", huge)
run.log({"table": runwire.Table(["text", "n"], [[huge, 1], ["small", 2]]), "loss": 3.0})
run.log({"loss": 4.0})
run.finish()
print("done")
""",
        RUNWIRE_KAFKA=kafka,
    )
    out, err = process.communicate(timeout=120)
    assert out == "done\n", err
    assert "Traceback" not in err
    assert "'huge'" in err
    until(lambda: not list(found(spools(home))), "all is delivered, and the spool gone", 30)
    arrived = reading("huge").until(lambda a: len(a.rows) == 4 and a.ended, "the rest arrives")
    assert arrived.ended == ["finished"]
    assert [list(values) for _, (_, values) in sorted(arrived.rows.items())] == [["loss"]] * 4


def test_spawned_workers_log_into_runs_of_their_own_or_are_told_how(home: Path, tmp_path: Path) -> None:
    """They have no run until they begin one, which may be the parent's, as another rank; the parent's goes on."""
    script = tmp_path / "train.py"
    script.write_text(
        """
import multiprocessing, os, runwire

def work(rank, run):
    try:
        runwire.log({"loss": 0.0})
    except runwire.errors.RunFinishedError as error:
        os.write(1, f"{error}\\n".encode())  # in one piece
    if run is not None:
        run.log({"loss": 1.0})
        run.log({"loss": 2.0})
    with runwire.init(id="spawned", rank=rank) as own:
        own.log({"loss": float(rank)})

if __name__ == "__main__":
    run = runwire.init(id="spawned")
    run.log({"loss": 0.5})
    spawn = multiprocessing.get_context("spawn")
    workers = [spawn.Process(target=work, args=args) for args in ((1, None), (2, run))]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
        assert worker.exitcode == 0
    run.log({"loss": 0.25})
    run.finish()
"""
    )
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "There is no run: call runwire.init() before log()\n" * 2
    assert done.stderr.count("not recorded") == 1
    by_rank = {folder.parent.name: folder for folder in found(spools(home))}
    losses = {rank: [values["loss"] for _, values in logged(folder)] for rank, folder in by_rank.items()}
    assert losses == {"0": [0.5, 0.25], "1": [1.0], "2": [2.0]}
    assert [event["exit_code"] for event in told(by_rank["0"], "finish")] == [0]


@pytest.mark.usefixtures("home")
def test_a_run_is_not_copied() -> None:
    """Libraries copy what they are given: a copy of a run is the run."""
    with runwire.init() as run:
        assert copy.deepcopy({"run": run, "also": copy.copy(run)}) == {"run": run, "also": run}


def test_an_exception_of_a_signal_in_the_middle_of_log_tears_nothing(home: Path, train: Train) -> None:
    """As Ctrl-C raises one: what was logged before and after is there, in order, once; the row in between may be."""
    process = train(
        """
import signal, runwire
run = runwire.init(id="signals")
signal.signal(signal.SIGALRM, signal.default_int_handler)
count = stopped = 0
while stopped < 300:
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.0002)
        while True:
            run.log({"x": count, f"shape/{count % 7}": 1.0})
            count += 1
    except KeyboardInterrupt:
        stopped += 1
        count += 1
print(count)
"""
    )
    out, err = process.communicate(timeout=120)
    (folder,) = found(spools(home))
    values = [int(row["x"]) for _, row in logged(folder)]
    assert values == sorted(set(values)), err
    assert len(values) >= int(out) - 300


def test_a_shipper_that_takes_long_to_start_is_waited_for(kafka: str, tmp_path: Path, train: Train) -> None:
    """On a crowded machine it takes seconds: two processes that log start one in all, and do not call it broken."""
    starts = tmp_path / "starts"
    (tmp_path / "slow").mkdir()
    (tmp_path / "slow" / "sitecustomize.py").write_text(_SLOW.format(file=str(starts)))
    program = 'import runwire\nrun = runwire.init()\nrun.log({"loss": 1})\nrun.finish()\n'
    environment = {"RUNWIRE_KAFKA": kafka, "PYTHONPATH": ":".join([str(tmp_path / "slow"), *sys.path])}
    processes = [train(program, **environment) for _ in range(2)]
    said = [process.communicate(timeout=60)[1] for process in processes]
    assert [process.returncode for process in processes] == [0, 0], said
    assert starts.read_text().splitlines() == ["started"]
    assert not any("does not stay up" in text for text in said)
