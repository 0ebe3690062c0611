"""Keeping one program alive."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from enum import Enum
from pathlib import Path
from typing import Any

from runwire_server.local import probes
from runwire_server.local.errors import StartError
from runwire_server.local.process import Process
from runwire_server.local.programs import Program

#: Seconds before the first restart; each further one waits twice as long, up to the second number.
BACKOFF = (0.2, 10.0)
#: Seconds for which a program must have been ready for its earlier deaths to be forgotten.
HEALTHY = 60.0
#: Deaths in a row without ever having been ready, after which a start is given up.
STRIKES = 3
#: Seconds within which a program that lives must be ready at its first start.
PATIENCE = 120.0
#: Seconds that a program has for stopping in order.
GRACE = 15.0


class State(str, Enum):
    """What a program is doing, as ``runwire status`` tells it."""

    WAITING = "waiting"  # for programs that must be ready before it
    STARTING = "starting"
    READY = "ready"
    FAILED = "failed"  # it ended, and will be started again
    STOPPING = "stopping"
    STOPPED = "stopped"


class Child:
    """A program of the table, kept alive.

    Attributes:
        program: the program.
        ready: set while it is.
        stopped: set when it has stopped for good.
    """

    def __init__(self, program: Program, logs: Path, say: Callable[[str], None], changed: Callable[[], None]) -> None:
        self.program = program
        self.ready = asyncio.Event()
        self.stopped = asyncio.Event()
        self._log = logs / f"{program.name}.log"
        self._say = say
        self._changed = changed
        self._state = State.WAITING
        self._since = time.time()
        self._process: Process | None = None
        self._restarts = 0
        self._been_ready = False

    def tell(self) -> dict[str, Any]:
        """How it does, for the state file; times are Unix seconds."""
        return {
            "name": self.program.name,
            "state": self._state.value,
            "pid": self._process.pid if self._process and not self._process.ended else None,
            "since": self._since,
            "restarts": self._restarts,
            "address": self.program.address,
            "ours": self.program.argv is not None,
        }

    async def keep(self, needs: Sequence[Child]) -> None:
        """Start the program once ``needs`` are ready, and again whenever it ends; runs until cancelled.

        Raises:
            StartError: it did not come up at the first try.
        """
        deaths = 0
        while True:
            self._turn(State.WAITING)
            for need in needs:
                await need.ready.wait()
            began = time.monotonic()
            self._turn(State.STARTING)
            if self.program.argv is None:
                await self._look()
                return
            deaths += 1
            try:
                process = self._process = Process(self.program.argv, self._log, self.program.nice)
            except OSError as error:  # no process to be had, or a disk so full that no log can be opened
                end = f"cannot be started: {error.strerror or error}"
            else:
                await self._live(process, began)
                await process.end()
                end = process.fate()
            self.ready.clear()
            if time.monotonic() - began > HEALTHY:
                deaths = 1
            self._mourn(end, deaths)
            self._turn(State.FAILED)
            await asyncio.sleep(_pause(deaths))
            self._restarts += 1

    async def _look(self) -> None:
        """Wait for a server that is not ours."""
        try:
            await asyncio.wait_for(probes.wait(self.program.ready, None, self._log), probes.EXISTING)
        except asyncio.TimeoutError:
            raise StartError(
                f"{self.program.name} at {self.program.address} does not answer. See that it runs and can be reached "
                f"from here, or leave out --{self.program.name}, and one of our own is started."
            ) from None
        self._turn(State.READY)
        self.ready.set()

    async def _live(self, process: Process, began: float) -> None:
        """See it become ready, if it does before it ends."""
        probe = asyncio.ensure_future(probes.wait(self.program.ready, process, self._log))
        end = asyncio.ensure_future(process.end())
        try:
            patience = None if self._been_ready else PATIENCE
            await asyncio.wait([probe, end], timeout=patience, return_when=asyncio.FIRST_COMPLETED)
            if end.done():
                return
            if not probe.done():
                raise StartError(
                    f"{self.program.name} runs, but was not ready within {PATIENCE:.0f} s. See {self._log} for why."
                )
            probe.result()
        finally:
            probe.cancel()
            end.cancel()
        self._been_ready = True
        self._turn(State.READY)
        self.ready.set()
        where = f" at {self.program.address}" if self.program.address else ""
        again = " again" if self._restarts else ""
        self._say(f"{self.program.name:<10} ready{again}{where} ({time.monotonic() - began:.1f} s)")

    def _mourn(self, end: str, deaths: int) -> None:
        """Say how it ended.

        Raises:
            StartError: it has never been ready, and that is not going to change.
        """
        words = "".join(f"\n    {line}" for line in self._process.last_words()) if self._process else ""
        words = f" Its last words:{words}" if words else f" It said nothing in {self._log}."
        if not self._been_ready and deaths >= STRIKES:
            raise StartError(f"{self.program.name} {end}, {deaths} times in a row.{words}")
        self._say(f"{self.program.name:<10} {end}; it is started again in {_pause(deaths):.1f} s.{words}")

    async def stop(self, dependents: Sequence[Child]) -> None:
        """Stop it in order, when those that need it have stopped; ``keep`` must have been cancelled before."""
        for dependent in dependents:
            await dependent.stopped.wait()
        self.ready.clear()
        if self._process is not None:
            self._turn(State.STOPPING)
            await self._process.stop(GRACE)
        self._turn(State.STOPPED)
        self.stopped.set()

    def kill(self) -> None:
        """End it at once."""
        if self._process is not None:
            self._process.kill()

    def _turn(self, state: State) -> None:
        if state is not self._state:
            self._state, self._since = state, time.time()
            self._changed()


def _pause(deaths: int) -> float:
    first, longest = BACKOFF
    return float(min(longest, first * 2 ** (deaths - 1)))
