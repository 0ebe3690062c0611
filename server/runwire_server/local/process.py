"""One process of the supervisor's: it dies with the supervisor, and its end can be awaited."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import ClassVar

from runwire._ready import READY_FD
from runwire_server.local import launch


class Process:
    """A program that runs, in a session of its own, so that a terminal's Ctrl-C reaches the supervisor alone.

    Started in the thread that runs the event loop, which lives as long as the supervisor: the kernel ends the process
    with that thread. ``Process.reap`` must be called upon SIGCHLD.

    Attributes:
        pid: its process id.
    """

    _alive: ClassVar[set[Process]] = set()

    def __init__(self, argv: Sequence[str], log: Path, nice: int = 0) -> None:
        """Start ``argv``; what it prints is appended to ``log``. It gives way to others by ``nice``."""
        loop = asyncio.get_running_loop()
        self._ended: asyncio.Future[int] = loop.create_future()
        self._told: asyncio.Future[bool] = loop.create_future()
        self._log = log
        pipe, theirs = os.pipe()
        try:
            with log.open("ab") as out:
                self._begin = out.tell()
                self._popen = subprocess.Popen(  # noqa: S603
                    launch.command(argv, nice),
                    stdin=subprocess.DEVNULL,
                    stdout=out,
                    stderr=out,
                    pass_fds=[theirs],
                    env={**os.environ, READY_FD: str(theirs)},
                    start_new_session=True,
                )
        except BaseException:
            os.close(pipe)
            raise
        finally:
            os.close(theirs)
        self.pid = self._popen.pid
        self._alive.add(self)
        loop.add_reader(pipe, self._hear, pipe)

    def _hear(self, pipe: int) -> None:
        word = os.read(pipe, 64)
        asyncio.get_running_loop().remove_reader(pipe)
        os.close(pipe)
        self._told.set_result(bool(word))

    @classmethod
    def reap(cls) -> None:
        """See which processes have ended, and end what those left behind in their sessions."""
        for process in list(cls._alive):
            process._see()  # noqa: SLF001 - its own class

    def _see(self) -> None:
        code = self._popen.poll()
        if code is not None:
            self._alive.discard(self)
            self._signal_all()
            self._ended.set_result(code)

    @property
    def ended(self) -> bool:
        """Whether it has ended."""
        return self._ended.done()

    async def end(self) -> int:
        """Wait until it has ended; returns the exit code, negative for a signal."""
        return await asyncio.shield(self._ended)  # whoever stops waiting does not end the wait of others

    async def word(self) -> bool:
        """Wait until it said that it is ready (True), or closed the pipe without a word (False)."""
        return await asyncio.shield(self._told)

    async def stop(self, grace: float) -> None:
        """Ask it to end, and after ``grace`` seconds make it; returns when it has ended."""
        if not self.ended:
            self._popen.terminate()
            await asyncio.wait([self._ended], timeout=grace)
            self.kill()
            await self.end()

    def kill(self) -> None:
        """End it, and whatever it started in its session, at once."""
        if not self.ended:
            self._signal_all()

    def _signal_all(self) -> None:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)

    def fate(self) -> str:
        """How it ended, in words."""
        code = self._ended.result()
        return f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"

    def last_words(self, lines: int = 5) -> list[str]:
        """The last lines that it printed."""
        with suppress(OSError), self._log.open("rb") as log:
            end = log.seek(0, os.SEEK_END)
            log.seek(max(self._begin if self._begin <= end else 0, end - 4096))
            return [line for line in log.read().decode(errors="replace").splitlines() if line.strip()][-lines:]
        return []
