"""Keras' own ``fit``, on each of its back ends, in a process each: a back end is chosen once for all."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from producers.spooled import logged, told
from published import needs_tensorflow

BACKENDS = ["jax", "torch", pytest.param("tensorflow", marks=needs_tensorflow)]
FIT = """
import json, keras, numpy as np, runwire
from runwire.integrations.keras import RunwireCallback

keras.utils.set_random_seed(0)
x = np.random.default_rng(0).normal(size=(64, 4)).astype("float32")
model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(8, activation="relu"), keras.layers.Dense(1)])
model.compile(optimizer=keras.optimizers.Adam(0.01), loss="mse", metrics=["mae"])
run = runwire.init(project="keras")
callbacks = [RunwireCallback(every=2)]
history = model.fit(x, x[:, :1], epochs=3, batch_size=16, validation_split=0.25, callbacks=callbacks, verbose=0)
print(json.dumps({"folder": str(run.folder), "history": history.history}))
"""


def fitted(code: str, backend: str, folder: Path) -> dict[str, Any]:
    """Run a program on a back end; return what it says last."""
    assert importlib.util.find_spec(backend), f"{backend} is not installed"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "KERAS_BACKEND": backend, "KERAS_HOME": str(folder)},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout.splitlines()[-1]))


@pytest.mark.parametrize("backend", BACKENDS)
def test_each_epoch_is_a_row_of_what_keras_tells(backend: str, tmp_path: Path) -> None:
    """Losses of training and validation are those of Keras' own history; every second batch is logged, too."""
    said = fitted(FIT, backend, tmp_path)
    folder = Path(said["folder"])
    rows = logged(folder)
    epochs = [(step, row) for step, row in rows if "epoch" in row]
    assert [step for step, _ in epochs] == [2, 5, 8]  # three batches of 16 an epoch, counted on
    for name, values in said["history"].items():
        assert [row[f"epoch/{name}"] for _, row in epochs] == pytest.approx(values)
    assert all(0 < row["perf/step_seconds"] < 60 for _, row in epochs)
    assert [row["epoch/learning_rate"] for _, row in epochs] == pytest.approx([0.01] * 3)
    assert [step for step, row in rows if "batch/loss" in row] == [0, 2, 4, 6, 8]
    assert [data["phase"] for data in told(folder, "phase")] == ["eval", None] * 3
    config = told(folder, "config")[0]["keras"]
    assert (config["backend"], config["optimizer"]["name"], config["parameters"]) == (backend, "adam", 49)


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_run_that_is_asked_to_stop_ends_the_training(backend: str, tmp_path: Path) -> None:
    """After the batch, by the model's own flag; the epoch that it was in is logged, and the run says that it obeyed."""
    here = Path(__file__).parent
    ask = f"import sys\nsys.path[:0] = [{str(here)!r}, {str(here.parent)!r}]\nfrom stops import ask\nask(run)\n"
    folder = Path(fitted(FIT.replace("callbacks =", f"{ask}callbacks ="), backend, tmp_path)["folder"])
    rows = logged(folder)
    assert [step for step, row in rows if "epoch" in row] == [0]
    assert told(folder, "finish") == [{"exit_code": 0, "stopped": True}]


def test_a_period_of_no_batches_is_refused(tmp_path: Path) -> None:
    """When the callback is made, by a sentence that says what to pass, and not in the middle of the training."""
    code = """
import json, runwire
from runwire.integrations.keras import RunwireCallback
run, said = runwire.init(), {}
for every in (0, -1, 0.5, "epochs", None):
    try:
        RunwireCallback(every=every)
    except runwire.errors.UsageError as error:
        said[repr(every)] = str(error)
print(json.dumps(said))
"""
    instead = "pass a number of batches, 1 or more, or 'epoch' for none"
    refused = ("0", "-1", "0.5", "'epochs'", "None")
    assert fitted(code, "jax", tmp_path) == {every: f"every is {every}: {instead}" for every in refused}


@needs_tensorflow
def test_a_loop_without_fit_logs_at_the_steps_that_its_optimizer_counts(tmp_path: Path) -> None:
    """Keras' variables are taken as steps and as numbers, as TensorFlow's tensors are, in a compiled step's results."""
    code = """
import json, keras, numpy as np, runwire, tensorflow as tf

keras.utils.set_random_seed(0)
x = np.random.default_rng(0).normal(size=(64, 4)).astype("float32")
model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1)])
optimizer = keras.optimizers.SGD(0.125)

@tf.function
def step(x, y):
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean((model(x, training=True) - y) ** 2)
    optimizer.apply_gradients(zip(tape.gradient(loss, model.trainable_variables), model.trainable_variables))
    return loss

run, losses, mean = runwire.init(project="keras"), [], keras.metrics.Mean()
for first in range(0, 64, 16):
    loss = step(x[first:first + 16], x[first:first + 16, :1])
    mean.update_state(loss)
    rate = optimizer.learning_rate
    run.log({"loss": loss, "mean": mean.result(), "rate": rate}, step=optimizer.iterations)
    losses.append([float(loss.numpy()), float(mean.result().numpy())])
print(json.dumps({"folder": str(run.folder), "losses": losses}))
"""
    said = fitted(code, "tensorflow", tmp_path)
    assert logged(Path(said["folder"])) == [
        (step, {"loss": loss, "mean": mean, "rate": 0.125}) for step, (loss, mean) in enumerate(said["losses"], 1)
    ]
