"""A real training, small enough for a laptop: a multilayer perceptron in numpy on scikit-learn's digits.

Nothing here is made up for show: the curves are what gradient descent does to 1,797 handwritten digits, and the NaN of
the second run is what a learning rate that keeps growing does to float64 weights.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
from threadpoolctl import threadpool_limits

Array = npt.NDArray[np.float64]

BATCH = 128
HIDDEN = 64
CLASSES = 10
WEIGHT_DECAY = 1e-3
#: Validation is measured every so many steps.
VALIDATE_EVERY = 20


def healthy() -> Iterator[dict[str, float]]:
    """The demo's first training: a cosine schedule over 3,000 steps, which learns."""
    return train(cosine(0.5, 3_000), steps=3_000, seed=0)


def diverging() -> Iterator[dict[str, float]]:
    """The demo's second training: a range test that goes too far; its loss is NaN after some 2,160 steps."""
    return train(range_test(0.05, 1.005), steps=4_000, seed=1)


def cosine(base: float, steps: int) -> Callable[[int], float]:
    """Return a schedule that falls from ``base`` to 0 over ``steps`` like half a cosine."""
    return lambda step: base * 0.5 * (1 + math.cos(math.pi * step / steps))


def range_test(base: float, growth: float) -> Callable[[int], float]:
    """Return a schedule that multiplies the rate by ``growth`` each step: the learning rate range test.

    It always ends in divergence; that is how one finds the largest rate that works (L. N. Smith, "Cyclical Learning
    Rates for Training Neural Networks", 2017). Stopping it too late is the oldest way to a NaN.
    """
    return lambda step: base * growth**step


def train(schedule: Callable[[int], float], steps: int, seed: int) -> Iterator[dict[str, float]]:
    """Train by stochastic gradient descent with weight decay and yield what each step has to log.

    Weight decay pulls the weights back as long as rate * WEIGHT_DECAY < 2; beyond, each step overshoots further than
    the last, until the weights overflow: Inf - Inf is the NaN.

    Args:
        schedule: learning rate by step.
        steps: the most steps to take; the training also ends ten steps after its loss is NaN.
        seed: of the split, the weights and the batches; the same seed gives the same numbers on the same machine.

    Yields:
        One dict a step: train/loss, train/accuracy, learning_rate, grad_norm; and every 20th step val/loss and
        val/accuracy.
    """
    train_x, train_y, val_x, val_y = _digits(seed)
    rng = np.random.default_rng(seed)
    weights = [
        rng.normal(0, math.sqrt(2 / train_x.shape[1]), (train_x.shape[1], HIDDEN)),
        np.zeros(HIDDEN),
        rng.normal(0, math.sqrt(2 / HIDDEN), (HIDDEN, CLASSES)),
        np.zeros(CLASSES),
    ]
    steps_after_nan = 0
    # Matrices this small are multiplied sooner by one thread than two can be woken; and overflow is this training's
    # subject, not a mistake in it.
    with threadpool_limits(1), np.errstate(all="ignore"):
        for step in range(steps):
            batch = rng.integers(0, len(train_x), BATCH)
            loss, accuracy, gradients = _loss(weights, train_x[batch], train_y[batch])
            rate = schedule(step)
            row = {
                "train/loss": loss,
                "train/accuracy": accuracy,
                "learning_rate": rate,
                "grad_norm": math.sqrt(sum(float(np.sum(g * g)) for g in gradients)),
            }
            if step % VALIDATE_EVERY == 0:
                row["val/loss"], row["val/accuracy"], _ = _loss(weights, val_x, val_y)
            yield row
            for weight, gradient in zip(weights, gradients, strict=True):
                weight[...] -= rate * (gradient + WEIGHT_DECAY * weight)
            steps_after_nan += math.isnan(loss)
            if steps_after_nan > 10:
                return


def _digits(seed: int) -> tuple[Array, npt.NDArray[Any], Array, npt.NDArray[Any]]:
    from sklearn.datasets import load_digits  # noqa: PLC0415 -- a second to import; only a training needs it

    data = load_digits()
    pixels = data.data / 16.0
    order = np.random.default_rng(seed).permutation(len(pixels))
    held_out, kept = order[:360], order[360:]
    return pixels[kept], data.target[kept], pixels[held_out], data.target[held_out]


def _loss(weights: list[Array], x: Array, y: npt.NDArray[Any]) -> tuple[float, float, list[Array]]:
    """Return cross-entropy, accuracy, and the gradients of the cross-entropy in the order of ``weights``."""
    w1, b1, w2, b2 = weights
    hidden = np.maximum(x @ w1 + b1, 0)
    logits = hidden @ w2 + b2
    shifted = logits - logits.max(axis=1, keepdims=True)
    log_probabilities = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    rows = np.arange(len(y))
    loss = -float(log_probabilities[rows, y].mean())
    accuracy = float((logits.argmax(axis=1) == y).mean())
    delta = np.exp(log_probabilities)
    delta[rows, y] -= 1
    delta /= len(y)
    back = (delta @ w2.T) * (hidden > 0)
    return loss, accuracy, [x.T @ back, back.sum(axis=0), hidden.T @ delta, delta.sum(axis=0)]
