"""Small networks that really learn, in numpy: what the trainings of `make.py` have in common.

All parameters of a network are one flat vector, so that an optimiser, a gradient's norm and a checkpoint are a line
each.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.floating[Any]]
Labels = npt.NDArray[np.integer[Any]]
Schedule = Callable[[int], float]


class Network:
    """A multilayer perceptron: `sizes` of its layers, `activation` ("relu", "tanh" or "sigmoid") between them."""

    def __init__(
        self, sizes: Sequence[int], rng: np.random.Generator, activation: str = "relu", gain: float = 1.0
    ) -> None:
        shapes = [shape for fan in pairwise(sizes) for shape in (fan, fan[1:])]
        self.theta = np.zeros(sum(math.prod(shape) for shape in shapes))
        self.gradient = np.zeros_like(self.theta)
        self.weights = _views(self.theta, shapes)
        self.gradients = _views(self.gradient, shapes)
        self._activation = activation
        for weight in self.weights[::2]:
            weight[...] = rng.normal(0, gain / math.sqrt(weight.shape[0]), weight.shape)

    def forward(self, x: Array, dtype: type = np.float64) -> list[Array]:
        """Return the activations of all layers, the input first and the logits last."""
        layers = [x.astype(dtype)]
        last = len(self.weights) // 2 - 1
        for index in range(last + 1):
            weight, bias = (part.astype(dtype) for part in self.weights[2 * index : 2 * index + 2])
            layers.append(self._activate(layers[-1] @ weight + bias) if index < last else layers[-1] @ weight + bias)
        return layers

    def backward(self, layers: list[Array], delta: Array) -> Array:
        """Write the gradients, given the loss's derivative by the logits. Return its derivative by the input."""
        for index in range(len(layers) - 2, -1, -1):
            self.gradients[2 * index][...] = layers[index].T @ delta
            self.gradients[2 * index + 1][...] = delta.sum(axis=0)
            delta = delta @ self.weights[2 * index].astype(delta.dtype).T
            if index:
                delta = delta * self._slope(layers[index])
        return delta

    def _activate(self, x: Array) -> Array:
        if self._activation == "relu":
            return np.maximum(x, 0)
        return np.tanh(x) if self._activation == "tanh" else 1 / (1 + np.exp(-x))

    def _slope(self, y: Array) -> Array:
        if self._activation == "relu":
            return y > 0
        return 1 - y * y if self._activation == "tanh" else y * (1 - y)


class Adam:
    """Kingma and Ba, 2015."""

    def __init__(self, size: int, beta1: float = 0.9, beta2: float = 0.999) -> None:
        self._first, self._second, self._step = np.zeros(size), np.zeros(size), 0
        self._beta1, self._beta2 = beta1, beta2

    def move(self, theta: Array, gradient: Array, rate: float) -> None:
        """Take a step."""
        self._step += 1
        self._first += (1 - self._beta1) * (gradient - self._first)
        self._second += (1 - self._beta2) * (gradient * gradient - self._second)
        first = self._first / (1 - self._beta1**self._step)
        second = self._second / (1 - self._beta2**self._step)
        theta -= rate * first / (np.sqrt(second) + 1e-8)


class Momentum:
    """Gradient descent with momentum."""

    def __init__(self, size: int, momentum: float = 0.9) -> None:
        self._velocity, self._momentum = np.zeros(size), momentum

    def move(self, theta: Array, gradient: Array, rate: float) -> None:
        """Take a step."""
        self._velocity *= self._momentum
        self._velocity += gradient
        theta -= rate * self._velocity


def cross_entropy(logits: Array, labels: Labels) -> tuple[float, Array]:
    """Return the mean cross-entropy, and its derivative by the logits."""
    shifted = logits - logits.max(axis=1, keepdims=True)
    log_p = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    rows = np.arange(len(labels))
    delta = np.exp(log_p)
    delta[rows, labels] -= 1
    return -float(log_p[rows, labels].mean()), delta / len(labels)


def squared_error(output: Array, target: Array) -> tuple[float, Array]:
    """Return the mean squared error, and its derivative by the output."""
    error = output - target
    return float(np.mean(error * error)), 2 * error / error.size


def warm_up(schedule: Schedule, steps: int) -> Schedule:
    """Return a schedule that rises linearly to what `schedule` is."""
    return lambda step: schedule(step) * min((step + 1) / steps, 1)


def cosine(base: float, period: int, least: float = 0.01) -> Schedule:
    """Return a schedule that falls like half a cosine and restarts each `period` (Loshchilov and Hutter, 2017)."""
    return lambda step: base * (least + (1 - least) * 0.5 * (1 + math.cos(math.pi * (step % period) / period)))


def _views(flat: Array, shapes: Sequence[tuple[int, ...]]) -> list[Array]:
    views, at = [], 0
    for shape in shapes:
        size = math.prod(shape)
        views.append(flat[at : at + size].reshape(shape))
        at += size
    return views
