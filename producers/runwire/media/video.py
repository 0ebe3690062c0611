"""Videos: files, or arrays where there is a library that writes videos."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, ClassVar

from runwire.errors import UsageError
from runwire.media.base import Media, array, file_at
from runwire.wire.media import MediaKind

_FORMATS = ("mp4", "webm", "ogv", "gif")


class Video(Media):
    """A video, which the page plays.

    ::

        runwire.log({"episode": runwire.Video("episode.mp4")})

    Args:
        data: the path of an MP4, WebM, Ogg or GIF file; or an array of shape (frames, channels, height, width) or
            (frames, height, width, channels), uint8 with 1 or 3 channels, which takes ``pip install imageio`` (and
            ``imageio[pyav]`` for anything but a GIF).
        caption: what to call it.
        fps: frames a second, of an array.
        format: what an array is written as: "gif", "mp4" or "webm".

    Raises:
        UsageError: an argument is none of these, or the library is missing or fails.
    """

    kind: ClassVar[MediaKind] = "video"

    def __init__(self, data: Any, caption: str | None = None, *, fps: float = 4, format: str = "gif") -> None:  # noqa: A002 -- the field's name for it
        content: bytes | Path
        if isinstance(data, (str, os.PathLike)):
            content, form = file_at(data, "a video", _FORMATS)
        else:
            if format not in _FORMATS:
                raise UsageError(f"the format of a video is {format!r:.60}: expected one of {', '.join(_FORMATS)}")
            content, form = _written(array(data, "a video"), fps, format), format
        super().__init__(content, form, caption)


def _written(frames: Any, fps: float, form: str) -> bytes:
    if frames.ndim == 4 and frames.shape[3] not in (1, 3) and frames.shape[1] in (1, 3):
        frames = frames.transpose(0, 2, 3, 1)
    if frames.ndim != 4 or frames.shape[3] not in (1, 3) or str(frames.dtype) != "uint8":
        raise UsageError(
            f"a video is an array of {frames.dtype} of the shape {frames.shape}: expected uint8 of (frames, channels, "
            "height, width) with 1 or 3 channels"
        )
    try:
        from imageio import v3  # noqa: PLC0415 -- only for this
    except ImportError:
        raise UsageError("a video of an array takes `pip install imageio[pyav]`; or log the path of a file") from None
    frames = frames.repeat(3, axis=3) if frames.shape[3] == 1 else frames
    how: dict[str, Any] = {"duration": 1000 / fps, "loop": 0} if form == "gif" else {"fps": fps, "plugin": "pyav"}
    if form != "gif":
        how["codec"] = "libx264" if form == "mp4" else "vp9"
    try:
        return bytes(v3.imwrite("<bytes>", frames, extension=f".{form}", **how))
    except Exception as error:  # noqa: BLE001 -- whatever the library raises
        raise UsageError(f"imageio cannot write the video as {form}: {error!r:.200}") from None
