"""One spool on its way: its lanes, what of it is delivered, and its removal."""

from __future__ import annotations

import math
import os
import random
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from runwire.console import record
from runwire.shipper.artifacts import Artifacts
from runwire.shipper.console import Console
from runwire.shipper.contents import Contents
from runwire.shipper.deaths import Deaths
from runwire.shipper.link import Link
from runwire.shipper.ship import Ship
from runwire.shipper.vitals import Progress
from runwire.shipper.watch import Mark, Watch
from runwire.spool import DELIVERED, LOCK, Meta, Position, history
from runwire.spool.files import names, wait, waiting
from runwire.spool.folder import read_json, remove, write_json
from runwire.spool.format import segment_name, segments
from runwire.spool.lock import Probe, flocked
from runwire.wire import ATTEMPT_SHIFT

#: How often a spool is looked at whose process is not known to be well, and how often one where the kernel would say.
_LOOK_SECONDS, _WATCHED_LOOK_SECONDS = 0.2, 1.0
#: How often what waits is counted anew: less often where there are so many files that it takes more than such a share
#: of the time, but often enough that whoever waits sees it become less.
_WAITING_SECONDS, _WAITING_SECONDS_MAX, _WAITING_SHARE = 1.0, 10.0, 0.05
#: What is delivered is written down once a second if a killed shipper's successor would repeat so many bytes, or tell
#: anew of something that an alert may answer to; else now and then, since it takes as long as to deliver a few rows.
_SAVE_SECONDS, _SAVE_SECONDS_MAX = 1.0, 120.0
_SAVE_BYTES = 1 << 16
_ALERTING_SECONDS = 3.0
#: How long it is left alone after something failed: longer each time that it fails again soon.
_PAUSE_SECONDS_MIN, _PAUSE_SECONDS_MAX = 1.0, 30.0


