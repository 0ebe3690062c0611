"""Makes the curves of this folder: `python tests/alerting/curves/make.py`, a few minutes on one core.

Each kind is a training that really happens, in numpy, some `SEEDS` times. A file NAME.npz holds of each seed what the
training logged a step: `loss`, `gradient_norm` and what else its kind is about; `onset` is the step at which it was
made to go wrong, -1 where nothing was. Floats are kept to 10 bits of their mantissa, as a logger that rounds keeps
them. The same seed gives the same curve on the same machine; another's matrix library rounds differently, so a chaotic
training then differs in its numbers and not in its kind. Only `slowdown.npz`
holds times, which are the machine's.
"""

from __future__ import annotations

import math
import sys
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from network import Adam, Array, Momentum, Network, Schedule, cosine, cross_entropy, warm_up
from tasks import Digits, Drawing, Text
from threadpoolctl import threadpool_limits

FOLDER = Path(__file__).parent
SEEDS = 8
STEPS = 2000
_MANTISSA_BITS = 10
#: Of these the gradient's norm is of no interest.
_WITHOUT_GRADIENT = {"plateaued", "filtered", "dead", "overfitting", "regularised", "harder"}

Curve = dict[str, Any]
KINDS: dict[str, Callable[[np.random.Generator], Curve]] = {}
Task = Digits | Text
Optimiser = Adam | Momentum


def kind(training: Callable[[np.random.Generator], Curve]) -> Callable[[np.random.Generator], Curve]:
    """Have a training's curves made."""
    KINDS[training.__name__] = training
    return training


class Log:
    """What a training logs, column by column."""

    def __init__(self) -> None:
        self.columns: dict[str, list[float]] = {}

    def __call__(self, **row: float) -> None:
        for name, value in row.items():
            self.columns.setdefault(name, []).append(value)

    def curve(self, onset: int = -1) -> Curve:
        """Return what was logged."""
        return {**self.columns, "onset": onset}


def _run(
    task: Task,
    optimiser: Optimiser,
    schedule: Schedule,
    log: Log,
    *,
    steps: range = range(STEPS),
    loss: Callable[[int], float] | None = None,
    clip: float = math.inf,
) -> None:
    """Train; the norm that is logged is that before clipping."""
    network = task.network
    for step in steps:
        value = task.loss() if loss is None else loss(step)
        norm = float(np.linalg.norm(network.gradient))
        log(loss=value, gradient_norm=norm)
        optimiser.move(network.theta, network.gradient * min(1, clip / (norm or 1)), schedule(step))


def _adam(task: Task) -> Adam:
    return Adam(task.network.theta.size)


def _momentum(task: Task) -> Momentum:
    return Momentum(task.network.theta.size)


# Healthy ones.


@kind
def noisy(rng: np.random.Generator) -> Curve:
    """Batches of 8, with a constant rate: the loss of a batch says little."""
    task, log = Digits(rng, batch=8), Log()
    _run(task, _momentum(task), lambda _: 0.003, log)
    return log.curve()


@kind
def language(rng: np.random.Generator) -> Curve:
    """The next character of a text, as language models are trained: Adam, warm-up, cosine, clipping."""
    task, log = Text(rng), Log()
    _run(task, _adam(task), warm_up(cosine(0.01, STEPS), 100), log, clip=1.0)
    return log.curve()


@kind
def drawing(rng: np.random.Generator) -> Curve:
    """A squared error that becomes small, as that of an autoencoder or a diffusion model."""
    task, log = Drawing(rng), Log()
    _run(task, _adam(task), warm_up(cosine(0.003, STEPS), 50), log)
    return log.curve()


@kind
def spiky(rng: np.random.Generator) -> Curve:
    """One batch in 40 has wrong labels: its loss is high, and the next one's is as before."""
    task, log = Digits(rng, batch=32), Log()

    def loss(_: int) -> float:
        x, y = task.draw()
        return task.loss_of(x, rng.permutation(y) if rng.random() < 1 / 40 else y)

    _run(task, _adam(task), lambda _: 0.001, log, loss=loss, clip=1.0)
    return log.curve()


@kind
def restarts(rng: np.random.Generator) -> Curve:
    """The learning rate restarts warm each 400 steps, high enough to shake the loss."""
    task, log = (Text(rng) if rng.random() < 0.5 else Digits(rng, batch=32)), Log()
    _run(task, _adam(task), cosine(0.02, 400), log, clip=1.0)
    return log.curve()


