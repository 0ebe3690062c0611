"""Figures of Plotly."""

from __future__ import annotations

from typing import Any, ClassVar

from runwire.errors import UsageError
from runwire.media.base import Media, library_of
from runwire.wire.media import MediaKind


class Plotly(Media):
    """A figure of Plotly, as its JSON.

    ::

        runwire.log({"embedding": runwire.Plotly(figure)})

    Args:
        data: the figure.
        caption: what to call it.

    Raises:
        UsageError: it is none.
    """

    kind: ClassVar[MediaKind] = "plotly"

    def __init__(self, data: Any, caption: str | None = None) -> None:
        if not is_plotly(data):
            raise UsageError(f"a figure is a {type(data).__name__}: expected one of plotly")
        super().__init__(data.to_json().encode("utf-8", "replace"), "json", caption)


def is_plotly(value: Any) -> bool:
    """Return whether a value is a figure of Plotly."""
    return library_of(value) == "plotly" and callable(getattr(value, "to_json", None))
