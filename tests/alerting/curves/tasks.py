"""What the networks of `make.py` learn: digits to be told apart or drawn again, and a text to be continued."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from network import Array, Labels, Network, cross_entropy, squared_error
from sklearn import datasets

_CONTEXT, _EMBEDDING = 4, 8


@lru_cache
def _digits() -> tuple[Array, Labels]:
    data: Any = datasets.load_digits()
    return data.data / 16.0, data.target


@lru_cache
def _text() -> tuple[Labels, int]:
    """Return the descriptions of scikit-learn's data sets as numbers, and how many characters there are."""
    names = ("iris", "digits", "wine", "breast_cancer", "diabetes", "linnerud")
    text = "\n".join(getattr(datasets, f"load_{name}")().DESCR for name in names)
    return np.unique(list(text), return_inverse=True)[1], len(set(text))


class Digits:
    """Tell 1,797 handwritten digits apart; the last 360 of a shuffle are for validation."""

    def __init__(
        self, rng: np.random.Generator, batch: int = 16, hidden: int = 32, examples: int | None = None
    ) -> None:
        pixels, labels = _digits()
        order = rng.permutation(len(pixels))
        self.x, self.y = pixels[order[:-360]][:examples], labels[order[:-360]][:examples]
        self.val_x, self.val_y = pixels[order[-360:]], labels[order[-360:]]
        self.rng, self.batch = rng, batch
        self.network = Network((64, hidden, 10), rng, gain=1.4)

    def draw(self) -> tuple[Array, Labels]:
        """Return a batch."""
        rows = self.rng.integers(0, len(self.x), self.batch)
        return self.x[rows], self.y[rows]

    def loss(self) -> float:
        """Return the loss of a batch; the gradients lie in the network."""
        return self.loss_of(*self.draw())

    def loss_of(self, x: Array, y: Labels) -> float:
        """Return the loss of a batch that is given."""
        layers = self.network.forward(x)
        loss, delta = cross_entropy(layers[-1], y)
        self.network.backward(layers, delta)
        return loss

    def validate(self) -> float:
        """Return the loss on what is not trained on."""
        return cross_entropy(self.network.forward(self.val_x)[-1], self.val_y)[0]


class Drawing(Digits):
    """Draw digits again through a narrow layer: a squared error, which becomes small."""

    def __init__(self, rng: np.random.Generator, batch: int = 16) -> None:
        super().__init__(rng, batch)
        self.network = Network((64, 32, 12, 32, 64), rng, "tanh")

    def loss(self) -> float:
        """Return the loss of a batch; the gradients lie in the network."""
        x, _ = self.draw()
        layers = self.network.forward(x)
        loss, delta = squared_error(layers[-1], x)
        self.network.backward(layers, delta)
        return loss


class Text:
    """Continue a text by the next character, from the four before (after Bengio et al., 2003)."""

    def __init__(self, rng: np.random.Generator, batch: int = 32, hidden: int = 48) -> None:
        self.text, self.size = _text()
        self.rng, self.batch = rng, batch
        self.network = Network((_CONTEXT * _EMBEDDING, hidden, self.size), rng, "tanh")
        self.embedding = rng.normal(0, 1, (self.size, _EMBEDDING))

    def loss(self) -> float:
        """Return the loss of a batch; the gradients lie in the network. The embedding stays as it was drawn."""
        at = self.rng.integers(_CONTEXT, len(self.text), self.batch)
        context = self.text[at[:, None] - np.arange(_CONTEXT, 0, -1)]
        layers = self.network.forward(self.embedding[context].reshape(self.batch, -1))
        loss, delta = cross_entropy(layers[-1], self.text[at])
        self.network.backward(layers, delta)
        return loss
