"""Keras' own ``fit``, on each back end that is installed, in a process each: a back end is chosen once for all."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from producers.spooled import logged, told

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


@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_each_epoch_is_a_row_of_what_keras_tells(backend: str, tmp_path: Path) -> None:
    """Losses of training and validation are those of Keras' own history; every second batch is logged, too."""
    assert importlib.util.find_spec(backend), f"{backend} is not installed"
    done = subprocess.run(
        [sys.executable, "-c", FIT],
        env={**os.environ, "KERAS_BACKEND": backend, "KERAS_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout.splitlines()[-1])
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
