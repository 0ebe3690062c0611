"""Tells Kafka of the artifacts of one spool, each once its files are uploaded: a version is there once it is whole."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable
from pathlib import Path

from runwire.errors import WireError
from runwire.shipper.batch import Batch
from runwire.shipper.link import Link
from runwire.spool import Meta
from runwire.spool.artifacts import Announcement, announced, read
from runwire.spool.files import FOLDER, changed
from runwire.wire import ARTIFACTS, EVENTS, Event

_LOOK_SECONDS = 0.2
#: Looking takes at most so much of the time, however many files a spool has.
_LOOK_SHARE = 0.05
_RECENT_NS = 2_000_000_000

log = logging.getLogger(__name__)


class Artifacts:
    """Announces the artifacts of a spool in the order in which they were logged.

    An announcement is removed once Kafka has it. A killed shipper's successor makes it again, which changes nothing:
    who gives versions knows by run, rank and seq what it was told before. Of one that lacks a file, which was changed
    before its upload, an alert of the run's tells instead, by the same seq: a version has all of its files.

    Args:
        folder: the spool.
        meta: whose it is.

    Attributes:
        alerting: when such an alert was last sent, microseconds since the epoch.
    """

    def __init__(self, folder: Path, meta: Meta) -> None:
        self._folder, self._meta = folder, meta
        self.alerting = 0
        self._files = str(folder / FOLDER)  # looked at again and again, where a Path costs more than the look
        self._next_look = 0.0
        self._changed: int | None = None
        self._waiting: list[Path] = []
        self._next: tuple[Path, Announcement] | None = None
        self._sent: dict[Path, Batch] = {}

    def __len__(self) -> int:
        """Return how many wait or are on their way."""
        self._look()
        return len(self._waiting) + len(self._sent)

    def calls(self, now: float) -> bool:
        """Return whether there may be something to do.

        Args:
            now: time of the monotonic clock.
        """
        if now < self._next_look:
            return False
        if self._sent or self._look():
            return True
        self._next_look = now + _LOOK_SECONDS
        return False

    def step(self, now: float, link: Link, files: Callable[[], set[str]]) -> None:
        """Send what is ready, and remove what Kafka has.

        Args:
            now: time of the monotonic clock.
            link: the way to Kafka.
            files: says which files wait to be uploaded.
        """
        if now < self._next_look:
            return
        self._send(link, files)
        self._next_look = now + max(_LOOK_SECONDS, (time.monotonic() - now) / _LOOK_SHARE)

    def forget(self) -> None:
        """Begin anew: the link broke, or another is taken."""
        self._changed = None
        self._waiting, self._sent = [], {}

    def _send(self, link: Link, files: Callable[[], set[str]]) -> None:
        for path in [path for path, batch in self._sent.items() if batch.acknowledged]:
            path.unlink(missing_ok=True)
            del self._sent[path]
        while self._waiting and link.room("bulk"):
            path = self._waiting[0]
            announcement = self._read(path)
            if announcement is not None:
                if not announcement.waits_for.isdisjoint(files()):
                    return
                lacking = len(announcement.waits_for & changed(self._folder))
                if lacking:
                    self._sent[path] = self._tell(link, path, announcement, lacking)
                else:
                    self._sent[path] = link.send("bulk", ARTIFACTS, announcement.key, announcement.message)
            self._waiting.pop(0)

    def _tell(self, link: Link, path: Path, announcement: Announcement, lacking: int) -> Batch:
        """Tell the run's people that an artifact will be no version."""
        meta, name = self._meta, announcement.key.decode()
        self.alerting = time.time_ns() // 1000
        text = (
            f"{lacking} of its files, added with policy='immutable', were changed before they were uploaded, so what "
            "was logged is not to be had any more. Log it again; files that are written anew need policy='mutable'"
        )
        data = {"title": f"The artifact {name} was not stored", "text": text, "level": "ERROR"}
        event = Event("alert", meta.run, meta.rank, int(path.stem), self.alerting, data)
        return link.send("urgent", EVENTS, meta.run.encode(), event.encode())

    def _look(self) -> bool:
        """Look for announcements if the folder has changed; return whether some wait."""
        try:
            changed = os.stat(self._files).st_mtime_ns  # noqa: PTH116 -- as above
        except OSError:
            return False
        # Two changes may have the same time, so one that is recent is looked at again.
        if changed != self._changed or time.time_ns() - changed < _RECENT_NS:
            self._changed = changed
            self._waiting = [path for path in announced(self._folder) if path not in self._sent]
        return bool(self._waiting)

    def _read(self, path: Path) -> Announcement | None:
        """Read an announcement, once; one that was damaged is put out of the way."""
        if self._next is None or self._next[0] != path:
            try:
                self._next = path, read(path)
            except FileNotFoundError:
                return None
            except WireError as error:
                log.error("%s is dropped: %s", path, error)  # noqa: TRY400 -- nobody needs a traceback for it
                path.unlink(missing_ok=True)
                return None
        return self._next[1]
