"""JAX, with Flax or any other library above it: trees of arrays as metrics, and values out of compiled functions."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp

import runwire
from runwire.integrations._runs import chosen


def norms(tree: Any, name: str = "") -> dict[str, jax.Array]:
    """Return the L2 norm of each array of a tree, by its path, and of all of them together as ``global_norm``.

    It may be called in a compiled function, which returns the result as any other.

    ::

        runwire.log(runwire.integrations.jax.norms(gradients, "gradients"))

    Args:
        tree: parameters, gradients: any pytree of arrays, a Flax state among them.
        name: put before all names.

    Returns:
        Scalars by name: ``<name>/<path>/norm``, with the path's parts joined by ``/``; what is no floating-point array
        is passed over. A NaN in an array makes its norm one.
    """
    found = {}
    total: Any = 0.0
    for path, leaf in jax.tree_util.tree_flatten_with_path(tree)[0]:
        if not hasattr(leaf, "dtype") or not jnp.issubdtype(leaf.dtype, jnp.inexact):
            continue
        square = jnp.sum(jnp.square(jnp.abs(leaf.astype(jnp.promote_types(leaf.dtype, jnp.float32)))))
        found["/".join([*([name] if name else []), *_parts(path), "norm"])] = jnp.sqrt(square)
        total = total + square
    if found:
        found[f"{name}/global_norm" if name else "global_norm"] = jnp.sqrt(total)
    return found


def logger(run: runwire.Run | None = None) -> Callable[..., None]:
    """Return a ``log(data, step)`` that may be called within compiled functions, loops and ``scan`` among them.

    The values come when the device has them; nothing waits for them. Before a run is finished ``jax.effects_barrier()``
    sees to it that none is missing. Without steps the calls keep their order, which JAX does on one device only.

    ::

        log = runwire.integrations.jax.logger()

        @jax.jit
        def step(state, batch):
            loss, state = update(state, batch)
            log({"loss": loss}, state.step)
            return state

    Args:
        run: the run to log into; None for the one that is current now.

    Raises:
        RunFinishedError: there is no run.
    """
    into = chosen(run, "logger()")

    def arrived(data: Mapping[str, Any], step: Any) -> None:
        if not into.finished:  # an error in here would surface anywhere in the training
            into.log({name: _number(value) for name, value in data.items()}, None if step is None else int(step))

    def log(data: Mapping[str, Any], step: Any = None) -> None:
        """Log scalars at a step, as `Run.log` does."""
        jax.debug.callback(arrived, dict(data), step, ordered=step is None)

    return log


def _number(value: Any) -> Any:
    return value.item() if getattr(value, "size", 0) == 1 else value


def _parts(path: Sequence[Any]) -> list[str]:
    """Return what the parts of a path are called: keys, indices and attributes."""
    if len(path) > 1 and getattr(path[-1], "name", None) == "value":
        path = path[:-1]  # of a Flax variable, which is called as the attribute that holds it
    return [str(getattr(key, "key", getattr(key, "name", getattr(key, "idx", key)))) for key in path]
