"""JAX, Flax and Optax as they train, and what is stored of them."""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx
from producers.spooled import logged

import runwire
from runwire.integrations.jax import logger, norms


def test_the_norms_of_a_flax_modules_gradients_are_logged_by_their_paths(run: runwire.Run) -> None:
    """Each equals what numpy computes of the array, and the global one what Optax does."""
    model = nnx.Linear(3, 2, rngs=nnx.Rngs(0))
    gradients = nnx.grad(lambda model: jnp.sum(model(jnp.ones((1, 3))) ** 2))(model)
    run.log(norms(gradients, "gradients"))
    ((_, row),) = logged(run)
    arrays = {name: np.asarray(value) for name, value in nnx.to_pure_dict(gradients).items()}
    for name in ("kernel", "bias"):
        (key,) = (key for key in row if name in key)
        assert key.startswith("gradients/")
        assert math.isclose(row[key], float(np.linalg.norm(arrays[name])), rel_tol=1e-5)
    assert math.isclose(row["gradients/global_norm"], float(optax.tree.norm(arrays)), rel_tol=1e-5)


def test_a_nan_in_an_array_shows_in_its_norm() -> None:
    """And integers, which have no gradient, are passed over."""
    told = jax.jit(norms)({"a": jnp.array([1.0, jnp.nan]), "b": jnp.ones(4), "count": jnp.arange(3)})
    assert set(told) == {"a/norm", "b/norm", "global_norm"}
    assert math.isnan(float(told["a/norm"]))
    assert float(told["b/norm"]) == 2.0


def test_a_compiled_loop_logs_each_of_its_steps(run: runwire.Run) -> None:
    """Values and steps come out of ``scan`` within ``jit``, and are the float32 that the device had."""
    log = logger()

    def step(weight: jax.Array, number: jax.Array) -> tuple[jax.Array, jax.Array]:
        loss = (weight - 3) ** 2
        log({"loss": loss}, number)
        return weight - 0.2 * (weight - 3), loss

    _, losses = jax.jit(lambda start: jax.lax.scan(step, start, jnp.arange(20)))(jnp.float32(0))
    jax.effects_barrier()
    assert sorted(logged(run), key=lambda row: row[0]) == [
        (number, {"loss": float(loss)}) for number, loss in enumerate(np.asarray(losses))
    ]


def test_without_steps_the_calls_keep_their_order(run: runwire.Run) -> None:
    """Rows get the steps of the run, in the order of the loop."""
    log = logger()

    def step(carry: None, number: jax.Array) -> tuple[None, None]:
        log({"number": number})
        return carry, None

    jax.jit(lambda: jax.lax.scan(step, None, jnp.arange(20)))()
    jax.effects_barrier()
    assert logged(run) == [(number, {"number": float(number)}) for number in range(20)]


def test_a_run_that_is_over_does_not_break_the_compiled_function(run: runwire.Run) -> None:
    """What comes after ``finish()`` is not logged, and the training's result is there."""
    log = logger()

    @jax.jit
    def double(value: jax.Array) -> jax.Array:
        log({"value": value})
        return value * 2

    run.finish()
    assert float(double(jnp.float32(2))) == 4.0
    jax.effects_barrier()
    assert logged(run) == []
