"""The training's end of the capture: descriptors 1 and 2 lead to the tee, and back when the run finishes.

Where they lead to a terminal they get one of our own, which passes everything as it is, so that programs draw and
colour as ever; else a pipe. Where both lead to the same place they share one, so that the order of what comes by them
stays; whose a line is then nobody knows.
"""

from __future__ import annotations

import fcntl
import os
import signal
import socket
import sys
import termios
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from runwire._say import logger
from runwire.console import protocol
from runwire.console.protocol import CONTROL, DRAIN, STREAMS
from runwire.console.record import LOCK

_NAMES = {1: "stdout", 2: "stderr"}
#: A quarter of a pipe's usual limit: all pipes of a user together have one, too.
_PIPE_BYTES = 1 << 18
#: At a run's end it is waited for so long until all is passed on; whoever is to read it may not do so.
_DRAIN_SECONDS = 2.0
#: Descriptors are handed over from here on, so that none stands where another is to be.
_HIGH_FD = 64
_READ_BYTES = 1 << 16

# The tee's modules are imported without the package around them, which would take it ten times as long.
_TEE = (
    "import sys; package = sys.modules['runwire'] = type(sys)('runwire'); package.__path__ = [sys.argv[1]]; "
    "from runwire.console.tee import main; main(sys.argv[2], sys.argv[3:])"
)

#: This process's capture; it has at most one, and a forked child its parent's.
_current: Capture | None = None
_beginning = threading.Lock()


def begin(folder: Path, log: Path) -> Capture | None:
    """Begin to capture what this process writes to its descriptors 1 and 2.

    Args:
        folder: of the spool of the run that it becomes a part of.
        log: the file that gets what goes wrong.

    Returns:
        The capture; None where there is one already, here or before a fork, where both are closed, in a notebook, whose
        output does not come by them, and where the system does not let us, which is said.
    """
    global _current  # noqa: PLW0603 -- the descriptors are the process's
    # What ipykernel reads by it shows below the cell that printed: it must not come any later.
    if type(sys.stdout).__module__.startswith("ipykernel."):
        return None
    if not _beginning.acquire(blocking=False):  # another thread's run has it, or that of the parent of a forked child
        return None
    try:
        places = _places()
        if _current is not None or not places:
            return None
        _current = Capture(places, folder, log)
    except OSError as error:
        logger.warning("the console output is not recorded: %s", error)
        return None
    else:
        return _current
    finally:
        _beginning.release()


@dataclass
class _Stream:
    """One place that output goes to.

    Attributes:
        name: "stdout", "stderr" or "both".
        fds: by which descriptors.
        target: the place.
        source: where what is written is read.
        mark: what tells our end of it from anything else, by device and number.
    """

    name: str
    fds: tuple[int, ...]
    target: int
    source: int
    mark: tuple[int, int, int]

    def put_back(self) -> None:
        """Let the descriptors lead to the place itself, unless somebody else has changed them meanwhile."""
        for fd in self.fds:
            with suppress(OSError):
                if _mark(fd) == self.mark:
                    os.dup2(self.target, fd)

    def close(self) -> None:
        """Let go of both."""
        os.close(self.source)
        os.close(self.target)


class Capture:
    """The capture of this process's output, until `finish`.

    Args:
        places: the descriptors, those together that lead to the same place.
        folder: of the spool.
        log: the file that gets what goes wrong.

    Raises:
        OSError: the system does not let us.
    """

    def __init__(self, places: Sequence[tuple[int, ...]], folder: Path, log: Path) -> None:
        self._process = os.getpid()
        self._lock = threading.RLock()  # a signal's handler may finish the run in the midst of that
        self._streams: list[_Stream] = []
        #: Whether the tee has passed on all that there was: if it ends then, it did so because nobody writes any more.
        self._through = False
        #: Those that do what the tee did, once that is gone.
        self._passing: list[threading.Thread] = []
        writers: list[int] = []
        self._control, theirs = socket.socketpair()
        lock = -1
        try:
            for fds in places:
                self._streams.append(_open(fds, writers))
            # Held from before the tee is there: until it ends, the spool is not done.
            lock = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self._child = _spawn(folder, log, theirs.fileno(), lock, self._streams)
            for stream, writer in zip(self._streams, writers, strict=True):
                for fd in stream.fds:
                    os.dup2(writer, fd)
        except BaseException:
            self._control.close()
            for stream in self._streams:
                stream.put_back()
                stream.close()
            raise
        finally:
            theirs.close()
            for fd in (*writers, lock):
                if fd >= 0:
                    os.close(fd)
        os.set_blocking(self._control.fileno(), False)

    def look(self) -> None:
        """See to it that what is written gets on, though the tee may be gone or have nobody to pass it on to."""
        with self._lock:
            self._listen()

    def finish(self) -> None:
        """End it: from here on all goes where it went before, behind what was captured."""
        _flush()
        with self._lock:
            for stream in self._streams:
                stream.put_back()
            self._drain()
            self._let_go()

    def forked(self) -> None:
        """Leave it to the parent: this is a forked child, whose output goes by the parent's tee."""
        self._let_go()

    def _listen(self) -> bytes:
        """Hear what the tee says, and do what that asks for. Return it."""
        self._reap()
        if not self._streams:
            return b""
        try:
            said = self._control.recv(16)
        except BlockingIOError:
            return b""
        except OSError:
            said = b""
        self._through |= DRAIN in said
        if not said and self._through:
            self._let_go()
        elif not said:
            self._fall_back()
        for index, stream in enumerate(self._streams):
            if b"%d" % index in said:  # what is written there is to fail as it would without us
                stream.put_back()
        return said

    def _reap(self) -> None:
        """Take note that the process that started the tee has ended, as it does at once."""
        if self._child:
            try:
                if os.waitpid(self._child, os.WNOHANG)[0]:
                    self._child = 0
            except ChildProcessError:  # somebody else's wait() took it
                self._child = 0

    def _drain(self) -> None:
        """Wait until the tee has passed on what was written, for a while."""
        deadline = time.monotonic() + _DRAIN_SECONDS
        with suppress(OSError):
            self._control.send(DRAIN, socket.MSG_NOSIGNAL)  # SIGPIPE may be what ends this program
        while self._streams and DRAIN not in self._listen() and time.monotonic() < deadline:
            time.sleep(0.001)
        for thread in self._passing:
            thread.join(max(deadline - time.monotonic(), 0))

    def _fall_back(self) -> None:
        """The tee is gone: let what lies in its pipes, and what children still write, get on without it."""
        streams, self._streams = self._streams, []
        for stream in streams:
            stream.put_back()
            thread = threading.Thread(target=_pass_on, args=(stream,), name=f"runwire {stream.name}", daemon=True)
            self._passing.append(thread)
            thread.start()
        # Only now: it goes to one of them.
        logger.warning("the console output is no longer recorded, for its process is gone; it is shown as ever")

    def _let_go(self) -> None:
        global _current  # noqa: PLW0603 -- as above
        self._control.close()
        for stream in self._streams:
            stream.close()
        self._streams = []
        if _current is self and os.getpid() == self._process:
            _current = None