class Delivery:
    """Delivers one spool.

    Args:
        folder: the spool.
        meta: whose it is.
        deaths: tells of the end of its process; None to look again and again.

    Attributes:
        folder, meta: as given.
        contents: what lies in it besides rows and events.
        gone: whether the run's process is known to be gone.
        carried: whether all that goes to Kafka was delivered.
        removed: whether all was delivered and the spool removed.
    """

    def __init__(self, folder: Path, meta: Meta, deaths: Deaths | None = None) -> None:
        self.folder, self.meta = folder, meta
        self._lock = Probe(folder / LOCK)
        self.contents = Contents(folder)
        self.gone = not self._lock.held()
        self.carried = self.removed = False
        #: Whether only files are left to deliver.
        self._awaits_files = False
        self._pause, self._paused_until = 0.0, 0.0
        self._ship_from, self._watch_from, self._console_from = _saved(folder, meta)
        self._lowest = min(segments(folder), default=0)
        self._link: Link | None = None
        self._ship: Ship | None = None
        self._artifacts = Artifacts(folder, meta)
        self._watch: Watch | None = None
        self._console: Console | None = None
        self._death = -1 if self.gone or deaths is None else deaths.watch(meta.pid)
        self._next_look = 0.0
        self._next_weigh = self._next_save = 0.0
        self._saved_at = self._ship_from, self._watch_from.position, self._console_from
        self._next_count = 0.0
        self._waiting = self._waiting_files = 0
        self._written: dict[str, Any] = {}

    @property
    def live(self) -> bool:
        """Whether the run goes on, or its process is gone and somebody whom it left behind may still print."""
        if self.gone:
            return flocked(self.folder / record.LOCK) if self._console is None else self._console.live
        return self._watch is None or not self._watch.finished

    @property
    def news(self) -> bool:
        """Whether there is something that was not read when `calls` looked, or the process is gone."""
        return self.gone or (self._watch is not None and self._watch.fresh)

    @property
    def pulse_due(self) -> float:
        """When it is to be told that the run lives, by the monotonic clock."""
        return self._watch.due if self._watch is not None else math.inf

    def attach(self, link: Link | None) -> None:
        """Deliver through this link from here on, going back to what is acknowledged; None to wait."""
        if link is self._link:
            return
        self._keep()
        self.close()
        self._link = link
        self._artifacts.forget()
        if link is not None:
            self._ship = Ship(self.folder, self.meta, self._ship_from, link)
            self._watch = Watch(self.folder, self.meta, self._watch_from, link)
            self._console = Console(self.folder, self.meta, self._console_from, link)

    def notice(self, ended: set[int]) -> None:
        """Look at once whether the process lives, if it is among those that ended, as `Deaths.wait` tells of them."""
        if self._death in ended:
            self._unwatch()
            self._next_look = 0.0

    def calls(self, now: float) -> bool:
        """Return whether there is something to do: all that is asked of most spools most of the time.

        Args:
            now: time of the monotonic clock.
        """
        if now < self._paused_until:
            return False
        watch, ship, console = self._watch, self._ship, self._console
        if now >= self._next_look:
            self.gone = self.gone or not self._lock.held()
            self._awaits_files = self._awaits_files and wait(self.folder)
            self.contents.look()
            idle = self._death >= 0 and watch is not None and not self._awaits_files
            self._next_look = now + (_WATCHED_LOOK_SECONDS if idle else _LOOK_SECONDS)
            if watch is None:
                return True  # there may be a link now
        if watch is None or ship is None or console is None:
            return self.gone and not self._awaits_files
        if self.contents.files and self._artifacts.calls(now):
            return True
        if self._awaits_files:
            return False
        return watch.calls(now) or now >= ship.due or (self.contents.console and now >= console.due) or self.gone

    def pause(self) -> float:
        """Leave the spool alone for a while, since it cannot be read or written: its disk is full, say.

        Returns:
            For how many seconds.
        """
        self.attach(None)
        now = time.monotonic()
        again = now < self._paused_until + 2 * self._pause
        self._pause = min(2 * self._pause, _PAUSE_SECONDS_MAX) if again else _PAUSE_SECONDS_MIN
        self._paused_until = now + self._pause
        return self._pause

    def watch(self, now: float, due: float) -> bool:
        """Tell what is urgent. Return whether there is more at once.

        Args:
            now: as it was given to `calls`.
            due: when what is found is to be sent as bulk, by the monotonic clock.
        """
        watch, ship = self._watch, self._ship
        if watch is None or ship is None:
            return False
        start = watch.position
        more = watch.step(now, gone=self.gone, waiting=self.waiting)
        if watch.items:
            ship.follow(watch.items, start, watch.reader, due)
        return more

    def ship(self, now: float) -> bool:
        """Carry bulk; write down what is delivered, now and then, and remove the spool once that is all of it.

        Args:
            now: as it was given to `calls`.

        Returns:
            Whether there is more at once.
        """
        watch, ship, console = self._watch, self._ship, self._console
        if watch is None or ship is None or console is None or self._link is None:
            return False
        ended = self.gone or watch.finished
        if ended:
            self.contents.look()  # all that came, it came before
        if self.contents.files:
            self._artifacts.step(now, self._link, self.files)
        more = ship.step(now, ended=ended, told=watch.position)
        if not more and (ended or self.contents.console):
            more = console.step(now, ended=ended)
        self.carried = watch.done and ship.done and console.done
        self._awaits_files = self.carried and wait(self.folder)
        done = self.carried and not self._awaits_files and not self._artifacts
        told = self.carried is self._written.get("carried", False)
        if done or not told or (now >= self._next_weigh and self._worth_saving(now)):
            self.save(done=done)
        if done and self.gone and not console.live:
            self.forget()
            self._remember()
            remove(self.folder)
            self.removed = True
        return more

    def settle_last(self) -> None:
        """Take what was acknowledged meanwhile, and write it down: the shipper ends."""
        if self._ship is not None and self._watch is not None and self._console is not None:
            self.carried = self._ship.done and self._watch.done and self._console.done
            self.save(done=self.carried and not wait(self.folder) and not self._artifacts)

    def waiting(self) -> int:
        """Return about how many bytes are not delivered, of rows and events and of files."""
        now = time.monotonic()
        recount = now >= self._next_count
        if recount:
            self._waiting_files = sum(file.size for file in waiting(self.folder)) if self.contents.files else 0
            pause = min((time.monotonic() - now) / _WAITING_SHARE, _WAITING_SECONDS_MAX)
            self._next_count = now + max(_WAITING_SECONDS, pause)
        if self._ship is not None and self._watch is not None:
            end, delivered = self._watch.end(), self._ship.delivered
            if end is not None and end.segment == delivered.segment:
                return max(end.offset - delivered.offset, 0) + self._console_waiting() + self._waiting_files
        if recount:
            self._waiting = self._count()
        return self._waiting + self._console_waiting() + self._waiting_files

    def files(self) -> set[str]:
        """Return the names of the files that wait for their upload."""
        return names(self.folder)

    def delivered(self) -> Position:
        """Return up to where all of the spool is delivered."""
        self._keep()
        return min(self._ship_from, self._watch_from.position)

    def end(self) -> Position:
        """Return where the spool ends now."""
        index = max(segments(self.folder), default=0)
        with suppress(OSError):
            return Position(index, (self.folder / segment_name(index)).stat().st_size)
        return Position(index, 0)

    def save(self, *, done: bool = False) -> None:
        """Write down what is delivered."""
        self._keep()
        told: dict[str, Any] = {
            "version": 1,
            "ship": list(self._ship_from),
            "watch": {
                **self._watch_from._asdict(),
                "progress": self._watch_from.progress._asdict(),
                "doing": dict(self._watch_from.doing),
            },
            "console": list(self._console_from),
            "alerting": max(self._watch.alerting if self._watch is not None else 0, self._artifacts.alerting),
            "carried": self.carried,
            "done": done,
        }
        # Spools that are found together are not to be written down together.
        self._next_save = time.monotonic() + _SAVE_SECONDS_MAX * random.uniform(0.5, 1)  # noqa: S311 -- no secret
        self._saved_at = self._ship_from, self._watch_from.position, self._console_from
        if told != self._written:
            write_json(self.folder / DELIVERED, told)
            self._written = told
        lowest = min(self._ship_from.segment, self._watch_from.position.segment)
        for index in range(self._lowest, lowest):
            with suppress(FileNotFoundError):
                (self.folder / segment_name(index)).unlink()
        self._lowest = max(self._lowest, lowest)
        for index in record.segments(self.folder) if self._console_from.segment else ():
            if index < self._console_from.segment:
                with suppress(FileNotFoundError):
                    (self.folder / record.segment_name(index)).unlink()

    def close(self) -> None:
        """Let go of the spool's files."""
        for lane in (self._ship, self._watch):
            if lane is not None:
                lane.close()
        self._ship = self._watch = self._console = None

    def forget(self) -> None:
        """Let go of all of it: it is delivered, or the shipper ends."""
        self.close()
        self._lock.close()
        self._unwatch()

    def _unwatch(self) -> None:
        if self._death >= 0:
            os.close(self._death)
            self._death = -1

    def _remember(self) -> None:
        """Write down how far a run is that did not do so itself, for it was killed."""
        mark, meta = self._watch_from, self.meta
        if mark.exit_code is None and mark.progress.step is not None:
            step = min(mark.progress.step + 1, 2**63 - 1)
            past = history.Past(meta.attempt, meta.project, meta.name, step)
            with suppress(OSError):  # a full disk: then the run goes on from where it was before this attempt
                history.remember(self.folder.parents[4], meta.run, meta.rank, past)

    def _worth_saving(self, now: float) -> bool:
        if self._ship is None or self._watch is None or self._console is None:
            return False
        self._next_weigh = now + _SAVE_SECONDS
        alerting = time.time() - self._watch.alerting / 1e6 < _ALERTING_SECONDS
        ship, watch, console = self._saved_at
        far = (
            _far(self._ship.delivered, ship)
            or _far(self._watch.delivered.position, watch)
            or _far(self._console.delivered, console)
        )
        return far or alerting or now >= self._next_save

    def _keep(self) -> None:
        if self._ship is not None and self._watch is not None and self._console is not None:
            self._ship_from, self._watch_from = self._ship.delivered, self._watch.delivered
            self._console_from = self._console.delivered

    def _console_waiting(self) -> int:
        return self._console.waiting if self._console is not None else 0

    def _count(self) -> int:
        self._keep()
        segment, total = self._ship_from.segment, -self._ship_from.offset
        with suppress(OSError):
            while True:
                total += (self.folder / segment_name(segment)).stat().st_size
                segment += 1
        return max(total, 0)


