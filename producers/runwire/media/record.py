"""Records media: their files in the spool, and then an event each that names them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from runwire._recorder import Recorder
from runwire._table import Table
from runwire._values import Logged, Warn
from runwire.media.base import Media
from runwire.plot import Plot
from runwire.spool.files import Kept
from runwire.wire.media import ITEMS_MAX, MediaItem


def record(key: str, logged: Sequence[Logged], step: int, recorder: Recorder, warn: Warn) -> dict[str, Table]:
    """Record what was logged by a name at a step.

    Args:
        key: the name.
        logged: media; if something else is among them, all is left out, which is said.
        step: the step.
        recorder: what records them.
        warn: is told of what cannot be.

    Returns:
        Tables that plots among them draw, by the name under which they are to be logged.
    """
    media = [one for one in logged if isinstance(one, Media)]
    if not len(media) == len(logged) <= ITEMS_MAX:
        warn(key, "list", f"{key!r:.80} is a list of {len(logged)}: log up to {ITEMS_MAX} media, or one table")
        return {}

    def keep(content: bytes | Path) -> Kept | None:
        if isinstance(content, bytes):
            return recorder.file(lambda files: files.keep(content))
        try:
            source = content.open("rb")
        except OSError as error:
            warn(str(content), "file", f"{content} cannot be read ({error.strerror}): not logged")
            return None
        with source:
            return recorder.file(lambda files: files.copy(source))

    tables = {}
    for index, one in enumerate(media):
        if isinstance(one, Plot):
            one.table_key = f"{key}_table" if len(media) == 1 else f"{key}_table/{index}"
            tables[one.table_key] = one.table
        if (about := one.told(keep)) is not None:
            recorder.event("media", MediaItem(key, step, index, len(media), **about).told())
    return tables
