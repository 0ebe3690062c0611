"""Images: of arrays, of Pillow, of matplotlib, or files; with boxes and masks drawn over them."""

from __future__ import annotations

import io
import math
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from runwire._values import number, plain
from runwire.errors import UsageError
from runwire.media import png
from runwire.media.base import Keep, Media, array, file_at, library_of
from runwire.wire.media import MediaKind

_FORMATS = ("png", "jpg", "jpeg", "gif", "webp", "bmp")
_CHANNELS = (1, 3, 4)
#: What PNG holds as it is, of Pillow's modes.
_MODES = ("1", "L", "LA", "P", "RGB", "RGBA")
_CLASSES_MAX = 256


class Image(Media):
    """An image, with boxes and masks that the page draws over it.

    ::

        runwire.log({"examples": [runwire.Image(pixels, caption="a cat") for pixels in batch]})
        runwire.log({"found": runwire.Image(
            pixels,
            boxes={"prediction": {"box_data": [{"position": {"minX": 0.1, "maxX": 0.4, "minY": 0.2, "maxY": 0.9},
                                                "class_id": 1}], "class_labels": {1: "cat"}}},
            masks={"prediction": {"mask_data": classes, "class_labels": {0: "ground", 1: "cat"}}},
        )})

    Args:
        data: an array (numpy, torch, jax) of shape (height, width), (height, width, channels) or (channels, height,
            width) with 1, 3 or 4 channels: floats from 0 to 1 (or to 255, if one is above 1), integers from 0 to 255,
            or booleans; NaN is black, and what is beyond is cut. Or a picture of Pillow; or a figure of matplotlib; or
            the path of a PNG, JPEG, GIF, WebP or BMP file.
        caption: what to call it.
        boxes: by name, ``box_data``: a list of ``position`` ({minX, maxX, minY, maxY}, or {middle: [x, y], width,
            height}), as parts of the image from 0 to 1 or, with ``domain="pixel"``, in pixels; with ``class_id``,
            ``box_caption`` and ``scores`` ({name: number}) where there are some; and ``class_labels`` ({id: name}).
        masks: by name, ``mask_data``: an array of shape (height, width) of class ids from 0 to 255, or ``path``, that
            of a PNG of these; and ``class_labels``.

    Raises:
        UsageError: an argument is none of these.
    """

    kind: ClassVar[MediaKind] = "image"

    def __init__(
        self,
        data: Any,
        caption: str | None = None,
        *,
        boxes: Mapping[str, Any] | None = None,
        masks: Mapping[str, Any] | None = None,
    ) -> None:
        about: dict[str, Any] = {}
        content: bytes | Path
        form = "png"
        if isinstance(data, (str, os.PathLike)):
            content, form = file_at(data, "an image", _FORMATS)
        elif library_of(data) == "PIL":
            content, about = _picture(data)
        elif library_of(data) == "matplotlib" or getattr(data, "__name__", "") == "matplotlib.pyplot":
            content = _figure(data)
        else:
            pixels = _pixels(array(data, "an image"))
            content, about = png.encode(pixels), {"width": pixels.shape[1], "height": pixels.shape[0]}
        if boxes:
            about["boxes"] = {str(name): _boxes(str(name), one) for name, one in boxes.items()}
        super().__init__(content, form, caption, **about)
        self._masks = {str(name): _mask(str(name), one) for name, one in (masks or {}).items()}

    def told(self, keep: Keep) -> dict[str, Any] | None:
        """Return what an event tells of it, once its file and those of its masks are kept; None if that cannot be.

        Args:
            keep: keeps files.
        """
        about = super().told(keep)
        if about is None or not self._masks:
            return about
        masks = {}
        for name, (content, labels) in self._masks.items():
            if (kept := keep(content)) is not None:
                masks[name] = {"digest": kept.digest, "size": kept.size, "labels": labels}
        return {**about, "data": {**about["data"], "masks": masks}}


def is_picture(value: Any) -> bool:
    """Return whether a value is a picture of Pillow or a figure of matplotlib."""
    return (library_of(value) == "PIL" and callable(getattr(value, "save", None))) or (
        library_of(value) == "matplotlib" and callable(getattr(value, "savefig", None))
    )


