"""PyTorch: a model's gradients and parameters, as it is trained; how long steps take is in ``steps``."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Literal

import torch
from torch.autograd.graph import register_multi_grad_hook

import runwire
from runwire._say import logger
from runwire.integrations._runs import chosen, period

What = Literal["gradients", "parameters", "all"]

_BINS = 32
#: Beyond, float32 may not hold how wide a histogram is.
_END_MAX = torch.finfo(torch.float32).max / 2


class Watch:
    """A model that is watched; made by `watch`.

    Args:
        model, run, log, every: as `watch` takes them.

    Raises:
        UsageError: ``every`` is no whole number from 1.
    """

    def __init__(self, model: torch.nn.Module, run: runwire.Run, log: What, every: int) -> None:
        self._model = model
        self._run = run
        self._kinds = ("gradients", "parameters") if log == "all" else (log,)
        self._every = period(every, "a number of passes backward, 1 or more")
        self._left = 0
        self._named = [(name, value) for name, value in model.named_parameters() if value.requires_grad]
        # On all parameters where a pass is due; to count those that are not, on one.
        self._hook: Any = None
        self._arm()

    def stop(self) -> None:
        """Watch it no longer."""
        if self._hook is not None:
            self._hook.remove()
            self._hook = None

    def _arm(self) -> None:
        self.stop()
        if self._named:
            self._hook = register_multi_grad_hook([value for _, value in self._named], self._backward)

    def _backward(self, gradients: Sequence[torch.Tensor | None]) -> None:
        """A pass that is due has its gradients."""
        if not self._model.training or self._run.finished:
            return
        try:
            self._run.log(self._look(gradients), commit=False)
        except Exception as error:  # noqa: BLE001 -- short of memory, say; here it would end the training
            self.stop()
            logger.warning("a model is watched no longer: %s: %.200s", type(error).__name__, error)
            return
        if self._every > 1:
            self.stop()
            self._left = self._every - 1
            # The first that is used has its gradient last, so that all is over when the next pass is seen to.
            used = (value for (_, value), gradient in zip(self._named, gradients, strict=True) if gradient is not None)
            self._hook = next(used).register_hook(self._count)

    def _count(self, _gradient: torch.Tensor) -> None:
        """A pass that is not due has a gradient."""
        if self._model.training:
            self._left -= 1
            if self._left == 0:
                self._arm()

    def _look(self, gradients: Sequence[torch.Tensor | None]) -> dict[str, Any]:
        """Return what is logged."""
        row: dict[str, Any] = {}
        with torch.no_grad():
            for kind in self._kinds:
                values = gradients if kind == "gradients" else [value for _, value in self._named]
                found = {name: value for (name, _), value in zip(self._named, values, strict=True) if value is not None}
                row |= _norms(kind, found) | _histograms(kind, found)
        return row


def watch(
    model: torch.nn.Module, run: runwire.Run | None = None, *, log: What = "gradients", every: int = 100
) -> Watch:
    """Log a model's gradients, parameters, or both, every so many passes backward: histograms, and L2 norms.

    They are logged when a backward pass has them, and belong to the next row that the training logs. Of the gradients
    it is those that this rank has computed, before any exchange. In between it costs a call a pass.

    ::

        watch(model, every=100)

    Args:
        model: what is trained; passes backward in ``eval()`` do not count.
        run: the run to log into; None for the current one.
        log: "gradients", "parameters" or "all".
        every: after how many passes.

    Returns:
        What ends it: ``stop()``. Logged are the histogram ``gradients/<parameter>``, ``gradients/<parameter>/norm`` and
        ``gradients/global_norm``, and ``parameters/…`` likewise. A NaN in a tensor makes its norm one, and is in no
        bin; of a tensor without a finite value, or with one near the end of float32, there is no histogram.

    Raises:
        RunFinishedError: there is no run.
        UsageError: ``every`` is no whole number from 1.
    """
    return Watch(model, chosen(run, "watch()"), log, every)


def _norms(kind: str, tensors: dict[str, torch.Tensor]) -> dict[str, float]:
    if not tensors:
        return {}
    norms = [torch.linalg.vector_norm(value.detach(), dtype=_accurate(value)).float() for value in tensors.values()]
    device = norms[0].device
    stacked = torch.stack([norm.to(device) for norm in norms])
    *each, total = torch.cat([stacked, torch.linalg.vector_norm(stacked).reshape(1)]).tolist()  # one wait for a device
    row = {f"{kind}/{name}/norm": norm for name, norm in zip(tensors, each, strict=True)}
    row[f"{kind}/global_norm"] = total
    return row


def _histograms(kind: str, tensors: dict[str, torch.Tensor]) -> dict[str, runwire.Histogram]:
    """Return a histogram of each tensor, after two waits for its device, however many there are."""
    flat = {name: value.detach().flatten().float() for name, value in tensors.items() if value.numel()}
    if not flat:
        return {}
    edges = []
    for value in flat.values():
        finite = torch.isfinite(value)  # a tensor of nothing that is has edges from infinity down
        edges.append(torch.stack([value.where(finite, math.inf).amin(), value.where(finite, -math.inf).amax()]))
    ranges = torch.stack([edge.to(edges[0].device) for edge in edges]).tolist()
    found = {name: _range(*ends) for name, ends in zip(flat, ranges, strict=True)}
    chosen = {name: ends for name, ends in found.items() if -_END_MAX <= ends[0] < ends[1] <= _END_MAX}
    if not chosen:
        return {}
    counts = [torch.histc(flat[name], _BINS, low, high) for name, (low, high) in chosen.items()]
    told = torch.stack([count.to(counts[0].device) for count in counts]).tolist()
    return {
        f"{kind}/{name}": runwire.Histogram(np_histogram=(bins, _edges(*ends)))
        for (name, ends), bins in zip(chosen.items(), told, strict=True)
    }


def _range(low: float, high: float) -> tuple[float, float]:
    """Return the ends of a histogram: of values that are all the same, of some width around them."""
    width = max(abs(low), 1.0) / 2 if low == high else 0.0
    return low - width, high + width


def _edges(low: float, high: float) -> list[float]:
    return [low + (high - low) * number / _BINS for number in range(_BINS + 1)]


def _accurate(value: torch.Tensor) -> torch.dtype | None:
    """Return in what norms of small floats are summed up: float16 would overflow."""
    return torch.float32 if value.dtype in (torch.float16, torch.bfloat16) else None
