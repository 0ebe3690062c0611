"""What all media have in common: a file or none, and a few words about it."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

from runwire._values import Logged, held, plain
from runwire.errors import UsageError
from runwire.spool.files import Kept
from runwire.wire.media import MediaKind

#: Keeps bytes, or the file at a path; None if they cannot be kept, which has been said.
Keep = Callable[["bytes | Path"], "Kept | None"]


class Media(Logged):
    """Something that is logged beside numbers, and shown on the run's page.

    Attributes:
        kind: what it is.
        caption: what people call it.
        format: how its file is written, as "png"; "" if it has none.
    """

    kind: ClassVar[MediaKind]

    def __init__(self, content: bytes | Path | None, form: str, caption: str | None, **data: Any) -> None:
        self.caption = "" if caption is None else str(plain(str(caption)))
        self.format = form
        self._content, self._data = content, data

    def told(self, keep: Keep) -> dict[str, Any] | None:
        """Return what an event tells of it, once its file is kept; None if that cannot be.

        Args:
            keep: keeps files.
        """
        about: dict[str, Any] = {"kind": self.kind, "caption": self.caption, "data": self._data}
        if self._content is not None:
            kept = keep(self._content)
            if kept is None:
                return None
            about |= {"format": self.format, "digest": kept.digest, "size": kept.size}
        return about

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.caption or self.format or self.kind}>"


def as_media(value: Any) -> Media | None:
    """Return a figure or a picture of another library as media; None for anything else.

    Raises:
        UsageError: it cannot be drawn.
    """
    from runwire.media.figure import Plotly, is_plotly  # noqa: PLC0415 -- they are made of this module
    from runwire.media.image import Image, is_picture  # noqa: PLC0415

    if is_picture(value):
        return Image(value)
    return Plotly(value) if is_plotly(value) else None


def file_at(path: str | os.PathLike[str], what: str, formats: tuple[str, ...]) -> tuple[Path, str]:
    """Return the path of a file that is there, and the format that its name ends with.

    Args:
        path: of the file.
        what: how to call it in an error.
        formats: that are shown.

    Raises:
        UsageError: it is not there, or of another format.
    """
    chosen = Path(path)
    form = chosen.suffix[1:].lower()
    if form not in formats:
        raise UsageError(f"{what} is {os.fspath(path)!r:.200}: expected the path of a file of {', '.join(formats)}")
    if not chosen.is_file():
        raise UsageError(f"{what} is {os.fspath(path)!r:.200}, where no file is")
    return chosen.absolute(), form


def array(value: Any, what: str) -> Any:
    """Return a numpy array of what is one, or a tensor of torch, jax or TensorFlow, or nested lists.

    Raises:
        UsageError: it is none, or numpy is not installed.
    """
    try:
        import numpy as np  # noqa: PLC0415 -- whoever has an array has it; the SDK itself does without
    except ImportError:
        raise UsageError(f"{what} is an array: that takes `pip install numpy`") from None
    value = held(value)
    for step in ("detach", "cpu"):  # torch: off the graph and the GPU
        if callable(getattr(value, step, None)):
            value = getattr(value, step)()
    if str(getattr(value, "dtype", "")) in ("torch.bfloat16", "bfloat16"):  # numpy knows no such numbers
        value = value.float() if callable(getattr(value, "float", None)) else value.astype("float32")
    try:
        found = np.asarray(value)
    except Exception as error:  # noqa: BLE001 -- whatever a foreign array type raises
        raise UsageError(f"{what} is a {type(value).__name__} that is no array: {error!s:.200}") from None
    if found.dtype.kind not in "biuf":
        raise UsageError(f"{what} is a {type(value).__name__} of {found.dtype}: expected an array of numbers")
    return found


def library_of(value: Any) -> str:
    """Return the name of the library that a value's class, or one that it is made of, comes from."""
    roots = {kind.__module__.partition(".")[0] for kind in type(value).__mro__}
    return next(iter(roots & {"PIL", "matplotlib", "plotly"}), "")
