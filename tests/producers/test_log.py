"""``log()``: what it takes, what it refuses, and that it never stops a training."""

from __future__ import annotations

import decimal
import math
import signal
import struct
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from parts import until

import runwire
from producers.spooled import logged, told


@pytest.fixture
def run(home: Path) -> Iterator[runwire.Run]:
    """A run whose data stays in its spool: its shipper knows of no pipeline."""
    begun = runwire.init(project="tests", name="log", dir=home)
    yield begun
    begun.finish()


def test_steps_count_up_and_may_go_back(run: runwire.Run) -> None:
    """Without a step the next one is taken; given ones may repeat or go back, and counting goes on from there."""
    for step in (None, None, 7, None, 7, -3, None, np.int64(11), 12.0):
        run.log({"loss": 1.0}, step=step)  # type: ignore[arg-type]
    assert [step for step, _ in logged(run)] == [0, 1, 7, 8, 7, -3, -2, 11, 12]


@pytest.mark.parametrize(
    "value",
    [
        *(True, 3, 2**53, -0.0, math.inf, -math.inf, decimal.Decimal("0.25")),
        *(np.float16(0.5), np.float32(0.1), np.float64(0.1), np.int64(5), np.True_),
        *(np.array(2.5), np.array([[2.5]])),
    ],
)
def test_whatever_is_one_number_is_stored_as_its_float64(
    run: runwire.Run, value: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    """Booleans, integers, scalars and one-element arrays are stored as the float64 that they are, without a warning."""
    capsys.readouterr()
    run.log({"x": value})
    run.log({"x": value})  # the same keys again take the short way
    assert [values["x"].hex() for _, values in logged(run)] == [float(np.asarray(value).item()).hex()] * 2
    assert capsys.readouterr().err == ""


def test_a_nan_keeps_its_bits(run: runwire.Run) -> None:
    """Payload and sign of a NaN are stored as they were logged."""
    (odd,) = struct.unpack("<d", (0xFFF8_0000_DEAD_BEEF).to_bytes(8, "little"))
    run.log({"x": odd})
    run.log({"x": np.float64(odd)})
    assert [struct.pack("<d", values["x"])[::-1].hex() for _, values in logged(run)] == ["fff80000deadbeef"] * 2


def test_nested_names_are_joined_by_slashes(run: runwire.Run) -> None:
    """``{"a": {"b": 1}}`` is the metric ``a/b``."""
    run.log({"train": {"loss": 1.0, "head": {"norm": 2}}, "epoch": 3})
    assert logged(run) == [(0, {"train/loss": 1.0, "train/head/norm": 2.0, "epoch": 3.0})]


@pytest.mark.parametrize(
    ("data", "warning"),
    [
        ({5: 1.0}, "the key 5 is a int, not a string"),
        ({"": 1.0}, "'' is no metric name"),
        ({"bad\nname": 1.0}, "holds a control character"),
        ({"x" * 600: 1.0}, "600 bytes"),
        ({"x" * 600: {"a": 1.0, "b": {"c": 2.0}}}, "begins names of more than 512 bytes"),
        ({"text": "high"}, "'text': 'high' is a str, not a number"),
        ({"none": None}, "'none': None is a NoneType, not a number"),
        ({"many": np.zeros(3)}, "'many': a ndarray of shape (3,) is not one number"),
        ({"thing": object()}, "'thing': a object is not a number"),
        ({"z": 1 + 2j}, "'z': (1+2j) is a complex, not a number"),
        ({"huge": 10**400}, "'huge': an integer of 1329 bits is beyond the range of float64"),
    ],
)
def test_what_cannot_be_logged_is_named_once_and_the_rest_kept(
    run: runwire.Run, data: dict[Any, Any], warning: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A bad key or value is named in one warning, however often it comes; the other values of the call are stored."""
    capsys.readouterr()
    for _ in range(3):
        run.log({**data, "loss": 0.5})
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert lines[0].startswith("runwire: ")
    assert warning in lines[0]
    assert logged(run) == [(step, {"loss": 0.5}) for step in range(3)]


@pytest.mark.parametrize("step", ["7", 7.5, math.nan, True, 2**63, [7], object()])
def test_a_step_that_is_no_integer_is_named_and_the_values_kept(
    run: runwire.Run, step: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    """The values are logged at the next step, with one warning."""
    run.log({"loss": 1.0}, step=4)
    capsys.readouterr()
    run.log({"loss": 2.0}, step=step)
    run.log({"loss": 3.0}, step=step)
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("runwire: step ")
    assert "not an int64" in line
    assert logged(run) == [(4, {"loss": 1.0}), (5, {"loss": 2.0}), (6, {"loss": 3.0})]


def test_a_rounded_integer_is_said_once_for_each_metric(run: runwire.Run, capsys: pytest.CaptureFixture[str]) -> None:
    """An integer that float64 cannot hold is stored rounded, and that is said, also where the keys are known."""
    run.log({"tokens": 1})
    capsys.readouterr()
    for _ in range(2):
        run.log({"tokens": 2**53 + 1})
    (line,) = capsys.readouterr().err.splitlines()
    assert "'tokens': 9007199254740993 is stored as 9007199254740992" in line
    assert [values["tokens"] for _, values in logged(run)] == [1.0, 2.0**53, 2.0**53]


@pytest.mark.parametrize("data", [None, 5, "loss", [("loss", 1.0)]])
def test_data_that_is_no_mapping_is_named(run: runwire.Run, data: Any, capsys: pytest.CaptureFixture[str]) -> None:
    """Logging something else than a dict warns, and the next call works."""
    capsys.readouterr()
    run.log(data)
    assert "log() takes a dict" in capsys.readouterr().err
    run.log({"loss": 1.0})
    assert [values for _, values in logged(run)] == [{"loss": 1.0}]


def test_a_row_of_ten_thousand_metrics_is_stored_whole(run: runwire.Run) -> None:
    """More metrics than a record holds become several rows of one step; the next call is the next step."""
    wide = {f"layer/{index}/norm": index / 7 for index in range(10_000)}
    run.log(wide)
    run.log(wide)
    found: dict[int, dict[str, float]] = {}
    for step, values in logged(run):
        found.setdefault(step, {}).update(values)
    assert found == {0: wide, 1: wide}


def test_threads_logging_together_lose_nothing(run: runwire.Run) -> None:
    """Eight threads log 500 rows each without steps: every value is there, and every row has a step of its own."""

    def work(name: int) -> None:
        for index in range(500):
            run.log({f"thread/{name}": index})

    threads = [threading.Thread(target=work, args=(name,)) for name in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    rows = logged(run)
    assert sorted(step for step, _ in rows) == list(range(4000))
    for name in range(8):
        assert [row[f"thread/{name}"] for _, row in rows if f"thread/{name}" in row] == list(range(500))


def test_a_signal_handler_may_log_in_the_middle_of_log(run: runwire.Run) -> None:
    """Rows that a signal's handler logs while the main thread logs are stored too, and none is torn or doubled."""
    handled = 0

    def handler(_signal: int, _frame: object) -> None:
        nonlocal handled
        handled += 1
        mine = handled  # the handler may be interrupted by itself
        run.log({"x": -mine})

    before = signal.signal(signal.SIGALRM, handler)
    signal.setitimer(signal.ITIMER_REAL, 0.0003, 0.0003)
    try:
        count = 0
        while handled < 1000:
            run.log({"x": count})
            count += 1
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    values = [row["x"] for _, row in logged(run)]
    assert [value for value in values if value >= 0] == list(range(count))
    assert sorted(-value for value in values if value < 0) == list(range(1, handled + 1))


def test_the_exception_of_a_signal_handler_leaves_log_and_no_row_is_doubled(run: runwire.Run) -> None:
    """As of a data loader's, which raises RuntimeError when a worker of its is dead: the training is to learn of it."""
    raised = caught = count = 0

    def handler(_signal: int, _frame: object) -> None:
        nonlocal raised
        raised += 1
        raise RuntimeError("a worker is dead")

    run.log({"x": -1.0})
    before = signal.signal(signal.SIGALRM, handler)
    try:
        while raised < 300:
            try:
                signal.setitimer(signal.ITIMER_REAL, 2e-5)
                for _ in range(20):
                    count += 1
                    run.log({"x": float(count)})
                signal.setitimer(signal.ITIMER_REAL, 0)
            except RuntimeError:  # noqa: PERF203 -- each is another one
                caught += 1
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert caught == raised
    values = [row["x"] for _, row in logged(run)]
    assert len(set(values)) == len(values)


def test_a_removed_home_is_said_once_and_stops_nothing(
    run: runwire.Run, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Somebody removes the spool under a running training: one line says what that means, and log() goes on."""
    import shutil

    run.log({"loss": 1.0})
    shutil.rmtree(home / "spool")
    said = []

    def warned() -> bool:
        run.log({"loss": 2.0})
        said.append(capsys.readouterr().err)
        return "was removed" in "".join(said)

    until(warned, "the loss is said")
    for _ in range(100):
        run.log({"loss": 3.0})
    said.append(capsys.readouterr().err)
    assert "".join(said).count("\n") == 1


def test_config_and_summary_record_each_change(run: runwire.Run) -> None:
    """By attribute, by item and by update; values of other libraries are recorded as plain data."""
    run.config.lr = 0.1
    run.config["layers"] = (1, 2)
    run.config.update({"dtype": np.dtype("float32"), "seed": np.int64(3)}, depth=2)
    run.summary["best"] = math.nan
    assert run.config.lr == 0.1
    assert run.config["layers"] == (1, 2)
    assert "depth" in run.config
    assert told(run, "config") == [
        {"lr": 0.1},
        {"layers": [1, 2]},
        {"dtype": "dtype('float32')", "seed": 3, "depth": 2},
    ]
    assert told(run, "summary") == [{"best": "NaN"}]
    with pytest.raises(AttributeError, match="no 'epochs' here; there is: depth, dtype, layers, lr, seed"):
        _ = run.config.epochs


def test_an_alert_is_recorded_with_its_level(run: runwire.Run, capsys: pytest.CaptureFixture[str]) -> None:
    """Levels are the enum or its names; another is named, and the alert is raised as a warning."""
    capsys.readouterr()
    run.alert("low", "accuracy", level=runwire.AlertLevel.ERROR)
    run.alert("low", level="info")
    run.alert("low", level="fatal")
    assert [data["level"] for data in told(run, "alert")] == ["ERROR", "INFO", "WARN"]
    assert "alert level 'fatal' is none of INFO, WARN, ERROR" in capsys.readouterr().err


def test_the_run_cannot_be_used_after_finish(run: runwire.Run) -> None:
    """The error says what happened and what to do."""
    run.finish()
    run.finish()
    with pytest.raises(runwire.errors.RunFinishedError, match=r"Run already finished: log\(\).*Call runwire.init\(\)"):
        run.log({"loss": 1.0})
    with pytest.raises(runwire.errors.RunFinishedError, match="a change of config"):
        run.config.lr = 1
    assert runwire.run is None


@pytest.mark.parametrize("place", ["file", "/sys"])
def test_a_read_only_home_stops_nothing(tmp_path: Path, place: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Where no spool can be made, below a file or where the kernel lets nobody, that is said; the training goes on."""
    (tmp_path / "file").write_text("no folder")
    run = runwire.init(dir=tmp_path / place / "home")
    for _ in range(3):
        run.log({"loss": 1.0})
    run.config.lr = 1
    run.finish()
    (line,) = capsys.readouterr().err.splitlines()
    assert "nothing of this run is recorded, the training goes on" in line
    assert run.folder is None
