"""TensorFlow's tensors and variables, as training loops log them: eagerly, and where functions are traced."""

from __future__ import annotations

import json
import logging
import math
import os
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from producers.spooled import logged, parts, told
from published import needs_tensorflow

import runwire

pytestmark = needs_tensorflow


@pytest.fixture(scope="module")
def tf() -> Any:
    """TensorFlow: it takes so long to import that only a test of it does."""
    import tensorflow as tf

    return tf


def test_a_scalar_is_stored_as_the_float64_that_it_is(
    tf: Any, run: runwire.Run, capsys: pytest.CaptureFixture[str]
) -> None:
    """To the bit, of each type of number, of variables and of arrays of one element, and without a warning."""
    (odd,) = struct.unpack("<d", (0xFFF8_0000_DEAD_BEEF).to_bytes(8, "little"))
    expected = {
        "float16": (tf.constant(0.1, tf.float16), float(np.float16(0.1))),
        "bfloat16": (tf.constant(0.1, tf.bfloat16), 0.10009765625),
        "float32": (tf.constant(0.1), float(np.float32(0.1))),
        "float64": (tf.constant(0.1, tf.float64), 0.1),
        "float8": (tf.cast(0.3, tf.dtypes.experimental.float8_e4m3fn), 0.3125),
        "int8": (tf.constant(-3, tf.int8), -3.0),
        "int64": (tf.constant(2**53, tf.int64), 2.0**53),
        "uint64": (tf.constant(2**63, tf.uint64), 2.0**63),
        "bool": (tf.constant(True), 1.0),  # noqa: FBT003 -- the value
        "variable": (tf.Variable(0.1), float(np.float32(0.1))),
        "variable of bfloat16": (tf.Variable(0.1, dtype=tf.bfloat16), 0.10009765625),
        "one": (tf.constant([[2.5]]), 2.5),
        "ragged one": (tf.ragged.constant([[2.5]]), 2.5),
        "zero": (tf.constant(np.array(-0.0)), -0.0),  # -0.0 itself is whichever zero TensorFlow was asked for first
        "infinity": (tf.constant(-math.inf, tf.bfloat16), -math.inf),
        "nan": (tf.constant(np.array(odd)), odd),
    }
    capsys.readouterr()
    run.log({name: tensor for name, (tensor, _) in expected.items()})
    ((_, row),) = logged(run)
    assert {name: struct.pack("<d", value) for name, value in row.items()} == {
        name: struct.pack("<d", value) for name, (_, value) in expected.items()
    }
    assert capsys.readouterr().err == ""


def test_an_integer_that_float64_does_not_hold_is_said(
    tf: Any, run: runwire.Run, capsys: pytest.CaptureFixture[str]
) -> None:
    """As for Python's own: it is stored as the nearest, and both are named."""
    run.log({"large": tf.constant(2**53 + 1, tf.int64)})
    assert logged(run) == [(0, {"large": 2.0**53})]
    assert "'large': 9007199254740993 is stored as 9007199254740992" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda tf: tf.zeros([300, 1000]), "a ndarray of shape (300, 1000) is not one number"),
        (lambda tf: tf.zeros([0]), "a ndarray of shape (0,) is not one number"),
        (lambda tf: tf.Variable([1.0, 2.0]), "a ndarray of shape (2,) is not one number"),
        (lambda tf: tf.ragged.constant([[1.0], [2.0, 3.0]]), "a ndarray of shape (2,) is not one number"),
        (lambda tf: tf.sparse.from_dense([[0.0, 1.0]]), "a SparseTensor is not a number"),
        (lambda tf: tf.constant("0.5"), "b'0.5' is a bytes, not a number"),
        (lambda tf: tf.constant(1 + 2j), "a complex is not a number"),
    ],
    ids=["large", "empty", "variable", "ragged", "sparse", "text", "complex"],
)
def test_a_tensor_that_is_no_number_is_named_once_and_the_rest_kept(
    make: Any, said: str, tf: Any, run: runwire.Run, capsys: pytest.CaptureFixture[str]
) -> None:
    """However often it is logged; the other values of the call are stored."""
    capsys.readouterr()
    for _ in range(3):
        run.log({"x": make(tf), "loss": tf.constant(0.5)})
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"runwire: 'x': {said}")
    assert line.endswith(": not logged; the call's other values are")
    assert logged(run) == [(step, {"loss": 0.5}) for step in range(3)]


def test_scalars_are_numbers_in_a_config_and_in_the_rows_of_a_table(tf: Any, run: runwire.Run) -> None:
    """Of tensors and of variables; integers stay integers, truths truths."""
    run.config.update({"lr": tf.constant(0.5), "seed": tf.Variable(3, dtype=tf.int64), "nesterov": tf.constant(True)})  # noqa: FBT003 -- the value
    assert json.dumps(told(run, "config")) == '[{"lr": 0.5, "seed": 3, "nesterov": true}]'
    run.log({"table": runwire.Table(["a", "b"], [[tf.constant(1.5), tf.Variable(2)], [tf.constant(3.5), 4]])})
    (part,) = parts(run)
    assert part.rows == [[1.5, 2], [3.5, 4]]


