"""What media a training can log, and what is kept of each."""

from __future__ import annotations

import io
import math
import struct
import wave
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import runwire
from producers import spooled
from runwire import plot
from runwire.errors import UsageError
from runwire.spool.files import waiting
from runwire.wire import MediaItem

Array = np.ndarray[Any, np.dtype[Any]]


def offline(home: Path) -> runwire.Run:
    return runwire.init(project="tests", dir=home, mode="offline", reinit="create_new")


def told(run: runwire.Run) -> list[MediaItem]:
    """What a run's events say of media, in their order."""
    return [MediaItem.read(data) for data in spooled.told(run, "media")]


def files(run: runwire.Run) -> dict[str, bytes]:
    assert run.folder is not None
    return {file.path.name: file.path.read_bytes() for file in waiting(run.folder)}


def pixels(png: bytes) -> Array:
    """A PNG of ours, decoded by what the format's specification says."""
    assert png[:8] == b"\x89PNG\r\n\x1a\n"
    at, data, header = 8, b"", b""
    while at < len(png):
        (size,) = struct.unpack(">I", png[at : at + 4])
        kind, chunk = png[at + 4 : at + 8], png[at + 8 : at + 8 + size]
        assert struct.unpack(">I", png[at + 8 + size : at + 12 + size]) == (zlib.crc32(kind + chunk),)
        data += chunk if kind == b"IDAT" else b""
        header = chunk if kind == b"IHDR" else header
        at += 12 + size
    width, height, depth, colour = struct.unpack(">IIBB", header[:10])
    channels = {0: 1, 2: 3, 6: 4}[colour]
    assert depth == 8
    rows = np.frombuffer(zlib.decompress(data), np.uint8).reshape(height, 1 + width * channels)
    assert (rows[:, 0] == 2).all(), "each row is the difference to the one above"
    return np.cumsum(rows[:, 1:], axis=0, dtype=np.uint8).reshape(height, width, channels)


_RNG = np.random.default_rng(1)
_GREY = _RNG.integers(0, 256, (5, 7), np.uint8)
_RGB = _RNG.integers(0, 256, (5, 7, 3), np.uint8)
_RGBA = _RNG.integers(0, 256, (5, 7, 4), np.uint8)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (_GREY, _GREY[:, :, None]),
        (_RGB, _RGB),
        (_RGBA, _RGBA),
        (np.moveaxis(_RGB, 2, 0), _RGB),
        (_RGB / 255, _RGB),
        (_RGB.astype(np.float32), _RGB),
        (_RGB[::-1, ::-2], _RGB[::-1, ::-2]),
        (_GREY > 100, (_GREY > 100).astype(np.uint8)[:, :, None] * 255),
        (np.array([[-5, 300, 7]]), np.array([[[0], [255], [7]]])),
        (np.array([[math.nan, 0.5, math.inf, -1.0]]), np.array([[[0], [0], [255], [0]]])),
        ([[0, 255], [1, 2]], np.array([[[0], [255]], [[1], [2]]])),
    ],
)
def test_an_array_is_kept_as_a_png_of_its_very_pixels(data: Any, expected: Array, tmp_path: Path) -> None:
    """Layouts, types, views and what is no colour: decoded again it is what the docs say."""
    run = offline(tmp_path)
    run.log({"image": runwire.Image(data, caption="it")})
    run.finish()
    (item,) = told(run)
    found = files(run)[item.digest]
    if item.size and not (isinstance(data, np.ndarray) and np.isinf(data).any()):
        np.testing.assert_array_equal(pixels(found), expected)
    assert (item.kind, item.format, item.caption, item.size) == ("image", "png", "it", len(found))
    assert (item.data["height"], item.data["width"]) == expected.shape[:2]


