"""How long a training's steps take, and what of it a rank spends by itself."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

_T = TypeVar("_T")


class StepTimer:
    """Measures steps of a training loop, for any library; it logs nothing by itself.

    Ranks that exchange gradients wait for each other, so their steps take equally long, whoever is slow. What tells
    them apart is what each does by itself: waiting for data, and computing until the exchange begins, which is where
    `local` is called.

    ::

        timer = StepTimer()
        for batch in timer.batches(loader):
            loss = model(batch)
            timer.local()
            loss.backward()
            optimizer.step()
            timer.step(tokens=batch.numel())
            if step % 10 == 0:
                run.log({"train/loss": loss, **timer.values()}, step=step)

    Times are those of this process' clock. Where it runs ahead of a device it waits for it at other places, so that
    the mean of many steps is right and that of a part of them tells less.

    Args:
        clock: seconds that only increase; for tests.
    """

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        self._clock = clock
        self._steps = self._locals = self._tokens = 0
        self._data_seconds = self._step_seconds = self._local_seconds = 0.0
        #: When the step began to wait for its data, when it had them, and when it was done by itself; None: not yet.
        self._asked: float | None = None
        self._got: float | None = None
        self._alone: float | None = None

    def batches(self, loader: Iterable[_T]) -> Iterator[_T]:
        """Yield what a loader does, each as a step's data."""
        self.wait()
        for batch in loader:
            self.begin()
            yield batch
            self.wait()

    def wait(self) -> None:
        """Say that a step waits for its data from here on; what came between is no step's."""
        self._asked, self._got, self._alone = self._clock(), None, None

    def begin(self) -> None:
        """Say that the step has its data."""
        self._got = self._clock()
        if self._asked is None:
            self._asked = self._got

    def local(self) -> None:
        """Say that from here on the rank waits for others, too; of several times in a step the last counts."""
        self._alone = self._clock()

    def step(self, tokens: int | None = None) -> None:
        """Say that the step is over, and the next waits for its data.

        Args:
            tokens: how many this rank has trained on in it.
        """
        if self._asked is not None and self._got is not None:
            self._steps += 1
            self._step_seconds += self._clock() - self._asked
            self._data_seconds += self._got - self._asked
            self._tokens += int(tokens or 0)
            if self._alone is not None:
                self._locals += 1
                self._local_seconds += self._alone - self._asked
        self.wait()

    def values(self) -> dict[str, float]:
        """Return the means over the steps since the last call, to be logged; nothing if there was none.

        Returns:
            ``perf/step_seconds``; ``perf/data_seconds`` of it waiting for data; ``perf/local_seconds`` until `local`,
            if that was called; ``perf/tokens``, a step, and ``perf/tokens_per_second``, both of this rank, if any
            were told.
        """
        if not self._steps:
            return {}
        told = {
            "perf/step_seconds": self._step_seconds / self._steps,
            "perf/data_seconds": self._data_seconds / self._steps,
        }
        if self._locals:
            told["perf/local_seconds"] = self._local_seconds / self._locals
        if self._tokens:
            told["perf/tokens"] = self._tokens / self._steps
            told["perf/tokens_per_second"] = self._tokens / self._step_seconds if self._step_seconds else 0.0
        self._steps = self._locals = self._tokens = 0
        self._data_seconds = self._step_seconds = self._local_seconds = 0.0
        return told