@kind
def resumed(rng: np.random.Generator) -> Curve:
    """Twice killed, and resumed from a checkpoint 30 to 200 steps before, with an optimiser that begins anew."""
    task, log, steps = Text(rng), Log(), []
    schedule = warm_up(cosine(0.01, STEPS), 100)
    begin = 0
    for end in (int(rng.integers(500, 900)), int(rng.integers(1200, 1600)), STEPS):
        checkpoint = max(end - int(rng.integers(30, 200)), begin)
        optimiser = _adam(task)
        _run(task, optimiser, schedule, log, steps=range(begin, checkpoint), clip=1.0)
        saved = task.network.theta.copy()
        _run(task, optimiser, schedule, log, steps=range(checkpoint, end), clip=1.0)
        steps += range(begin, end)
        task.network.theta[:] = saved
        begin = checkpoint
    return {**log.curve(), "step": steps}


@kind
def policy(rng: np.random.Generator) -> Curve:
    """REINFORCE on digits, a reward for the right one: the loss is about 0, and of either sign (Williams, 1992)."""
    task, log = Digits(rng, batch=64), Log()

    def loss(_: int) -> float:
        x, y = task.draw()
        layers = task.network.forward(x)
        _, delta = cross_entropy(layers[-1], y)
        p = delta * len(y)
        rows = np.arange(len(y))
        p[rows, y] += 1
        action = (p.cumsum(axis=1) < rng.random((len(y), 1))).sum(axis=1).clip(max=9)
        reward = (action == y).astype(float)
        advantage = (reward - reward.mean()) / (reward.std() + 1e-6)
        value = -float(np.mean(advantage * np.log(p[rows, action] + 1e-12)))
        p[rows, action] -= 1
        task.network.backward(layers, p * advantage[:, None] / len(y))
        return value

    _run(task, _adam(task), lambda _: 0.002, log, loss=loss)
    return log.curve()


@kind
def half(rng: np.random.Generator) -> Curve:
    """In float16 with a loss scale that is tried out: the gradient's norm is infinite now and then."""
    task, log = Digits(rng, batch=16), Log()
    network, optimiser, scale, since = task.network, _adam(task), 2.0**16, 0
    for _ in range(STEPS):
        x, y = task.draw()
        layers = network.forward(x, np.float16)
        value, delta = cross_entropy(layers[-1].astype(np.float32), y)
        network.backward(layers, (delta * scale).astype(np.float16))
        norm = float(np.linalg.norm(network.gradient / scale))
        log(loss=float(np.float16(value)), gradient_norm=norm if math.isfinite(norm) else math.inf)
        if math.isfinite(norm):
            optimiser.move(network.theta, network.gradient / scale, 0.002)
            since += 1
        else:
            scale, since = scale / 2, 0
        if since == 150:
            scale, since = scale * 2, 0
    return log.curve()


@kind
def mixture(rng: np.random.Generator) -> Curve:
    """Two data sets in one metric: each batch is of plain or, one time in three, of noisy digits, which are harder."""
    task, log = Digits(rng, batch=16), Log()

    def loss(_: int) -> float:
        x, y = task.draw()
        return task.loss_of(x + rng.normal(0, 0.5, x.shape) if rng.random() < 1 / 3 else x, y)

    _run(task, _momentum(task), lambda _: 0.01, log, loss=loss)
    return log.curve()


@kind
def converged(rng: np.random.Generator) -> Curve:
    """All examples in each batch, until nothing is left to learn; logged to four digits after the point."""
    task, log = Digits(rng, examples=100), Log()

    def loss(_: int) -> float:
        return round(task.loss_of(task.x, task.y), 4)

    _run(task, _adam(task), lambda _: 0.01, log, loss=loss)
    return log.curve()


@kind
def regularised(rng: np.random.Generator) -> Curve:
    """Noise on what is trained on, so that validation is better than training: no overfitting."""
    task, log = Digits(rng, batch=32, hidden=64), Log()

    def loss(step: int) -> float:
        if step % 20 == 0:
            log(val_loss=task.validate())
        x, y = task.draw()
        return task.loss_of(x + rng.normal(0, 0.3, x.shape), y)

    _run(task, _adam(task), cosine(0.003, STEPS), log, loss=loss)
    return log.curve()