def test_numbers_and_media_of_one_call_share_its_step_and_a_list_keeps_its_order(tmp_path: Path) -> None:
    """The step counts on as it does without media, and equal content is one file."""
    run = offline(tmp_path)
    run.log({"loss": 0.5, "seen": [runwire.Image(_GREY), runwire.Image(_RGB), runwire.Image(_GREY)]})
    run.log({"page": runwire.Html("<p>é")})
    run.log({"loss": 0.25, "nested": {"sound": runwire.Audio(np.zeros(4), sample_rate=8)}}, step=9)
    run.log({"loss": 0.125})
    run.finish()
    assert spooled.logged(run) == [(0, {"loss": 0.5}), (9, {"loss": 0.25}), (10, {"loss": 0.125})]
    items = told(run)
    assert [(item.key, item.step, item.index, item.count) for item in items] == [
        ("seen", 0, 0, 3), ("seen", 0, 1, 3), ("seen", 0, 2, 3), ("page", 1, 0, 1), ("nested/sound", 9, 0, 1),
    ]  # fmt: skip
    assert items[0].digest == items[2].digest != items[1].digest
    assert files(run)[items[3].digest] == "<p>é".encode()
    assert len(files(run)) == 4


def test_an_array_may_be_changed_once_it_is_wrapped(tmp_path: Path) -> None:
    """What is shown is what it was then, though it is logged later."""
    run, data = offline(tmp_path), _GREY.copy()
    image = runwire.Image(data)
    data[:] = 0
    run.log({"image": image})
    run.finish()
    (item,) = told(run)
    np.testing.assert_array_equal(pixels(files(run)[item.digest])[:, :, 0], _GREY)


