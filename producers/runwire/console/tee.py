"""The tee: passes on at once what a training process writes, and records it. A process of its own, since C code may
print while it holds the GIL: a reader in the training process would wait for a writer that waits for the reader.

Two processes, in truth: one works, and the other waits for it and begins anew where it stopped, should somebody kill
it. So no writer is ever stuck, also where the training process itself has no chance to look. Both end when nobody is
left who might write: neither the training process nor a child that outlives it.
"""

from __future__ import annotations

import fcntl
import os
import select
import sys
import termios
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress

from runwire.console.flood import Flood
from runwire.console.lines import Line, Lines
from runwire.console.protocol import CONTROL, DRAIN, STREAMS
from runwire.console.record import Counts, Record

_READ_BYTES = 1 << 16
_SETTLE_SECONDS = 1.0
#: How often the terminal is asked for its size.
_SIZE_SECONDS = 0.25
_POLL_SECONDS = 0.002
#: What is written to a terminal is handed on by a thread of the kernel; a pipe has it at once.
_QUIET_SECONDS = 0.02
#: A worker that fails so soon, so many times in a row, does not work at all.
_START_SECONDS, _FAILURES_MAX = 1.0, 3


class Recording:
    """What both streams are recorded by.

    Args:
        folder: of the spool.
        counts: the numbers to go on with.
    """

    def __init__(self, folder: str, counts: Counts) -> None:
        self._record, self._counts = Record(folder, counts), counts
        self._lock = threading.Lock()

    def flood(self, name: str) -> Flood:
        """Return what a stream of that name is told to."""
        return Flood(Lines(name, self._counts.take_lines, self._add), self._counts.take_lines)

    def record(self, change: Callable[[int, float], None]) -> bool:
        """Let a stream be changed, given the time, and write what that tells. Return False if that showed a mistake."""
        with self._lock:
            now = time.monotonic()
            try:
                change(time.time_ns() // 1000, now)
                self._record.flush(now)
            except Exception:  # noqa: BLE001 -- whatever it is: what is printed is still to be passed on
                sys.excepthook(*sys.exc_info())
                return False
        return True

    def _add(self, line: Line) -> None:
        self._record.add(*line)


class Stream(threading.Thread):
    """Passes one stream on until nobody is left who might write to it.

    Args:
        index: which one.
        name: "stdout", "stderr" or "both".
        recording: what it is recorded by.
        wake: a descriptor that is written to when it ends, and when `unread` becomes true.

    Attributes:
        terminal: whether it is one.
        unread: whether whoever read what is passed on is gone.
    """

    def __init__(self, index: int, name: str, recording: Recording, wake: int) -> None:
        super().__init__(name=name, daemon=True)
        self._source, self._target = STREAMS + 2 * index, STREAMS + 2 * index + 1
        self.terminal = os.isatty(self._source)
        self.unread = False
        self._wake = wake
        self._recording = recording
        self._flood: Flood | None = recording.flood(name)
        self._busy = threading.Lock()
        self._window = b""

    def run(self) -> None:
        """Pass on, and record."""
        while True:
            select.select([self._source], [], [])
            with self._busy:
                try:
                    data = os.read(self._source, _READ_BYTES)
                except OSError:  # so a terminal says that nobody has it open any more
                    break
                if not data:
                    break
                self._pass_on(data)
                flood = self._flood
                if flood is not None and not self._recording.record(lambda ts, now: flood.feed(data, ts, now)):  # noqa: B023 -- it is called here
                    self._flood = None
        os.write(self._wake, b"w")

    def settle(self) -> None:
        """Record what is recorded now and then."""
        flood = self._flood
        if flood is not None and not self._recording.record(lambda ts, _now: flood.settle(ts)):
            self._flood = None

    def drained(self) -> bool:
        """Return whether all that was written is passed on and recorded, or `settle` will."""
        if not self.is_alive():
            return True
        if not self._busy.acquire(blocking=False):
            return False
        try:
            return not select.select([self._source], [], [], _QUIET_SECONDS if self.terminal else 0)[0]
        finally:
            self._busy.release()

    def follow_window(self) -> None:
        """Give our terminal, if it is one, the size of the one that it stands for."""
        if not self.terminal:
            return
        with suppress(OSError):
            window = fcntl.ioctl(self._target, termios.TIOCGWINSZ, bytes(8))
            if window != self._window:
                self._window = window
                fcntl.ioctl(self._source, termios.TIOCSWINSZ, window)

    def _pass_on(self, data: bytes) -> None:
        left = memoryview(data)
        try:
            while left and not self.unread:
                with suppress(BlockingIOError):  # somebody made it so, for all who have it
                    select.select([], [self._target], [])
                    left = left[os.write(self._target, left) :]
        except OSError:
            self.unread = True
            os.write(self._wake, b"w")


class Training:
    """The training process, as far as it is talked to.

    Args:
        streams: its streams.

    Attributes:
        waits: whether it waits until all is passed on.
    """

    def __init__(self, streams: Sequence[Stream]) -> None:
        self._streams = streams
        self._wait = _SIZE_SECONDS if any(stream.terminal for stream in streams) else _SETTLE_SECONDS
        self._there = True
        self._told: set[Stream] = set()
        self.waits = False

    def listen(self, woken: int) -> None:
        """Wait for what it says, for a stream that writes to the other end of ``woken``, or for the next look."""
        fds = [woken, CONTROL] if self._there else [woken]
        ready = select.select(fds, [], [], _POLL_SECONDS if self.waits else self._wait)[0]
        if woken in ready:
            os.read(woken, 1)
        if CONTROL in ready:
            try:
                said = os.read(CONTROL, 16)
            except OSError:
                said = b""
            self.waits |= DRAIN in said
            self._there = bool(said)

    def tell(self, *, drained: bool) -> None:
        """Say what there is to be said."""
        said = b""
        for index, stream in enumerate(self._streams):
            if stream.unread and stream not in self._told:
                self._told.add(stream)
                said += b"%d" % index
        if drained:
            self.waits = False
            said += DRAIN
        with suppress(OSError):  # it is gone
            os.write(CONTROL, said)


def main(folder: str, names: Sequence[str]) -> None:
    """Be the tee of a training process.

    Args:
        folder: of its spool.
        names: of its streams.
    """
    if os.fork():
        os._exit(0)  # so that the training has no child that it did not make
    os.setsid()
    os.chdir("/")
    counts = Counts()
    failures = 0
    while failures < _FAILURES_MAX:
        began = time.monotonic()
        child = os.fork()
        if child == 0:
            _work(folder, names, counts)
        status = os.waitpid(child, 0)[1]
        if status == 0:
            return
        # Who is killed may well be killed again; who fails at once will fail again.
        failed = os.WIFEXITED(status) and time.monotonic() - began < _START_SECONDS
        failures = failures + 1 if failed else 0


def _work(folder: str, names: Sequence[str], counts: Counts) -> None:
    """Pass on until there is nothing left to come, and end this process."""
    try:
        _serve(folder, names, counts)
    except BaseException:  # noqa: BLE001 -- the process that waits is not to go on with what is this one's
        sys.excepthook(*sys.exc_info())
        os._exit(1)
    os._exit(0)


def _serve(folder: str, names: Sequence[str], counts: Counts) -> None:
    woken, wake = os.pipe()
    recording = Recording(folder, counts)
    streams = [Stream(index, name, recording, wake) for index, name in enumerate(names)]
    for stream in streams:
        stream.start()
    training = Training(streams)
    settled = time.monotonic()
    while any(stream.is_alive() for stream in streams):
        training.listen(woken)
        for stream in streams:
            stream.follow_window()
        drained = training.waits and all(stream.drained() for stream in streams)
        if drained or time.monotonic() - settled >= _SETTLE_SECONDS:
            settled = time.monotonic()
            for stream in streams:
                stream.settle()
        training.tell(drained=drained)
    for stream in streams:
        stream.settle()
    training.tell(drained=True)  # nobody is left who might write, and that is why it ends