@kind
def harder(rng: np.random.Generator) -> Curve:
    """From the onset on the digits are noisier: nothing is wrong, but the loss is higher at once."""
    onset = int(rng.integers(600, 1400))
    task, log = Digits(rng, batch=32), Log()

    def loss(step: int) -> float:
        x, y = task.draw()
        return task.loss_of(x + rng.normal(0, 0.3, x.shape) if step >= onset else x, y)

    _run(task, _adam(task), lambda _: 0.001, log, loss=loss)
    return log.curve(onset)


# Sick ones.


@kind
def diverging(rng: np.random.Generator) -> Curve:
    """From the onset on the learning rate grows by 2% a step, as a wrong schedule makes it."""
    onset = int(rng.integers(600, 1200))
    task, log = (Text(rng) if rng.random() < 0.5 else Digits(rng, batch=32)), Log()
    _run(task, _momentum(task), lambda step: 0.02 * 1.02 ** min(max(step - onset, 0), 450), log)
    return log.curve(onset)


@kind
def lost(rng: np.random.Generator) -> Curve:
    """A spike that stays: at the onset the weights are hit by an update far too large, and the rate is small."""
    onset = int(rng.integers(600, 1200))
    task, log = (Text(rng) if rng.random() < 0.5 else Digits(rng, batch=32)), Log()
    _run(task, _adam(task), lambda step: 1.0 if step == onset else 0.002 if step < onset else 1e-5, log)
    return log.curve(onset)


@kind
def spike(rng: np.random.Generator) -> Curve:
    """At the onset three updates are far too large; the training recovers within some hundred steps."""
    onset = int(rng.integers(600, 1400))
    task, log = (Text(rng) if rng.random() < 0.5 else Digits(rng, batch=32)), Log()
    _run(task, _adam(task), lambda step: 0.3 if onset <= step < onset + 3 else 0.003, log)
    return log.curve(onset)


@kind
def exploding(rng: np.random.Generator) -> Curve:
    """At the onset four batches come unscaled (0 to 160, not 0 to 1); clipping saves the loss from most of it."""
    onset = int(rng.integers(600, 1400))
    task, log = Digits(rng, batch=32), Log()

    def loss(step: int) -> float:
        x, y = task.draw()
        return task.loss_of(x * 160 if onset <= step < onset + 4 else x, y)

    _run(task, _momentum(task), lambda _: 0.003, log, loss=loss, clip=1.0)
    return log.curve(onset)


@kind
def plateaued(rng: np.random.Generator) -> Curve:
    """From the onset on the rate is a thousandth of what it was: the loss stays where it is, noisy."""
    onset = int(rng.integers(500, 700))
    task, log = (Text(rng) if rng.random() < 0.5 else Digits(rng, batch=32)), Log()
    _run(task, _adam(task), lambda step: 0.0005 if step < onset else 5e-7, log)
    return log.curve(onset)


@kind
def filtered(rng: np.random.Generator) -> Curve:
    """From the onset on the loss is NaN, and the trainer logs the average so far in its place, or 0.

    Both are what trainers do that filter NaN out of what they log: with sums that are begun anew each time that they
    are logged nothing but 0 is left.
    """
    onset = int(rng.integers(600, 1400))
    task, log = Digits(rng, batch=32), Log()
    _run(task, _adam(task), lambda _: 0.001, log, steps=range(onset))
    instead = 0.0 if rng.random() < 0.5 else float(np.mean(log.columns["loss"][-50:]))
    for _ in range(STEPS - onset):
        log(loss=instead, gradient_norm=math.nan)
    return log.curve(onset)


@kind
def dead(rng: np.random.Generator) -> Curve:
    """From the onset on the loader gives the same empty batch, and the scaler of the loss skips every update."""
    onset = int(rng.integers(600, 1400))
    task, log = Digits(rng, batch=32), Log()
    empty = np.zeros((32, 64)), task.draw()[1]
    _run(
        task,
        _adam(task),
        lambda step: 0.001 if step < onset else 0.0,
        log,
        loss=lambda step: task.loss() if step < onset else task.loss_of(*empty),
    )
    return log.curve(onset)


@kind
def vanishing(rng: np.random.Generator) -> Curve:
    """Ten layers of sigmoids: next to nothing of the gradient reaches the first (Hochreiter, 1991)."""
    task, log = Digits(rng, batch=32), Log()
    network = task.network = Network((64, *(32,) * 10, 10), rng, "sigmoid")
    _sampled(task, network, log)
    return log.curve(0)