def test_a_file_is_kept_to_the_byte_and_one_that_is_gone_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each kind that may be a file is; one that was removed before the log is left out, and nothing raises."""
    run = offline(tmp_path / "home")
    made = []
    for name, kind in (
        ("a.jpg", runwire.Image),
        ("b.mp3", runwire.Audio),
        ("c.mp4", runwire.Video),
        ("d.html", runwire.Html),
    ):
        path = tmp_path / name
        path.write_bytes(name.encode() * 1000)
        made.append(kind(path))
    lost = tmp_path / "lost.png"
    lost.write_bytes(b"x")
    gone = runwire.Image(str(lost))
    lost.unlink()
    run.log({"all": made, "gone": gone, "loss": 1.0})
    run.finish()
    items = told(run)
    assert [(item.kind, item.format) for item in items] == [
        ("image", "jpg"), ("audio", "mp3"), ("video", "mp4"), ("html", "html"),
    ]  # fmt: skip
    assert [files(run)[item.digest][:6] for item in items] == [b"a.jpga", b"b.mp3b", b"c.mp4c", b"d.html"]
    assert "lost.png cannot be read" in capsys.readouterr().err
    assert len(spooled.logged(run)) == 1


def test_boxes_and_masks_are_told_with_their_image(tmp_path: Path) -> None:
    """Corners and middles become the same, masks files of class ids, labels names by id."""
    run = offline(tmp_path)
    corners = {"position": {"minX": 0.1, "maxX": 0.3, "minY": 0.2, "maxY": 0.6}, "class_id": 1, "scores": {"p": 0.5}}
    middle = {"position": {"middle": (20, 30), "width": 10, "height": 20}, "domain": "pixel", "box_caption": "a cat"}
    classes = np.array([[0, 1], [2, 255]])
    run.log({"image": runwire.Image(
        _RGB,
        boxes={"model": {"box_data": [corners, middle], "class_labels": {1: "cat"}}},
        masks={"truth": {"mask_data": classes, "class_labels": {0: "ground", 1: "cat"}}},
    )})  # fmt: skip
    run.finish()
    (item,) = told(run)
    first, second = item.data["boxes"]["model"]["boxes"]
    assert item.data["boxes"]["model"]["labels"] == {"1": "cat"}
    assert (first["x"], first["y"], first["pixel"], first["class"], first["scores"]) == (0.1, 0.2, False, 1, {"p": 0.5})
    assert (first["width"], first["height"]) == (pytest.approx(0.2), pytest.approx(0.4))
    assert (second["x"], second["y"], second["width"], second["height"]) == (15, 20, 10, 20)
    assert (second["pixel"], second["caption"]) == (True, "a cat")
    mask = item.data["masks"]["truth"]
    assert mask["labels"] == {"0": "ground", "1": "cat"}
    np.testing.assert_array_equal(pixels(files(run)[mask["digest"]])[:, :, 0], classes)


def test_a_sound_is_kept_as_a_wav_of_its_samples(tmp_path: Path) -> None:
    """Floats are scaled, what is beyond is cut, NaN is silence, channels stay apart, int16 is kept as it is."""
    run = offline(tmp_path)
    run.log({"mono": runwire.Audio(np.array([0.0, 1.0, -2.0, math.nan, 0.5]), sample_rate=8000)})
    stereo = np.array([[1, -1], [32767, -32768]], np.int16)
    run.log({"stereo": runwire.Audio(stereo, sample_rate=44100)})
    run.finish()
    for item, samples, rate in zip(
        told(run), ([[0], [32767], [-32767], [0], [16384]], stereo), (8000, 44100), strict=True
    ):
        with wave.open(io.BytesIO(files(run)[item.digest])) as sound:
            assert (sound.getframerate(), sound.getsampwidth()) == (rate, 2)
            found = np.frombuffer(sound.readframes(100), "<i2").reshape(-1, sound.getnchannels())
        np.testing.assert_array_equal(found, samples)
        assert item.data == {"sample_rate": rate, "seconds": len(samples) / rate}


@pytest.mark.parametrize("kind", [list, np.array, tuple])
def test_a_histogram_counts_each_value_once_and_the_odd_ones_apart(kind: Callable[[Any], Any], tmp_path: Path) -> None:
    """A list and an array of the same numbers have the same bins; no value is lost, and NaN is in none."""
    values = [0.0, 0.25, 0.5, 0.75, 1.0, 1.0, math.nan, math.inf]
    found = runwire.Histogram(kind(values), num_bins=4)
    assert (found.counts, found.bins, found.nonfinite) == ([1, 1, 1, 3], [0, 0.25, 0.5, 0.75, 1], 2)
    run = offline(tmp_path)
    run.log({"weights": found})
    run.finish()
    (item,) = told(run)
    assert item.data == {"counts": [1, 1, 1, 3], "bins": [0, 0.25, 0.5, 0.75, 1], "nonfinite": 2}
    assert (item.digest, files(run)) == ("", {})


@pytest.mark.parametrize(
    "values", [[], [math.nan], [5.0], [0.0, 0.0], [1e308, -1e308], [1.7e308], [1e-320, 2e-320], [2**60, 2**60 + 1]]
)
def test_no_values_make_a_histogram_fail(values: list[float]) -> None:
    """None, one, equal ones, the largest and the smallest: as many counts as finite values, and edges that rise."""
    for kind in (list, np.array):
        found = runwire.Histogram(kind(values))  # type: ignore[operator]
        assert sum(found.counts) == sum(map(math.isfinite, values))
        assert sorted(found.bins) == found.bins
        assert all(map(math.isfinite, found.bins))


def test_a_plot_is_a_table_and_how_it_is_drawn(tmp_path: Path) -> None:
    """The table is logged beside it, under a name that the plot tells."""
    run = offline(tmp_path)
    table = runwire.Table(["x", "y"], [[1, 2], [3, 4]])
    run.log({"curve": plot.line(table, "x", "y", title="It")}, step=4)
    run.finish()
    (item,) = told(run)
    assert (item.kind, item.caption, item.step) == ("plot", "It", 4)
    assert item.data == {"type": "line", "x": "x", "y": "y", "table": "curve_table"}
    (part,) = spooled.parts(run)
    assert (part.key, part.step, part.rows) == ("curve_table", 4, [[1, 2], [3, 4]])


def test_curves_and_matrices_are_what_their_definitions_say() -> None:
    """Of a few samples, worked out by hand: with a repeated score, and a class that nobody is of."""
    actual, scores = [0, 1, 1, 0], [[0.9, 0.1], [0.2, 0.8], [0.6, 0.4], [0.6, 0.4]]
    roc = plot.roc_curve(actual, scores, labels=["no", "yes"], classes_to_plot=[1]).table
    assert roc.data == [["yes", 0.0, 0.0], ["yes", 0.0, 0.5], ["yes", 0.5, 1.0], ["yes", 1.0, 1.0]]
    pr = plot.pr_curve(actual, np.array(scores), classes_to_plot=[1]).table
    assert pr.data == [["1", 0.0, 1.0], ["1", 0.5, 1.0], ["1", 1.0, 2 / 3], ["1", 1.0, 0.5]]
    assert plot.roc_curve([0, 0], [[0.5, 0.5]] * 2).table.data == []
    matrix = plot.confusion_matrix(probs=scores, y_true=actual, class_names=["no", "yes"]).table
    assert matrix.data == [["no", "no", 2], ["no", "yes", 0], ["yes", "no", 1], ["yes", "yes", 1]]


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: runwire.Image(np.zeros((2, 3, 4, 3))), "log several images as a list"),
        (lambda: runwire.Image("no/such.png"), "no file is"),
        (lambda: runwire.Image(__file__), "expected the path of a file of png"),
        (lambda: runwire.Image(_RGB, boxes={"b": {"box_data": [{"position": {"minX": "a"}}]}}), "no box"),
        (lambda: runwire.Image(_RGB, masks={"m": {"mask_data": [[-1]]}}), "class ids"),
        (lambda: runwire.Audio(np.zeros(3)), "sample_rate"),
        (lambda: runwire.Html(3), "HTML"),
        (lambda: runwire.Video(np.zeros((2, 3))), "a video is an array"),
        (runwire.Histogram, "either"),
        (lambda: runwire.Histogram(np_histogram=([1, 2], [0, 1])), "one edge more"),
        (lambda: runwire.Plotly({}), "plotly"),
        (lambda: plot.line(runwire.Table(["x"]), "x", "y"), "no column 'y'"),
        (lambda: plot.confusion_matrix(y_true=[0]), "probs or preds"),
        (lambda: plot.roc_curve([0], [[0.1, 0.2], [0.3, 0.4]]), "as many"),
    ],
)
def test_what_cannot_be_made_says_what_can(make: Callable[[], object], words: str) -> None:
    """The error names what was given and what is expected."""
    with pytest.raises(UsageError) as refused:
        make()
    assert words in str(refused.value)


def test_a_list_that_is_no_media_is_said_and_the_rest_is_logged(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Mixed lists, tables in lists and numbers in lists: nothing raises, and the numbers are there."""
    run = offline(tmp_path)
    table = runwire.Table(["a"], [[1]])
    run.log({"mixed": [runwire.Image(_GREY), 3], "tables": [table, table], "numbers": [1, 2], "loss": 1.0})
    run.finish()
    assert told(run) == []
    assert spooled.logged(run) == [(0, {"loss": 1.0})]
    said = capsys.readouterr().err
    for name in ("mixed", "tables", "numbers"):
        assert f"'{name}'" in said


def test_a_file_that_finds_no_room_is_counted_and_said_and_the_numbers_go_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Beyond spool_bytes_max nothing names a file that is not there, and the run tells that one was dropped."""
    run = runwire.init(dir=tmp_path, mode="offline", reinit="create_new", settings={"spool_bytes_max": 32 << 20})
    big = tmp_path / "big.mp4"
    with big.open("wb") as file:
        file.truncate(64 << 20)
    run.log({"video": runwire.Video(big), "loss": 1.0})
    run.log({"loss": 2.0})
    run.finish()
    assert told(run) == []
    assert spooled.logged(run) == [(0, {"loss": 1.0}), (1, {"loss": 2.0})]
    (dropped,) = spooled.told(run, "dropped")
    assert (dropped["files"], dropped["rows"]) == (1, 0)
    assert "spool_bytes_max" in dropped["reason"]
    assert "spool_bytes_max" in capsys.readouterr().err
