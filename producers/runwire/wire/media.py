"""Media: what an event of type "media" says. What is large of it, the image itself, is a file that its digest names."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, get_args

from runwire.errors import WireError
from runwire.wire.names import check_metric

MediaKind = Literal["image", "audio", "video", "html", "histogram", "plotly", "plot"]

_DIGEST = re.compile("[0-9a-f]{64}")
_FORMAT = re.compile("[a-z0-9]{1,16}")
_KINDS = frozenset(get_args(MediaKind))
#: So many may be logged by one name at one step.
ITEMS_MAX = 1000


@dataclass(frozen=True)
class MediaItem:
    """One of the media that were logged by a name at a step.

    Attributes:
        key: under which name.
        step: at which step.
        index: its place among those of this name and step, from 0.
        count: how many these are; of two logs at one step the later counts.
        kind: what it is.
        format: how its file is written, as png; "" if it has no file.
        digest: the SHA-256 of its file; "" if it has none.
        size: bytes of that file.
        caption: what people call it.
        data: what else belongs to it, by kind: image {width, height, boxes, masks}; audio {sample_rate, seconds};
            histogram {bins, counts, nonfinite}; plot {type, table, title, …}.
    """

    key: str
    step: int
    index: int
    count: int
    kind: MediaKind
    format: str = ""
    digest: str = ""
    size: int = 0
    caption: str = ""
    data: dict[str, Any] = field(default_factory=dict)

    def told(self) -> dict[str, Any]:
        """Return it as the data of an event."""
        return asdict(self)

    @classmethod
    def read(cls, data: dict[str, Any]) -> MediaItem:
        """Read the data of an event.

        Raises:
            WireError: they are none of a media event.
        """
        count = _number(data, "count", 1, ITEMS_MAX)
        kind: Any = data.get("kind")
        digest, form = data.get("digest"), data.get("format")
        caption, more = data.get("caption"), data.get("data")
        if kind not in _KINDS:
            raise WireError(f"kind is {kind!r:.80}, expected one of {', '.join(get_args(MediaKind))}")
        if not isinstance(digest, str) or (digest and not _DIGEST.fullmatch(digest)):
            raise WireError(f"digest is {digest!r:.80}, expected 64 hexadecimal digits or none")
        if not isinstance(form, str) or bool(form) != bool(digest) or (form and not _FORMAT.fullmatch(form)):
            raise WireError(f"format is {form!r:.80}, expected that of a file where there is one")
        if not isinstance(caption, str):
            raise WireError(f"caption is {caption!r:.80}, expected str")
        if not isinstance(more, dict):
            raise WireError(f"data is {more!r:.80}, expected an object")
        return cls(
            key=check_metric(data.get("key")),
            step=_number(data, "step", -(2**63), 2**63 - 1),
            index=_number(data, "index", 0, count - 1),
            count=count,
            kind=kind,
            format=form,
            digest=digest,
            size=_number(data, "size", 0, 2**63 - 1),
            caption=caption,
            data=more,
        )


def _number(data: dict[str, Any], key: str, least: int, most: int) -> int:
    value = data.get(key)
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        raise WireError(f"{key} is {value!r:.80}, expected an integer of {least} to {most}")
    return value