def _saved(folder: Path, meta: Meta) -> tuple[Position, Mark, Position]:
    """Return how far each lane was delivered, as the spool's last shipper wrote down."""
    told = read_json(folder / DELIVERED)
    try:
        mark = told["watch"]
        watch = Mark(
            position=_position(mark["position"]),
            seq=int(mark["seq"]),
            progress=Progress(**mark["progress"]),
            raised=mark["raised"],
            exit_code=mark["exit_code"],
            closed=bool(mark["closed"]),
            planned=tuple(mark["planned"]) if mark.get("planned") else None,
            stopped=bool(mark.get("stopped")),
            doing=dict(mark["doing"]),
            replicated=tuple(mark.get("replicated", ())),
        )
        return _position(told["ship"]), watch, _position(told.get("console", (0, 0)))
    except (KeyError, TypeError, ValueError):  # nothing, or nothing that can be read: then all of it once more
        start = Mark(Position(0, 0), meta.attempt << ATTEMPT_SHIFT, Progress(None, 0, meta.started))
        return Position(0, 0), start, Position(0, 0)


def _far(now: Position, before: Position) -> bool:
    return now.segment != before.segment or now.offset - before.offset >= _SAVE_BYTES


def _position(told: Any) -> Position:
    segment, offset = told
    return Position(int(segment), int(offset))
