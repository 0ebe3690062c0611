"""Where a run is recorded, and by what: its spool, the thread beside the training, and the capture of the console."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from runwire import _addresses, _delivery, _job, surroundings
from runwire._about import About, Place
from runwire._companion import Companion
from runwire._recorder import Recorder
from runwire._say import logger
from runwire._settings import Settings
from runwire.console import capture
from runwire.console.capture import Capture
from runwire.errors import ConfigError, UnavailableError
from runwire.shipper.start import LOG
from runwire.spool import Meta, Writer, folder, history
from runwire.system import Sampler

if TYPE_CHECKING:
    from runwire.wire import StopRequest  # loaded by the first that comes

#: A run that is over in a moment waits so long for where it comes from, which takes a tenth of a second where nobody
#: else wants the processor: so much that a process that gives way to all others comes to its end, too.
_FINDING_SECONDS = 2.0


class Recording:
    """One process's part of a run, as it is recorded. Its spool is begun at once; `start` begins what goes on beside.

    Args:
        about: the run.
        settings: how it behaves.
        place: where it is recorded.

    Attributes:
        folder: the spool; None if nothing is recorded, for it is disabled, or no folder could be made, which was said.
        recorder: the way into it.
    """

    folder: Path | None = None
    _lock_fd = -1
    _companion: Companion | None = None
    _console: Capture | None = None

    def __init__(self, about: About, settings: Settings, place: Place) -> None:
        self._about, self._settings, self._place, self._address = about, settings, place, place.kafka
        self.recorder = Recorder(self._begin(), about.next_step)
        self._remember(about.name, finished=False)

    def start(self, stop: Callable[[StopRequest], None]) -> None:
        """Begin what goes on beside the training.

        Args:
            stop: called, in another thread, with each request to stop.
        """
        if self.folder is None:
            return
        if self._settings.console:
            self._console = capture.begin(self.folder, self._place.spools / LOG)
        self._companion = Companion(
            self._place.home,
            self._place.spools,
            self.folder,
            self.recorder,
            ships=self._settings.mode == "online",
            asks=self._asks(),
            sampler=self._sampler(),
            console=self._console,
            stop=stop,
        )
        self._companion.start()
        if self._settings.mode == "online" and self._address is None:
            logger.info(
                "no pipeline runs here: %s waits in %s; `runwire sync` delivers it once there is one "
                "(`runwire up` starts one, RUNWIRE_KAFKA names another)",
                self._about.name,
                self.folder,
            )

    def last_words(self, seconds: float = _FINDING_SECONDS) -> None:
        """Have what goes on beside tell all that it knows: behind the word that the run is over nobody reads on.

        Args:
            seconds: for so long what is being found out is waited for at most.
        """
        if self._companion is not None:
            self._companion.tell(last=min(seconds, self._settings.finish_timeout))
        if self._console is not None:
            self._console.finish()

    def deliver(self, name: str, *, resumable: bool) -> None:
        """Wait a while until all of it is delivered, and close it.

        Args:
            name: how people call the run by now.
            resumable: whether ``resume="auto"`` is to go on with it.
        """
        self._remember(name, finished=not resumable)
        companion = self._companion
        try:
            if companion is not None and self.folder is not None:
                _delivery.wait(
                    self.folder,
                    self._place.spools,
                    self._kafka() if self._settings.mode == "online" else None,
                    _addresses.find_server(self._place.home),
                    seconds=self._settings.finish_timeout,
                    printed=lambda: companion.printed,
                )
        finally:
            if companion is not None:
                companion.stop()
            self.recorder.close()
            self._release()

    def forked(self) -> None:
        """Leave it to the parent: this is a child process."""
        if self._console is not None:
            self._console.forked()
        self.recorder.forget()
        self._release()

    def _begin(self) -> Writer | None:
        """Begin the spool; None if there is to be none, or the world does not let us, which is said."""
        about, place, settings = self._about, self._place, self._settings
        if settings.mode == "disabled":
            return None
        past = history.written(place.home, about.id, about.rank)
        meta = Meta(
            run=about.id,
            rank=about.rank,
            attempt=0 if past is None else past.attempt + 1,
            project=about.project,
            name=about.name,
            host=_addresses.hostname(),
            pid=os.getpid(),
            started=time.time_ns() // 1000,
            # Who runs an `up` may start it anew at another port: that one is asked when it comes to delivering.
            kafka=self._address.value if self._address is not None and self._address.source != "up" else None,
            offline=settings.mode == "offline",
            server=_addresses.find_server(place.home, up=False),
        )
        try:
            made, self._meta, self._lock_fd = folder.begin(place.spools, meta)
            writer = Writer(made, self._meta.attempt, bytes_max=settings.spool_bytes_max or None)
        except (UnavailableError, OSError) as error:
            self._release()
            logger.error("nothing of this run is recorded, the training goes on: %s", error)
            return None
        self.folder = made
        return writer

    def _remember(self, name: str, *, finished: bool) -> None:
        """Write down what whoever goes on with the run must know."""
        if self.folder is not None:
            about = self._about
            past = history.Past(self._meta.attempt, about.project, name, self.recorder.next_step, finished)
            with suppress(OSError):  # then it goes on from step 0, as a new one does
                history.remember(self._place.home, about.id, about.rank, past)

    def _asks(self) -> tuple[str, ...]:
        """Return what is to be told of where the run comes from: by one of its processes."""
        settings = self._settings
        if self._about.rank != 0:
            return ()
        return surroundings.asks(code=settings.code, packages=settings.packages, machine=settings.machine)

    def _sampler(self) -> Sampler | None:
        """Return what samples the machine; None if nothing is to."""
        interval, machine = self._settings.system_interval, self._settings.machine
        if not interval and not machine:
            return None
        return Sampler(self.recorder, self._place.home, interval, machine=machine, local_rank=_job.local_rank())

    def _kafka(self) -> str | None:
        """Return where it is delivered as far as is known now."""
        if self._address is None or self._address.source == "up":
            with suppress(ConfigError):
                self._address = _addresses.find("kafka", home=self._place.home)
        return None if self._address is None else self._address.value

    def _release(self) -> None:
        if self._lock_fd >= 0:
            os.close(self._lock_fd)
            self._lock_fd = -1
