"""A training process's one thread of Runwire's: prints the run's alerts, passes requests to stop on, sees to it that
there is a shipper, tells where the run comes from, samples the machine, and looks after the capture of the console.
"""

from __future__ import annotations

import math
import os
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from runwire import surroundings
from runwire._recorder import Recorder
from runwire._say import logger
from runwire.console.capture import Capture
from runwire.errors import WireError
from runwire.shipper.start import LOG, claim, running, start
from runwire.spool import INBOX
from runwire.surroundings import Finding
from runwire.system import Sampler

if TYPE_CHECKING:
    from runwire.wire import Alert, StopRequest  # loaded by the first that comes

_LOOK_SECONDS = 0.25
_CHECK_SECONDS = 1.0
_BACKOFF_SECONDS_MAX = 60.0
#: A start that takes longer than this hangs.
_START_SECONDS_MAX = 60.0
#: A shipper that is gone again after so many starts in a row does not start at all; that is said.
_STARTS_SAID = 3
_BEFORE_SHOWN = 3


class Companion(threading.Thread):
    """Runs beside the training until `stop`.

    Args:
        home: the home.
        spools: this host's spools in it.
        folder: the run's own spool.
        recorder: what it tells is recorded by, and is looked after about once a second.
        ships: whether there is to be a shipper.
        asks: what is to be told of where the run comes from, as `surroundings.asks` says; () for nothing.
        sampler: takes samples of the machine; None if none are to be taken.
        console: the capture of the console, if this run has it.
        stop: called, in this thread, with each request to stop.
    """

    def __init__(
        self,
        home: Path,
        spools: Path,
        folder: Path,
        recorder: Recorder,
        *,
        ships: bool,
        asks: tuple[str, ...],
        sampler: Sampler | None,
        console: Capture | None,
        stop: Callable[[StopRequest], None],
    ) -> None:
        super().__init__(name="runwire", daemon=True)
        self._stop_asked = stop
        self._ships, self._asks = ships, asks
        self._sampler, self._console = sampler, console
        self._finding: Finding | None = None
        # Re-entrant, since a signal's handler may finish the run in the middle of finish().
        self._telling = threading.RLock()
        self._home, self._spools, self._recorder = home, spools, recorder
        self._inbox = folder / INBOX
        self._offset = 0
        self._said: set[tuple[str, int, str]] = set()
        self._halt = threading.Event()
        self._children: set[int] = set()
        self._starts = 0
        self._start_began = self._next_start = 0.0
        #: When an alert was last printed, seconds since the epoch; 0 before the first.
        self.printed = 0.0

    def start(self) -> None:
        """Start the thread, a shipper if none runs, and whoever finds out where the run comes from."""
        self._ensure_shipper()
        if self._asks:
            with suppress(OSError):  # then it is not known, which is no reason to say anything
                self._finding = surroundings.find(self._asks, self._spools / LOG)
        super().start()

    def _ensure_shipper(self) -> None:
        """Start a shipper if none runs; one that does not stay up is tried again less and less often.

        One that is on its way is waited for: on a crowded machine it takes seconds, and more starts would make it more.
        """
        if not self._ships:
            return
        for child in list(self._children):
            with suppress(ChildProcessError):  # somebody else's wait() took it
                if os.waitpid(child, os.WNOHANG)[0] == 0:
                    continue
            self._children.discard(child)
        try:
            if running(self._spools):
                self._starts = 0
                return
            now = time.monotonic()
            if self._children and now < self._start_began + _START_SECONDS_MAX:
                claim(self._spools, again=True)
                return
            if now < self._next_start or not claim(self._spools):
                return
            self._start_began = now
            self._next_start = now + min(2.0**self._starts, _BACKOFF_SECONDS_MAX)
            self._starts += 1
            if self._starts == _STARTS_SAID:
                logger.warning("the shipper does not stay up, %s says why; the data waits", self._spools / LOG)
            self._children.add(start(self._home, self._spools))
        except OSError as error:
            if self._starts <= 1:
                self._starts = _STARTS_SAID
                logger.warning("no shipper can be started (%s): the data waits, `runwire sync` delivers it", error)

    def run(self) -> None:
        """Look into the inbox and at the machine, and once a second after the shipper."""
        checked = time.monotonic()
        while not self._halt.wait(_LOOK_SECONDS):
            if self._console is not None:
                self._console.look()
            self.tell()
            self._look()
            if self._sampler is not None:
                self._sampler.look()
            if time.monotonic() - checked >= _CHECK_SECONDS:
                checked = time.monotonic()
                self._recorder.check()
                if self._spools.exists():
                    self._ensure_shipper()
        if self._sampler is not None:
            self._sampler.close()

    def tell(self, *, last: float | None = None) -> None:
        """Record where the run comes from, if that is found out by now and was not recorded before.

        Args:
            last: that the run ends, and for how many seconds it is waited for what is being found out: later it is for
                nobody, since who reads stops at the run's end.
        """
        with self._telling:
            told = None if self._finding is None else self._finding.look(last or 0.0)
            if told is not None:
                self._recorder.event("about", told)
            if last is not None or told is not None:
                self._finding = None

    def stop(self) -> None:
        """End the thread, after a last look into the inbox."""
        self._halt.set()
        if self.is_alive() and threading.current_thread() is not self:
            self.join(timeout=2.0)
        self._look()

    def _look(self) -> None:
        try:
            with self._inbox.open("rb") as file:
                file.seek(self._offset)
                lines = file.read()
        except OSError:
            return
        whole = lines.rfind(b"\n") + 1
        self._offset += whole
        if not whole:
            return
        from runwire.wire import Alert, StopRequest  # noqa: PLC0415 -- to most trainings nobody says anything

        for line in lines[:whole].splitlines():
            with suppress(WireError):
                self._print(Alert.parse(line))
                continue
            with suppress(WireError):
                self._stop_asked(StopRequest.parse(line))

    def _print(self, alert: Alert) -> None:
        # Of one that is pending, observed, silenced or explained by another nobody is told, here neither.
        key = (alert.id, alert.episode, alert.state)
        if alert.told_at is None or key in self._said:
            return
        self._said.add(key)
        self.printed = time.time()
        logger.warning(describe(alert))


def describe(alert: Alert) -> str:
    """Return what a terminal shows of an alert: one line, and a second one with the values where there are some."""
    lines = [f"{'ALERT' if alert.state == 'firing' else 'resolved'} [{alert.severity}] {alert.rule}: {alert.title}"]
    if alert.state == "resolved":
        return lines[0]
    if alert.metric:
        at = "" if alert.step is None else f" at step {alert.step}"
        value = "" if alert.value is None else f": {_short(alert.value)}"
        before = ", ".join(f"{_short(one)} (step {step})" for step, one in alert.before[-_BEFORE_SHOWN:])
        rank = "" if alert.rank is None else f", rank {alert.rank}"
        lines.append(f"  {alert.metric}{at}{rank}{value}" + (f"; before it {before}" if before else ""))
    elif alert.text:
        lines.append("  " + alert.text.strip().splitlines()[0][:500])
    return "\n".join(lines)


def _short(value: float) -> str:
    return f"{value:.6g}" if math.isfinite(value) else {math.inf: "Inf", -math.inf: "-Inf"}.get(value, "NaN")