def _pixels(found: Any) -> Any:
    """Return an array as uint8 of shape (height, width, channels)."""
    import numpy as np  # noqa: PLC0415 -- as in `array`

    shape = found.shape
    if found.ndim == 2:
        found = found[:, :, None]
    elif found.ndim == 3 and shape[2] not in _CHANNELS and shape[0] in _CHANNELS:
        found = np.moveaxis(found, 0, 2)
    if found.ndim != 3 or found.shape[2] not in _CHANNELS or 0 in found.shape:
        raise UsageError(
            f"an image has the shape {shape}: expected (height, width), or with 1, 3 or 4 channels as the last or the "
            "first; log several images as a list"
        )
    if found.dtype.kind == "b":
        return found.astype(np.uint8) * 255
    if found.dtype.kind == "f":
        found = np.nan_to_num(found, nan=0.0, posinf=np.inf, neginf=0.0)
        if not (found > 1).any():
            found = found * 255
        found = np.rint(np.clip(found, 0, 255))
    return np.clip(found, 0, 255).astype(np.uint8)


def _picture(data: Any) -> tuple[bytes, dict[str, Any]]:
    file = io.BytesIO()
    chosen = data if data.mode in _MODES else data.convert("RGB")
    chosen.save(file, "PNG")
    return file.getvalue(), {"width": data.width, "height": data.height}


def _figure(data: Any) -> bytes:
    figure = data.gcf() if callable(getattr(data, "gcf", None)) else getattr(data, "figure", data)
    file = io.BytesIO()
    try:
        figure.savefig(file, format="png")
    except Exception as error:  # noqa: BLE001 -- whatever a drawing raises
        raise UsageError(f"a figure cannot be drawn: {error!r:.200}") from None
    return file.getvalue()


def _boxes(name: str, told: Any) -> dict[str, Any]:
    if not isinstance(told, Mapping) or not isinstance(told.get("box_data"), Sequence):
        raise UsageError(f"boxes[{name!r:.60}] is {told!r:.80}: expected a dict with a list as box_data")
    return {"labels": _labels(told), "boxes": [_box(name, one) for one in told["box_data"]]}


def _box(name: str, told: Any) -> dict[str, Any]:
    try:
        at = told["position"]
        if "middle" in at:
            width, height = _finite(at["width"]), _finite(at["height"])
            x, y = (_finite(one) for one in at["middle"])
            x, y = x - width / 2, y - height / 2
        else:
            x, y = _finite(at["minX"]), _finite(at["minY"])
            width, height = _finite(at["maxX"]) - x, _finite(at["maxY"]) - y
        scores = told.get("scores") or {}
        return {
            "x": x,
            "y": y,
            "width": width,
            "height": height,
            "pixel": told.get("domain") == "pixel",
            "class": int(told.get("class_id") or 0),
            "caption": str(plain(str(told.get("box_caption") or ""))),
            "scores": {str(key): _finite(value) for key, value in scores.items()},
        }
    except Exception as error:  # noqa: BLE001 -- a box is told by the caller, and may hold anything
        raise UsageError(
            f"boxes[{name!r:.60}] holds {told!r:.120}, which is no box ({error!r:.80}): expected "
            '{"position": {"minX", "maxX", "minY", "maxY"}, "class_id"}'
        ) from None


def _mask(name: str, told: Any) -> tuple[bytes | Path, dict[str, str]]:
    if not isinstance(told, Mapping) or ("mask_data" not in told and "path" not in told):
        raise UsageError(f"masks[{name!r:.60}] is {told!r:.80}: expected a dict with mask_data or path")
    if "path" in told:
        return file_at(told["path"], f"masks[{name!r:.60}]", ("png",))[0], _labels(told)
    classes = array(told["mask_data"], f"masks[{name!r:.60}]")
    if classes.ndim != 2 or not classes.size or classes.min() < 0 or classes.max() >= _CLASSES_MAX:
        raise UsageError(
            f"masks[{name!r:.60}] has the shape {classes.shape}: expected (height, width) of class ids from 0 to 255"
        )
    return png.encode(classes.astype("uint8")[:, :, None]), _labels(told)


def _labels(told: Mapping[str, Any]) -> dict[str, str]:
    labels = told.get("class_labels") or {}
    return {str(int(one)): str(plain(str(label))) for one, label in labels.items()}


def _finite(value: Any) -> float:
    found = number(value, lambda _: None)
    if not math.isfinite(found):
        raise ValueError(f"{found} is no place")
    return found
