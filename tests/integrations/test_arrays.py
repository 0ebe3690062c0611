"""Arrays of torch, jax and TensorFlow as media and tables: stored is what the same numbers of numpy are stored as."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest
import torch
from producers.spooled import parts, told
from published import needs_tensorflow

import runwire
from runwire.spool.files import waiting

_RANDOM = np.random.default_rng(0)
_PIXELS = _RANDOM.random((6, 8, 3)).astype(np.float32)
_BYTES = _RANDOM.integers(0, 256, (5, 3, 16, 16), np.uint8)
_SOUND = _RANDOM.uniform(-1, 1, (800, 2)).astype(np.float32)
_ODD = np.array([1.5, -2.0, np.nan, np.inf, 0.25, 3.0], np.float32)


def trained(values: np.ndarray[Any, Any]) -> Any:
    """A tensor that a graph holds on to, as it can of floats."""
    tensor = torch.from_numpy(values)
    return torch.nn.Parameter(tensor) * 1 if tensor.is_floating_point() else tensor


def turned(values: np.ndarray[Any, Any]) -> Any:
    """A tensor that lies in memory in another order."""
    return torch.from_numpy(np.ascontiguousarray(values.T)).permute(*reversed(range(values.ndim)))


def tensorflow(values: np.ndarray[Any, Any]) -> Any:
    """A tensor of TensorFlow, which takes so long to import that only a test of it does."""
    import tensorflow as tf

    return tf.constant(values)


def half(values: np.ndarray[Any, Any]) -> Any:
    """The same in bfloat16."""
    import tensorflow as tf

    return tf.cast(tensorflow(values), tf.bfloat16)


ARRAYS = {
    "torch": torch.from_numpy,
    "graph": trained,
    "turned": turned,
    "jax": jnp.asarray,
    "tensorflow": tensorflow,
}
LIBRARIES = [pytest.param(name, marks=needs_tensorflow if name == "tensorflow" else ()) for name in ARRAYS]
MEDIA: dict[str, tuple[Callable[[Any], Any], Any]] = {
    "image": (runwire.Image, _PIXELS),
    "channels first": (runwire.Image, np.ascontiguousarray(_PIXELS.transpose(2, 0, 1))),
    "bytes": (runwire.Image, _BYTES[0]),
    "mask": (lambda classes: runwire.Image(_PIXELS, masks={"truth": {"mask_data": classes}}), _BYTES[0, 0, :6, :8] % 9),
    "histogram": (runwire.Histogram, _ODD),
    "sound": (lambda samples: runwire.Audio(samples, sample_rate=800), _SOUND),
    "samples": (lambda samples: runwire.Audio(samples, sample_rate=800), (_SOUND * 30000).astype(np.int16)),
    "video": (runwire.Video, _BYTES),
    "frames": (lambda frames: runwire.Video(list(frames)), _BYTES),
    "counts": (
        lambda counts: runwire.Histogram(np_histogram=(counts, np.arange(7.0))),
        np.arange(6, dtype=np.float32),
    ),
}


def stored(value: Any) -> tuple[list[dict[str, Any]], list[bytes]]:
    """What a run's events say of a value that it logged, and the files that it left."""
    with runwire.init(project="arrays", reinit="create_new") as run:
        run.log({"value": value})
    assert run.folder is not None
    files = sorted(file.path for file in waiting(run.folder))
    return told(run, "media"), [path.read_bytes() for path in files]


@pytest.mark.parametrize("kind", MEDIA)
@pytest.mark.parametrize("library", LIBRARIES)
def test_an_array_is_stored_as_that_of_numpy(library: str, kind: str) -> None:
    """To the byte: the file, and what is told of it; whether a graph, a device or another order holds the numbers."""
    make, values = MEDIA[kind]
    expected = stored(make(values))
    assert expected[0]
    assert stored(make(ARRAYS[library](values))) == expected


@pytest.mark.parametrize(
    "half",
    [
        pytest.param(lambda a: torch.from_numpy(a).bfloat16(), id="torch"),
        pytest.param(lambda a: jnp.asarray(a, jnp.bfloat16), id="jax"),
        pytest.param(half, id="tensorflow", marks=needs_tensorflow),
    ],
)
def test_numbers_that_numpy_lacks_are_taken_as_the_float32_that_they_are(half: Callable[[Any], Any]) -> None:
    """bfloat16, as trainings have it: in a histogram, an image, and a list of images."""
    pixels = np.asarray(torch.from_numpy(_PIXELS).bfloat16().float())
    assert stored(runwire.Image(half(_PIXELS))) == stored(runwire.Image(pixels))
    assert stored([runwire.Image(half(_PIXELS))] * 2) == stored([runwire.Image(pixels)] * 2)
    odd = np.asarray(torch.from_numpy(_ODD).bfloat16().float())
    assert stored(runwire.Histogram(half(_ODD))) == stored(runwire.Histogram(odd))


@pytest.mark.parametrize("library", LIBRARIES)
def test_tables_are_made_of_arrays(library: str, run: runwire.Run) -> None:
    """Of one of two dimensions, of rows that are arrays, of columns by name, and of a column that is added."""
    make, cells = ARRAYS[library], np.array([[1.5, np.nan], [-2.0, 4.0], [0.1, np.inf]], np.float32)
    added = runwire.Table(["x", "y"], make(cells))
    added.add_column("z", make(cells[:, 0].copy()))
    run.log(
        {
            "whole": runwire.Table(["x", "y"], make(cells)),
            "rows": runwire.Table(["x", "y"], [make(row.copy()) for row in cells]),
            "columns": runwire.Table(data={"x": make(cells[:, 0].copy()), "y": make(cells[:, 1].copy())}),
            "added": added,
        }
    )
    found = {part.key: np.array(part.rows, float) for part in parts(run)}  # what is not finite goes as its name
    for name in ("whole", "rows", "columns"):
        np.testing.assert_array_equal(found[name], cells)
    np.testing.assert_array_equal(found["added"], np.column_stack([cells, cells[:, 0]]))
