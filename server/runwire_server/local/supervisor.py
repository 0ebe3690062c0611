"""The supervisor of ``runwire up``: ``python -m runwire_server.local.supervisor OPTIONS``.

It keeps the programs of the table alive, and does nothing else; so it imports next to nothing, and takes 20 MB.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from runwire import _ready
from runwire.errors import RunwireError
from runwire_server.local import home as homes
from runwire_server.local import programs
from runwire_server.local.child import Child
from runwire_server.local.home import Addresses
from runwire_server.local.process import Process
from runwire_server.local.programs import Program, UpOptions

_ROUND = 60.0  # seconds between two looks at logs and disk
_LONGEST_LOG = 16 << 20  # bytes; what is older is kept once, as <log>.1
_LITTLE = 200 << 20  # bytes left on the disk, below which it is said


class Supervisor:
    """Keeps programs alive until it is told to stop.

    Args:
        home: the home, which the caller has locked.
        table: the programs.
        where: what ``up.json`` is to tell once all are ready.
        leave: when all are ready, leave the terminal to whoever started this.
    """

    def __init__(
        self, home: Path, table: Sequence[Program], where: Addresses | None = None, *, leave: bool = False
    ) -> None:
        self._home = home
        self._logs = home / "log"
        self._where = where
        self._leave = leave
        self._aloud = True
        self._began = time.time()
        self._stop = asyncio.Event()
        self._children = {program.name: Child(program, self._logs, self.say, self._write_down) for program in table}

    def say(self, line: str) -> None:
        """Tell the user, in the terminal if there is one, and in ``log/up.log``."""
        with suppress(OSError):  # a terminal that has gone or a full disk must not end the programs
            if self._aloud:
                print(line, flush=True)  # noqa: T201
        with suppress(OSError), (self._logs / "up.log").open("a", encoding="utf-8") as log:
            log.write(f"{time.strftime('%Y-%m-%dT%H:%M:%S%z')} {line}\n")

    async def run(self) -> int:
        """Run the programs until SIGINT, SIGTERM or SIGHUP comes, or until they cannot be started.

        Returns:
            The exit code: 0 if stopped by a signal, 1 if a program did not come up.
        """
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGCHLD, Process.reap)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, self._asked)
        self._write_down()
        work = [
            asyncio.ensure_future(child.keep([self._children[name] for name in child.program.after]))
            for child in self._children.values()
        ]
        work += [asyncio.ensure_future(self._settle()), asyncio.ensure_future(self._make_rounds())]
        asked = asyncio.ensure_future(self._stop.wait())
        failure = await self._watch(work, asked)
        if failure is not None:
            self.say(f"runwire up: {failure}")
        for task in [*work, asked]:
            task.cancel()
        await asyncio.gather(*work, return_exceptions=True)
        await self._wind_down()
        return 0 if failure is None else 1

    async def _watch(self, work: Sequence[asyncio.Future[None]], asked: asyncio.Future[Any]) -> RunwireError | None:
        """Return when a stop is asked for (None) or something of the work fails (its error)."""
        pending: set[asyncio.Future[Any]] = {*work, asked}
        while not asked.done():
            done, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
            for task in done - {asked}:
                error = task.exception()
                if isinstance(error, RunwireError):
                    return error
                if error is not None:
                    raise error
        return None

    def _asked(self) -> None:
        if self._stop.is_set():  # asked twice: whoever asks does not want to wait
            for child in self._children.values():
                child.kill()
        self._stop.set()

    async def _settle(self) -> None:
        """Wait until all are ready, and say so."""
        for child in self._children.values():
            await child.ready.wait()
        if self._where is not None:
            homes.announce(self._home, self._where)
        where = f": {self._where.server}" if self._where else ""
        how = "`runwire down`" if self._leave else "Ctrl-C"
        self.say(f"all ready in {time.time() - self._began:.1f} s{where} ({how} stops it)")
        if self._leave:
            self._aloud = False
            with (self._logs / "up.log").open("ab") as log:
                for descriptor in (1, 2):  # not even a traceback may go to a terminal that is somebody else's by now
                    os.dup2(log.fileno(), descriptor)
        _ready.tell()

    async def _make_rounds(self) -> None:
        said = False
        while True:
            for log in self._logs.glob("*.log"):
                with suppress(OSError):
                    if log.stat().st_size > _LONGEST_LOG:
                        shutil.copyfile(log, log.with_name(f"{log.name}.1"))
                        os.truncate(log, 0)  # whoever writes it appends
            with suppress(OSError):
                free = shutil.disk_usage(self._home).free
                if free < _LITTLE and not said:
                    self.say(
                        f"The disk of {self._home} has only {free >> 20} MB left. Make room: once it is full, Kafka "
                        "and ClickHouse take nothing, and what is logged waits in the spools."
                    )
                said = free < _LITTLE
            await asyncio.sleep(_ROUND)

    async def _wind_down(self) -> None:
        children = self._children.values()
        await asyncio.gather(
            *(
                child.stop([other for other in children if child.program.name in other.program.after])
                for child in children
            )
        )
        self.say("all stopped")

    def _write_down(self) -> None:
        told = {
            "pid": os.getpid(),
            "since": self._began,
            "programs": [child.tell() for child in self._children.values()],
        }
        try:
            homes.write_state(self._home, told)
        except OSError as error:
            self.say(f"{self._home / 'up.state'} cannot be written: {error.strerror or error}")


async def _supervise(options: UpOptions) -> int:
    where = programs.addresses(options, homes.addresses(options.home))
    return await Supervisor(options.home, programs.table(options, where), where, leave=options.detach).run()


def main() -> int:
    """Supervise as the first argument, a JSON object of ``UpOptions``, says."""
    told = json.loads(sys.argv[1])
    options = UpOptions(**{**told, "home": Path(told["home"])})
    lock = homes.Lock(options.home)
    try:
        lock.take()
    except RunwireError as error:
        print(f"runwire up: {error}", file=sys.stderr)  # noqa: T201
        return 1
    return asyncio.run(_supervise(options))


if __name__ == "__main__":
    sys.exit(main())
