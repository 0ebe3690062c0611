"""Media of other libraries, made and read again by the libraries themselves."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import imageio.v3
import numpy as np
import PIL.Image
import plotly.graph_objects
import pytest
from matplotlib.figure import Figure

import runwire
from producers import spooled
from runwire.spool.files import waiting
from runwire.wire import MediaItem

_RGB = np.random.default_rng(1).integers(0, 256, (6, 8, 3), np.uint8)


def logged(home: Path, value: Any) -> tuple[MediaItem, bytes]:
    """What a run's event says of a value that it logged, and its file."""
    with runwire.init(dir=home, mode="offline", reinit="create_new") as run:
        run.log({"value": value})
    (item,) = [MediaItem.read(data) for data in spooled.told(run, "media")]
    assert run.folder is not None
    (file,) = waiting(run.folder)
    assert file.path.name == item.digest
    return item, file.path.read_bytes()


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "YCbCr", "HSV"])
def test_a_picture_of_pillow_is_kept_as_it_looks(mode: str, tmp_path: Path) -> None:
    """Modes that PNG has are kept to the pixel, the others are converted as Pillow converts them."""
    picture = PIL.Image.fromarray(_RGB).convert(mode)
    item, content = logged(tmp_path, picture)
    found = PIL.Image.open(io.BytesIO(content))
    assert found.format == "PNG"
    np.testing.assert_array_equal(
        np.asarray(found.convert("RGBA")),
        np.asarray(picture.convert("RGB" if mode in ("CMYK", "YCbCr", "HSV") else mode).convert("RGBA")),
    )
    assert (item.kind, item.data) == ("image", {"width": 8, "height": 6})


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_pillow_reads_the_pngs_that_are_written_without_it(channels: int, tmp_path: Path) -> None:
    """They are PNGs for others than ourselves."""
    pixels = np.random.default_rng(2).integers(0, 256, (31, 17, channels), np.uint8)
    _, content = logged(tmp_path, runwire.Image(pixels))
    np.testing.assert_array_equal(np.asarray(PIL.Image.open(io.BytesIO(content))).reshape(31, 17, channels), pixels)


def test_figures_can_be_logged_as_they_are(tmp_path: Path) -> None:
    """One of matplotlib becomes an image, one of Plotly its own JSON."""
    figure = Figure(figsize=(2, 1), dpi=50)
    figure.subplots().plot([1, 3, 2])
    item, content = logged(tmp_path, figure)
    assert (item.kind, PIL.Image.open(io.BytesIO(content)).size) == ("image", (100, 50))
    drawn = plotly.graph_objects.Figure(plotly.graph_objects.Scatter(y=np.arange(3.0)))
    item, content = logged(tmp_path, drawn)
    assert (item.kind, item.format) == ("plotly", "json")
    assert plotly.io.from_json(content.decode()) == drawn


@pytest.mark.parametrize(("form", "exact"), [("gif", True), ("mp4", False), ("webm", False)])
def test_a_video_of_an_array_has_its_frames(form: str, exact: bool, tmp_path: Path) -> None:  # noqa: FBT001 -- a parameter
    """Frames with channels first, as trainings have them; each is there, in its order."""
    frames = np.stack([np.full((3, 32, 48), 40 * number, np.uint8) for number in range(5)])
    item, content = logged(tmp_path, runwire.Video(frames, fps=10, format=form))
    assert (item.kind, item.format) == ("video", form)
    found = imageio.v3.imread(content, extension=f".{form}", plugin=None if exact else "pyav")
    assert found.shape == (5, 32, 48, 3)
    tolerance = 0 if exact else 6  # what these codecs lose
    np.testing.assert_allclose(found[:, 16, 24, :].astype(int), frames[:, :, 16, 24].astype(int), atol=tolerance)
