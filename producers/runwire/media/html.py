"""Pages of HTML."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, ClassVar

from runwire.errors import UsageError
from runwire.media.base import Media, file_at
from runwire.wire.media import MediaKind


class Html(Media):
    """A page of HTML. It is shown in a frame that reaches nothing: neither the page around it nor the network.

    ::

        runwire.log({"report": runwire.Html("<h1>Epoch 3</h1>")})

    Args:
        data: the HTML; or the path of a file of it, as a ``Path``, or as a text that ends in ".html"; or an open file.
        caption: what to call it.

    Raises:
        UsageError: it is none of these.
    """

    kind: ClassVar[MediaKind] = "html"

    def __init__(self, data: Any, caption: str | None = None) -> None:
        content: bytes | Path
        if callable(getattr(data, "read", None)):
            data = data.read()
        if isinstance(data, os.PathLike) or (isinstance(data, str) and data.endswith(".html")):
            content, _ = file_at(data, "a page", ("html", "htm"))
        elif isinstance(data, (str, bytes)):
            content = data.encode("utf-8", "replace") if isinstance(data, str) else bytes(data)
        else:
            raise UsageError(f"a page is a {type(data).__name__}: pass HTML as a text, or the path of a file")
        super().__init__(content, "html", caption)