@kind
def deep(rng: np.random.Generator) -> Curve:
    """The same with rectifiers: healthy, and its first layer's gradient is small, but there."""
    task, log = Digits(rng, batch=32), Log()
    network = task.network = Network((64, *(32,) * 6, 10), rng, gain=1.4)
    _sampled(task, network, log)
    return log.curve()


def _sampled(task: Digits, network: Network, log: Log) -> None:
    optimiser = Adam(network.theta.size)
    for _ in range(STEPS):
        loss = task.loss()
        mean = float(np.abs(network.gradients[0]).mean())
        log(loss=loss, first_layer=mean)
        optimiser.move(network.theta, network.gradient, 0.001)


@kind
def overfitting(rng: np.random.Generator) -> Curve:
    """Eighty examples and two hundred hidden units; the onset is where validation was best."""
    task, log = Digits(rng, batch=32, hidden=200, examples=80), Log()

    def loss(step: int) -> float:
        if step % 20 == 0:
            log(val_loss=task.validate())
        return task.loss()

    _run(task, _adam(task), lambda _: 0.003, log, loss=loss)
    smooth = np.convolve(log.columns["val_loss"], np.ones(5) / 5, mode="valid")
    return log.curve(20 * (int(np.argmin(smooth)) + 4))


@kind
def slowdown(rng: np.random.Generator) -> Curve:
    """Seconds of CPU a step; from the onset on the data take longer to make.

    Of each seed there is `step_seconds` of that, and `healthy_seconds`, where an evaluation each 100 steps is inside
    the step. CPU and not the clock, so that other work on the machine is not in it.
    """
    onset = int(rng.integers(500, 800))
    log = Log()
    for name, slow in (("step_seconds", onset), ("healthy_seconds", STEPS)):
        task = Digits(rng, batch=128)
        optimiser = _adam(task)
        for step in range(1200):
            began = time.thread_time()
            task.loss()
            optimiser.move(task.network.theta, task.network.gradient, 0.001)
            if step >= slow:
                task.x[:] += rng.normal(0, 1e-3, task.x.shape)[:64].mean()
            if step % 100 == 99:
                task.validate()
            log(**{name: time.thread_time() - began})
    return log.curve(onset)


def rounded(values: Array) -> Array:
    """Return values as float32 with `_MANTISSA_BITS` bits of mantissa."""
    mantissa, exponent = np.frexp(np.asarray(values, np.float64))
    scale = 2.0**_MANTISSA_BITS
    return np.ldexp(np.round(mantissa * scale) / scale, exponent).astype(np.float32)


def stacked(columns: list[Any], fill: float) -> Array:
    """Return one array of several seeds' columns; the shorter ones end in ``fill``."""
    size = max(len(column) for column in columns)
    return np.array([np.pad(column, (0, size - len(column)), constant_values=fill) for column in columns])


def save(name: str, arrays: Curve) -> None:
    """Write what `numpy.load` reads, in a third less than `numpy.savez_compressed` would."""
    with zipfile.ZipFile(FOLDER / f"{name}.npz", "w", zipfile.ZIP_LZMA) as archive:
        for key, array in arrays.items():
            entry = zipfile.ZipInfo(f"{key}.npy")  # of no time, so that the same arrays are the same file
            entry.compress_type = zipfile.ZIP_LZMA
            with archive.open(entry, "w") as file:
                np.lib.format.write_array(file, array)


def main(names: list[str]) -> None:
    """Make the kinds that are named, or all."""
    with threadpool_limits(1), np.errstate(all="ignore"):
        for name in names or list(KINDS):
            curves = [KINDS[name](np.random.default_rng([seed, *name.encode()])) for seed in range(SEEDS)]
            arrays: Curve = {"onset": np.array([curve.pop("onset") for curve in curves], np.int32)}
            for key in curves[0]:
                columns = [curve[key] for curve in curves]
                if key == "step":
                    arrays[key] = stacked(columns, -1).astype(np.int32)
                elif key != "gradient_norm" or name not in _WITHOUT_GRADIENT:
                    arrays[key] = rounded(stacked(columns, math.nan))
            save(name, arrays)


if __name__ == "__main__":
    main(sys.argv[1:])