def test_a_loop_with_a_gradient_tape_logs_each_loss_at_the_step_that_it_counts(tf: Any, run: runwire.Run) -> None:
    """Losses are the float32 that the loop has, steps those of a variable; gradients are as they are without a log."""

    def trained(*, logs: bool) -> list[Any]:
        weight, step, seen = tf.Variable(0.0), tf.Variable(10, dtype=tf.int64), []
        for _ in range(20):
            with tf.GradientTape() as tape:
                loss = (weight - 3.3) ** 2
                if logs:
                    run.log({"loss": loss, "weight": weight}, step=step)
            gradient = tape.gradient(loss, weight)
            seen.append((int(step.numpy()), *(float(one.numpy()) for one in (loss, weight, gradient))))
            weight.assign_sub(0.2 * gradient)
            step.assign_add(1)
        return seen

    seen = trained(logs=True)
    assert logged(run) == [(step, {"loss": loss, "weight": weight}) for step, loss, weight, _ in seen]
    assert seen == trained(logs=False)


def test_a_traced_function_that_logs_a_tensor_runs_on_and_is_told_what_to_do(
    tf: Any, run: runwire.Run, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    """A tensor or variable has no value there: that is said, with the way out, and TensorFlow complains of nothing."""
    weight = tf.Variable(2.0)

    @tf.function
    def doubled(value: Any) -> Any:
        result = value * weight
        run.log({"result": result, "weight": weight, "constant": 0.5})
        return result

    logger = logging.getLogger("tensorflow")
    logger.addHandler(caplog.handler)
    capsys.readouterr()
    try:
        assert [float(doubled(tf.constant(value)).numpy()) for value in (1.0, 2.0, 3.0)] == [2.0, 4.0, 6.0]
    finally:
        logger.removeHandler(caplog.handler)
    assert {record.name for record in caplog.records} == {"runwire"}
    way_out = "has no value while its tf.function is traced (return it and log that, or log within tf.py_function)"
    assert capsys.readouterr().err.splitlines() == [
        f"runwire: 'result': a SymbolicTensor {way_out}: not logged; the call's other values are",
        f"runwire: 'weight': a ResourceVariable {way_out}: not logged; the call's other values are",
    ]
    assert logged(run) == [(0, {"constant": 0.5})]  # it was traced once


def test_a_compiled_loop_logs_each_of_its_steps_by_a_py_function(tf: Any, run: runwire.Run) -> None:
    """Values and steps come out of a loop in a graph, each the float32 that it had there."""

    def log(loss: Any, step: Any) -> None:
        run.log({"loss": loss}, step=step)

    @tf.function
    def train(steps: Any) -> Any:
        losses = tf.TensorArray(tf.float32, steps)
        for step in tf.range(steps):
            loss = tf.exp(-tf.cast(step, tf.float32) / 7)
            tf.py_function(log, [loss, step], [])
            losses = losses.write(step, loss)
        return losses.stack()

    losses = train(tf.constant(20)).numpy()
    assert logged(run) == [(step, {"loss": float(loss)}) for step, loss in enumerate(losses)]


def test_what_tf_summary_writes_is_imported(tf: Any, tmp_path: Path) -> None:
    """Its scalars, of an eager loop and of a graph, with their steps; what is no scalar is counted."""
    writer = tf.summary.create_file_writer(str(tmp_path / "logs"))

    @tf.function
    def traced(steps: Any) -> None:
        with writer.as_default():
            for step in tf.range(steps, dtype=tf.int64):
                tf.summary.scalar("traced", tf.cast(step, tf.float32) / 3, step=step)

    with writer.as_default():
        for step in range(3):
            tf.summary.scalar("loss", 0.1 * step, step=step)
        tf.summary.scalar("nan", tf.constant(math.nan), step=3)
        tf.summary.histogram("weights", tf.zeros([10]), step=3)
        tf.summary.text("note", "hello", step=3)
    traced(tf.constant(3, tf.int64))
    writer.close()
    done = subprocess.run(
        [sys.executable, "-m", "runwire", "import", "tensorboard", str(tmp_path / "logs"), "--json"],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    (said,) = json.loads(done.stdout)
    assert (said["scalars"], said["left_out"], said["damaged"]) == (7, {"histograms": 1, "text": 1}, [])
    (meta,) = Path(os.environ["RUNWIRE_HOME"]).glob("spool/*/*/*/*/meta.json")
    found = [
        (step, name, value) for step, row in logged(meta.parent) for name, value in row.items() if name != "_timestamp"
    ]
    assert [(step, value) for step, name, value in found if name == "loss"] == [
        (step, float(np.float32(0.1 * step))) for step in range(3)
    ]
    assert [(step, value) for step, name, value in found if name.endswith("traced")] == [
        (step, float(np.float32(step) / np.float32(3))) for step in range(3)
    ]
    ((step, value),) = [(step, value) for step, name, value in found if name == "nan"]
    assert step == 3
    assert math.isnan(value)
