"""Sounds: of arrays, or files."""

from __future__ import annotations

import io
import os
import wave
from pathlib import Path
from typing import Any, ClassVar

from runwire.errors import UsageError
from runwire.media.base import Media, array, file_at
from runwire.wire.media import MediaKind

_FORMATS = ("wav", "mp3", "flac", "ogg", "m4a")
_CHANNELS_MAX = 8


class Audio(Media):
    """A sound, which the page plays.

    ::

        runwire.log({"spoken": runwire.Audio(samples, sample_rate=16_000, caption="hello")})

    Args:
        data: an array (numpy, torch, jax) of shape (samples,) or (samples, channels): floats from -1 to 1, or int16;
            NaN is silence, and what is beyond is cut. Or the path of a WAV, MP3, FLAC, Ogg or M4A file.
        sample_rate: samples a second; needed for an array.
        caption: what to call it.

    Raises:
        UsageError: an argument is none of these.
    """

    kind: ClassVar[MediaKind] = "audio"

    def __init__(self, data: Any, sample_rate: int | None = None, caption: str | None = None) -> None:
        content: bytes | Path
        if isinstance(data, (str, os.PathLike)):
            content, form = file_at(data, "a sound", _FORMATS)
            super().__init__(content, form, caption)
            return
        if not isinstance(sample_rate, int) or not 0 < sample_rate < 2**31:
            raise UsageError(f"sample_rate is {sample_rate!r:.60}: expected samples a second, as 16000")
        samples = _samples(array(data, "a sound"))
        content = _wav(samples, sample_rate)
        super().__init__(content, "wav", caption, sample_rate=sample_rate, seconds=len(samples) / sample_rate)


def _samples(found: Any) -> Any:
    """Return an array as int16 of shape (samples, channels)."""
    import numpy as np  # noqa: PLC0415 -- as in `array`

    shape = found.shape
    if found.ndim == 1:
        found = found[:, None]
    if found.ndim != 2 or not 0 < found.shape[1] <= _CHANNELS_MAX:
        raise UsageError(f"a sound has the shape {shape}: expected (samples,) or (samples, channels)")
    if found.dtype.kind == "f":
        return np.rint(np.clip(np.nan_to_num(found, nan=0.0), -1, 1) * 32767).astype("<i2")
    if found.dtype != np.int16:
        raise UsageError(f"a sound is an array of {found.dtype}: expected floats from -1 to 1, or int16")
    return found.astype("<i2")


def _wav(samples: Any, sample_rate: int) -> bytes:
    file = io.BytesIO()
    with wave.open(file, "wb") as writing:
        writing.setnchannels(samples.shape[1])
        writing.setsampwidth(2)
        writing.setframerate(sample_rate)
        writing.writeframes(samples.tobytes())
    return file.getvalue()
