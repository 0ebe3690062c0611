"""The one way into a run's spool: for threads, for signal handlers, and for a world that breaks.

Nothing here raises because of the world: what cannot be stored is counted, said once, and told to the run as soon as
something can be stored again.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from runwire._say import logger
from runwire.errors import WireError
from runwire.spool import Writer
from runwire.spool.files import Files, Kept
from runwire.spool.format import EVENT_BYTES_MAX
from runwire.wire.json import dumps

_STEP_MAX = 2**63 - 1


class Recorder:
    """Writes a run's rows and events, one at a time, in the order in which they are said.

    Args:
        writer: the spool; None if there is none: then everything is lost, which the caller has said.
        next_step: the step of the first row without one.
    """

    def __init__(self, writer: Writer | None, next_step: int = 0) -> None:
        self._writer = writer
        # Re-entrant, since a signal's handler may log in the middle of the main thread's log().
        self._lock = threading.RLock()
        self._busy = False
        self._late: deque[Callable[[], None]] = deque()
        self._losing = False
        self._ending = False
        self.next_step = next_step

    def row(self, keys: tuple[str, ...], step: int | None, ts: int, values: Collection[float], *, more: bool) -> None:
        """Append a row.

        Args:
            keys: names of metrics.
            step: int64; None for the step after the last.
            ts: microseconds since the epoch.
            values: one float a key.
            more: whether further rows of the same step follow: then the next row without a step has this one, too.
        """
        with self._lock:
            if self._busy:
                kept = list(values)
                self._late.append(lambda: self.row(keys, step, ts, kept, more=more))
                return
            self._busy = True  # as in `_guarded`, but written out: this is what log() costs
            try:
                if step is None:
                    step = self.next_step
                self.next_step = step if more or step == _STEP_MAX else step + 1
                if self._writer is not None:
                    self._writer.row(keys, step, ts, values)
                    if self._losing:
                        self._recovered()
            except OSError as error:
                self._lost(error)
            finally:
                self._busy = False
            if self._late:
                self._catch_up()

    def sample(self, values: Mapping[str, float]) -> None:
        """Append what was measured beside the run just now, `system/` metrics: its step is the time, not the run's.

        Once the run's end is told nothing is appended: nobody reads on behind that.
        """
        ts = time.time_ns() // 1000

        def write(writer: Writer) -> None:
            if not self._ending:
                writer.row(tuple(values), ts // 1000, ts, values.values())

        self._guarded(write)

    def take_step(self, step: int | None, *, more: bool) -> int:
        """Return the step of what is not a row: the next one, if it is not told; counting goes on behind it.

        Args:
            step: int64; None for the step after the last.
            more: whether more of the same step follows.
        """
        with self._lock:
            chosen = self.next_step if step is None else step
            self.next_step = chosen if more or chosen == _STEP_MAX else chosen + 1
            return chosen

    def part(self, message: Callable[[int], bytes]) -> None:
        """Append a part of a table, which ``message`` says as it goes to Kafka when it is given its seq."""
        self._guarded(lambda writer: writer.part(message))

    def file(self, keep: Callable[[Files], Kept]) -> Kept | None:
        """Return what ``keep`` keeps in the spool; None if it cannot, which is counted and said.

        Other threads' rows do not wait for it.
        """
        writer = self._writer
        if writer is None:
            return None
        try:
            return keep(writer.files)
        except OSError as error:
            lost = error

        def tell(writer: Writer) -> None:
            writer.lost_file(lost)
            raise lost

        self._guarded(tell)
        return None

    def artifact(self, message: Callable[[int], bytes], waits_for: Sequence[str]) -> None:
        """Write down that an artifact was logged: what is told of it, given its seq, once its files are uploaded."""
        self._guarded(lambda writer: writer.artifact(message, waits_for))

    def event(self, kind: str, data: dict[str, Any], *, vital: bool = False) -> None:
        """Append an event; ``vital`` if it tells the run's end."""
        event = {"type": kind, "ts": time.time_ns() // 1000, "data": data}
        try:
            size = len(dumps(event))
        except WireError as error:
            logger.warning("this %s is not recorded: %s", kind, error)
            return
        if size > EVENT_BYTES_MAX:
            logger.warning(
                "this %s is not recorded: it takes %d kB, %d are the most",
                kind,
                size >> 10,
                EVENT_BYTES_MAX >> 10,
            )
            return

        def write(writer: Writer) -> None:
            self._ending |= vital
            writer.event(event, vital=vital)

        self._guarded(write)

    def check(self) -> None:
        """Notice if somebody removed the spool; called now and then."""
        with self._lock:
            if self._writer is None or self._busy or not self._writer.removed:
                return
            folder = self._writer.folder
            self._writer.break_off()
            self._losing = True
            logger.error("%s was removed: what was not delivered yet is lost, and so is what is logged now", folder)

    def close(self) -> None:
        """Close the spool."""
        with self._lock:
            if self._writer is not None:
                self._writer.close()
                self._writer = None

    def forget(self) -> None:
        """Let go of the parent's spool in a forked child, whatever another thread was doing at the fork."""
        self._lock = threading.RLock()
        self._busy = False
        self.close()

    def _guarded(self, write: Callable[[Writer], None]) -> None:
        with self._lock:
            if self._busy:
                self._late.append(lambda: self._guarded(write))
                return
            self._busy = True
            try:
                if self._writer is not None:
                    write(self._writer)
                    if self._losing:
                        self._recovered()
            except OSError as error:
                self._lost(error)
            finally:
                self._busy = False
            if self._late:
                self._catch_up()

    def _catch_up(self) -> None:
        while self._late:
            self._late.popleft()()

    def _lost(self, error: OSError) -> None:
        if not self._losing:
            self._losing = True
            folder = self._writer.folder if self._writer is not None else "the spool"
            logger.error(
                "%s: %s: what is logged now is lost, until it can be stored again; the training goes on",
                folder,
                error.strerror or error,
            )

    def _recovered(self) -> None:
        self._losing = False
        logger.warning("what is logged is stored again; the run says how much was lost in between")
