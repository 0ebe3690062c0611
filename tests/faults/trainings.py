"""The processes that log: each rank's attempts, one after the other, and what all of them have logged."""

from __future__ import annotations

import itertools
import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import known
from parts import own

from faults import cells
from faults.cluster import Host
from faults.ledger import Ledger
from faults.plan import Rank

_TRAINER = Path(__file__).with_name("trainer.py")
_FOLDERS = [str(Path(__file__).parents[1]), str(Path(known.__file__).parent)]
_BACK_MAX = 150
_ROWS_MIN = 300
#: A shipper that could not write to a spool leaves it alone for a while: no reason to wait for it.
_SMALL_WAIT_SECONDS = "2"
#: Attempts are told apart by the second at which they begin.
_AGE_MIN_SECONDS = 2.0


@dataclass(frozen=True)
class Attempt:
    """One process's turn at a rank."""

    rank: Rank
    seed: int
    rows: int
    start: int
    ledger: Ledger

    def known(self) -> Iterator[known.Row]:
        """Yield the rows that it logs, if it is let."""
        rank = self.rank
        return known.rows(self.seed, self.rows, rank.metrics, start=self.start, unrest=rank.unrest)

    def logged(self) -> list[known.Row]:
        """Return the rows for which log() has returned."""
        return list(itertools.islice(self.known(), self.ledger.read()[1]))

    def tables(self, calls: range) -> Iterator[tuple[int, list[list[Any]]]]:
        """Yield the tables that go with some of its calls of log(), counted from 1, each with its step."""
        for call, (step, _) in enumerate(itertools.islice(self.known(), calls.stop - 1), 1):
            rows = cells.of(self.seed, call) if call in calls else None
            if rows is not None:
                yield step, rows

    def doubtful(self) -> known.Row | None:
        """Return the row that was on its way into log() when the process was killed."""
        begun, returned = self.ledger.read()
        return next(itertools.islice(self.known(), returned, begun), None)


class Training:
    """A rank, whose process may be killed; then another goes on where a checkpoint may have been.

    Args:
        rank: what it logs.
        host: where.
        folder: for ledgers and what the processes say.

    Attributes:
        rank, host: as given; the host may change with the attempts.
        attempts: all so far.
    """

    def __init__(self, rank: Rank, host: Host, folder: Path) -> None:
        self.rank, self.host = rank, host
        self._folder = folder
        self._rng = random.Random(rank.seed)
        self.attempts: list[Attempt] = []
        self._start(rank.rows, self._rng.choice([-100, 0, 10_000]))

    @property
    def pid(self) -> int:
        """The process id of the last attempt."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether it is still logging, or waiting for the delivery."""
        return self._process.poll() is None

    def kill(self, host: Host | None = None, back: int = _BACK_MAX) -> bool:
        """SIGKILL the process, and let another go on; False if it has ended, or only just begun.

        Args:
            host: where the other runs; None for where this one did.
            back: so many steps at most lie behind it, where it goes on.
        """
        if not self.alive or time.time() < self._began + _AGE_MIN_SECONDS:
            return False
        self.host = host or self.host
        self._process.kill()
        self._process.wait()
        last = self.attempts[-1].logged()
        done = sum(attempt.ledger.read()[1] for attempt in self.attempts)
        step = last[-1][0] if last else self.attempts[-1].start
        self._start(max(self.rank.rows - done, _ROWS_MIN), step - self._rng.randrange(back))
        self.go()
        return True

    def ready(self) -> bool:
        """Tell whether it could log."""
        return "ready" in self._said.read_text()

    def go(self) -> None:
        """Let it log."""
        assert self._process.stdin is not None
        self._process.stdin.close()

    def wait(self, seconds: float) -> str | None:
        """Wait for its end; return what is wrong with that, if anything is."""
        try:
            code = self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            return f"{self.rank.run}/{self.rank.rank} does not end"
        return f"{self.rank.run}/{self.rank.rank} ended with {code}: {self._said.read_text()[-2000:]}" if code else None

    def end(self) -> None:
        """Let no process stay."""
        self._process.kill()
        self._process.wait()

    def _start(self, rows: int, start: int) -> None:
        rank, number = self.rank, len(self.attempts)
        name = f"{rank.run}.{rank.rank}.{number}"
        self._said = self._folder / f"{name}.txt"
        ledger = self._folder / f"{name}.ledger"
        told = {
            "run": rank.run,
            "rank": rank.rank,
            "seed": rank.seed + number,
            "rows": rows,
            "metrics": rank.metrics,
            "start": start,
            "unrest": rank.unrest,
            "pause": rank.pause,
            "ledger": ledger,
        }
        self.attempts.append(Attempt(rank, rank.seed + number, rows, start, Ledger(ledger)))
        path = os.pathsep.join([*_FOLDERS, *filter(None, [os.environ.get("PYTHONPATH")])])
        environment = {**os.environ, "RUNWIRE_HOME": str(self.host.home), "PYTHONPATH": path}
        environment["RUNWIRE_SYSTEM_INTERVAL"] = "0"  # all that is stored is compared with what the trainer logs
        if self.host.kafka is not None and self.host.server is not None:
            environment |= {"RUNWIRE_KAFKA": self.host.kafka, "RUNWIRE_SERVER": self.host.server}
        if self.host.small:
            environment["RUNWIRE_FINISH_TIMEOUT"] = _SMALL_WAIT_SECONDS
        self._began = time.time()
        flags = [f"--{option}={value}" for option, value in told.items()] + ["--plain"] * self.host.small
        with self._said.open("wb") as said:
            command = [sys.executable, str(_TRAINER), *flags]
            self._process = own(command, env=environment, stdin=subprocess.PIPE, stdout=said, stderr=said)