def _places() -> list[tuple[int, ...]]:
    """Return the descriptors that are open; those that lead to the same place together."""
    marks = {}
    for fd in _NAMES:
        with suppress(OSError):
            # A file that got the number of a closed one is not handed on to children, as Python opens it.
            if os.get_inheritable(fd):
                marks[fd] = _mark(fd)
    if len(marks) == 2 and marks[1] == marks[2]:
        return [(1, 2)]
    return [(fd,) for fd in marks]


def _mark(fd: int) -> tuple[int, int, int]:
    found = os.fstat(fd)
    return found.st_dev, found.st_ino, found.st_rdev


def _open(fds: tuple[int, ...], writers: list[int]) -> _Stream:
    """Make a stream for what goes by these descriptors, and add its writing end to ``writers``."""
    target = fcntl.fcntl(fds[0], fcntl.F_DUPFD_CLOEXEC, _HIGH_FD)
    try:
        source, writer = _terminal(target) if os.isatty(target) else _pipe()
    except BaseException:
        os.close(target)
        raise
    writers.append(writer)
    name = _NAMES[fds[0]] if len(fds) == 1 else "both"
    return _Stream(name, fds, target, source, _mark(writer))


def _pipe() -> tuple[int, int]:
    source, writer = os.pipe()
    with suppress(OSError):  # this user's pipes hold as much as they may
        fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
    return source, writer


def _terminal(like: int) -> tuple[int, int]:
    """Return both ends of a terminal as ``like``, but for that it changes nothing of what is written."""
    source, writer = os.openpty()
    with suppress(OSError, termios.error):
        attributes = termios.tcgetattr(like)
        attributes[1] &= ~termios.OPOST
        termios.tcsetattr(writer, termios.TCSANOW, attributes)
        fcntl.ioctl(source, termios.TIOCSWINSZ, fcntl.ioctl(like, termios.TIOCGWINSZ, bytes(8)))
    return source, writer


def _spawn(folder: Path, log: Path, control: int, lock: int, streams: Sequence[_Stream]) -> int:
    """Start the tee. Return the id of a process that starts it and ends at once."""
    if not sys.executable:
        raise OSError("this Python does not know its own program")  # an embedded interpreter
    given = [(control, CONTROL), (lock, protocol.LOCK)]
    for index, stream in enumerate(streams):
        given += [(stream.source, STREAMS + 2 * index), (stream.target, STREAMS + 2 * index + 1)]
    high = [(fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, _HIGH_FD), place) for fd, place in given]
    try:
        return os.posix_spawn(
            sys.executable,
            [sys.executable, "-I", "-S", "-c", _TEE, str(Path(__file__).parents[1]), str(folder)]
            + [stream.name for stream in streams],
            os.environ,
            file_actions=[
                (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
                (os.POSIX_SPAWN_OPEN, 2, os.fspath(log), os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600),
                (os.POSIX_SPAWN_DUP2, 2, 1),
                *((os.POSIX_SPAWN_DUP2, fd, place) for fd, place in high),
            ],
            # What ends or stops the training, the tee outlives: it is still to say what that said.
            setsigmask=[signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGTSTP],
        )
    finally:
        for fd, _ in high:
            os.close(fd)


def _flush() -> None:
    for file in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError, AttributeError):  # closed, or none of Python's own
            file.flush()
    # C code has buffers of its own; whoever has some mostly has ctypes, too, whose import would take its time.
    if (ctypes := sys.modules.get("ctypes")) is not None:
        with suppress(AttributeError, OSError, ValueError):
            library = ctypes.CDLL(None)
            library.fflush(ctypes.c_void_p.in_dll(library, "stdout"))


def _pass_on(stream: _Stream) -> None:
    with suppress(OSError):  # whoever read it is gone, or nobody has the terminal open any more
        while data := os.read(stream.source, _READ_BYTES):
            left = memoryview(data)
            while left:
                left = left[os.write(stream.target, left) :]
    stream.close()
