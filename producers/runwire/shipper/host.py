"""All spools of one host, on their way to the Kafkas that they name."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from itertools import islice
from operator import attrgetter
from pathlib import Path

from runwire import _addresses
from runwire.errors import ConfigError
from runwire.shipper import slots
from runwire.shipper.deaths import Deaths
from runwire.shipper.delivery import Delivery
from runwire.shipper.feed import Feed
from runwire.shipper.link import Lane, Link
from runwire.shipper.tally import Tally
from runwire.shipper.uploads import Uploads
from runwire.spool import LOCK, Meta
from runwire.spool.folder import found
from runwire.spool.lock import held

_SCAN_SECONDS = 0.25
#: Looking for new spools takes at most so much of the time, however many lie there.
_SCAN_SHARE = 0.01
_FIND_SECONDS = 1.0
#: A tick tells that runs live, and carries bulk, for so long at most before it looks again after what is urgent.
_PULSE_SECONDS = _BULK_SECONDS = 0.03
#: What is urgent waits no longer than this for what is found in the same look.
_FLUSH_SECONDS = 0.01
#: So many spools of ended runs are delivered at a time; it bounds open files and memory.
_ENDED_MAX = 64
_BACKOFF_SECONDS_MIN, _BACKOFF_SECONDS_MAX = 0.5, 5.0

log = logging.getLogger(__name__)


class Host:
    """Finds spools and delivers them; `tick` does a little of it.

    Args:
        home: the home.
        spools: this host's spools in it.
        kafka: where all of it goes, whatever the spools say; None for what they say.
        server: where all files go, likewise.
        offline: whether spools of offline runs are delivered, too.

    Attributes:
        runs: if there are some, what waits of others is left alone, unless they go on.
        deliveries: of each spool that was found.
        default: where spools go that do not say where to.
        tally: what was delivered.
        looked_seconds: how long the last tick took to find out which spools have something to tell.
    """

    def __init__(
        self,
        home: Path,
        spools: Path,
        kafka: str | None = None,
        server: str | None = None,
        *,
        offline: bool = False,
    ) -> None:
        self._home, self._spools, self._offline = home, spools, offline
        self._given, self._given_server = kafka, server
        self.runs: frozenset[str] = frozenset()
        #: Spools that are left alone, of offline runs, and those that cannot be delivered, which was said.
        self._left: set[Path] = set()
        self._refused: set[Path] = set()
        self.deliveries: dict[Path, Delivery] = {}
        self.default: str | None = None
        self._default_server: str | None = None
        self.tally = Tally()
        self._deaths = Deaths()
        self._links: dict[str, Link] = {}
        self._backoff: dict[str, tuple[float, float]] = {}
        self._feeds: dict[str, Feed] = {}
        self._uploads: dict[str, Uploads] = {}
        self._next_scan = self._next_find = 0.0
        self._wanted: set[str] = set()
        self._turn = 0
        self._looked = 0.0
        self.looked_seconds = 0.0
        self._find_problem: str | None = None

    @property
    def live(self) -> bool:
        """Whether a run of this host goes on."""
        return any(delivery.live for delivery in self.deliveries.values())

    @property
    def hopeful(self) -> bool:
        """Whether something waits that is known where to deliver."""
        return any(self.goes(delivery) for delivery in self.deliveries.values())

    @property
    def connected(self) -> bool:
        """Whether one can send wherever something is to be sent."""
        return bool(self._links) and all(link.ready for link in self._links.values())

    @property
    def problem(self) -> str | None:
        """What keeps data from being delivered, for people; None if nothing does."""
        for link in self._links.values():
            if link.problem is not None:
                return link.problem
        if self._find_problem is not None:
            return self._find_problem
        for uploads in self._uploads.values():
            if uploads.problem is not None:
                return uploads.problem
        if self.deliveries and not self.hopeful:
            return "no pipeline is known"
        return None

    def address(self, delivery: Delivery) -> str | None:
        """Return where a spool is to be delivered, None if that is not known."""
        return self._given or delivery.meta.kafka or self.default

    def server(self, delivery: Delivery) -> str | None:
        """Return where a spool's files are to be delivered, None if that is not known."""
        return self._given_server or delivery.meta.server or self._default_server

    def goes(self, delivery: Delivery) -> bool:
        """Return whether it is known where to deliver what waits in a spool, or will when the run goes on."""
        return (self.server(delivery) if delivery.carried else self.address(delivery)) is not None

    def waiting(self) -> int:
        """Return about how many bytes are not delivered."""
        return sum(delivery.waiting() for delivery in self.deliveries.values())

    def tick(self) -> bool:
        """Do what is to be done now, for some tens of milliseconds at most. Return whether there is more at once."""
        now = time.monotonic()
        if now >= self._next_find:
            self._next_find = now + _FIND_SECONDS
            self._find()
        if now >= self._next_scan:
            self._scan()
            self._next_scan = time.monotonic() + max(_SCAN_SECONDS, (time.monotonic() - now) / _SCAN_SHARE)
            self._wanted = self._addresses()
        self._mend()
        # What is found now may have lain there since the look before, so it is sent by the end of the slot of that.
        due = slots.after(self._looked)
        self._looked = now = time.monotonic()
        active = self._active(now)
        self.looked_seconds = time.monotonic() - now
        more = self._watch(active, now, due)
        deadline = time.monotonic() + _BULK_SECONDS
        for index in range(len(active)):
            delivery = active[(self._turn + index) % len(active)]
            more |= self._guard(delivery, delivery.ship, now)
            if time.monotonic() >= deadline:
                self._turn += index + 1
                more = True
                break
        self._flush("bulk")
        for delivery in active:
            if delivery.removed:
                del self.deliveries[delivery.folder]
        return more

    def _watch(self, active: Sequence[Delivery], now: float, due: float) -> bool:
        """Tell what is urgent: first of what is news, then that all is well, with whom that was to be told longest."""
        more = False
        flush = time.monotonic() + _FLUSH_SECONDS
        calm = sorted((delivery for delivery in active if not delivery.news), key=attrgetter("pulse_due"))
        for delivery in active:
            if delivery.news:
                more |= self._guard(delivery, delivery.watch, now, due)
                if time.monotonic() >= flush:
                    self._flush("urgent")
                    flush = time.monotonic() + _FLUSH_SECONDS
        self._flush("urgent")
        deadline = time.monotonic() + _PULSE_SECONDS
        for delivery in calm:
            if time.monotonic() >= deadline:
                more = True
                break
            more |= self._guard(delivery, delivery.watch, now, due)
        self._flush("urgent")
        return more

    def wait(self, seconds: float) -> None:
        """Wait until there may be something to do, which is at once where a process ends."""
        ended = self._deaths.wait(seconds)
        if ended:
            for delivery in self.deliveries.values():
                delivery.notice(ended)

    def close(self, seconds: float) -> None:
        """Let what is on its way arrive, for at most so long, and write down what did."""
        for feed in self._feeds.values():
            feed.stop()
        for uploads in self._uploads.values():
            uploads.stop()
        for link in self._links.values():
            link.close(seconds)
        for delivery in self.deliveries.values():
            self._guard(delivery, delivery.settle_last)
            delivery.forget()

    def count(self) -> None:
        """Bring the tally up to what is acknowledged by now."""
        for link in self._links.values():
            link.settle("bulk")
            link.settle("urgent")

    def _flush(self, lane: Lane) -> None:
        """Let what all spools had to send at this moment go together."""
        for link in self._links.values():
            link.flush(lane)

    def _find(self) -> None:
        try:
            address = _addresses.find("kafka", home=self._home)
        except ConfigError as error:
            self._find_problem = str(error)
            return
        self._find_problem = None
        self._default_server = _addresses.find_server(self._home)
        self.default = None if address is None else address.value

    def _addresses(self) -> set[str]:
        """Return where spools are to be delivered."""
        found = (self.address(delivery) for delivery in self.deliveries.values())
        return {address for address in found if address is not None}

    def _scan(self) -> None:
        seen = set()
        for folder in found(self._spools):
            seen.add(folder)
            if folder not in self.deliveries and folder not in self._left:
                meta = Meta.read(folder)
                if meta is not None and not self._takes(folder, meta):
                    self._left.add(folder)
                elif meta is not None:
                    self._take_on(folder, meta)
        self._left &= seen
        self._refused &= seen
        for folder in set(self.deliveries) - seen:
            # Somebody else removed it.
            self.deliveries.pop(folder).forget()
        self._feed()
        self._upload()

    def _takes(self, folder: Path, meta: Meta) -> bool:
        """Return whether a spool is to be delivered. Of a run that goes on at least the pulse must."""
        if self.runs and meta.run not in self.runs:
            return not meta.offline and held(folder / LOCK)
        return self._offline or not meta.offline

    def _take_on(self, folder: Path, meta: Meta) -> None:
        """Deliver a spool from here on; what another user left in the home holds up no other."""
        try:
            self.deliveries[folder] = Delivery(folder, meta, self._deaths)
        except OSError as error:
            if folder not in self._refused:
                self._refused.add(folder)
                log.warning("%s cannot be delivered: %s", folder, error)
            return
        self._refused.discard(folder)
        log.info("found %s", folder)

    def _mend(self) -> None:
        """Replace links that broke, and let go of those that nobody uses."""
        now = time.monotonic()
        for address, link in list(self._links.items()):
            if link.ready:
                self._backoff.pop(address, None)
            if address not in self._wanted:
                link.close(0)
                del self._links[address]
            elif link.broken:
                wait, at = self._backoff.get(address, (_BACKOFF_SECONDS_MIN, 0.0))
                if at == 0.0:
                    link.close(0)
                    self._backoff[address] = (wait, now + wait)
                elif now >= at:
                    self._backoff[address] = (min(2 * wait, _BACKOFF_SECONDS_MAX), 0.0)
                    self._links[address] = Link(address, self.tally)
        for address in self._wanted - set(self._links):
            self._links[address] = Link(address, self.tally)

    def _active(self, now: float) -> list[Delivery]:
        """Return for whom there is something to do: living runs, some of the others; each with the link it needs."""
        calling = [delivery for delivery in self.deliveries.values() if delivery.calls(now)]
        ended = (delivery for delivery in calling if delivery.gone)
        active = [delivery for delivery in calling if not delivery.gone] + list(islice(ended, _ENDED_MAX))
        ready: dict[str | None, Link] = {address: link for address, link in self._links.items() if link.ready}
        for delivery in active:
            delivery.attach(ready.get(self.address(delivery)))
        return active

    def _guard(self, delivery: Delivery, call: Callable[..., bool | None], *moment: float) -> bool:
        """Let one spool that cannot be read or written hold up no other, nor one that shows a mistake of ours."""
        try:
            return bool(call(*moment))
        except OSError as error:
            log.warning("%s is left alone for %g s: %s", delivery.folder, delivery.pause(), error)
        except Exception:
            log.exception("%s is left alone for %g s", delivery.folder, delivery.pause())
        return False

    def _feed(self) -> None:
        """Read alerts where living runs are delivered, and nowhere else."""
        runs: dict[str, dict[str, dict[int, Path]]] = {}
        since: dict[str, int] = {}
        for delivery in self.deliveries.values():
            address = self.address(delivery)
            if address is None or delivery.gone:
                continue
            meta = delivery.meta
            runs.setdefault(address, {}).setdefault(meta.run, {})[meta.rank] = delivery.folder
            since[address] = min(meta.started, since.get(address, meta.started))
        for address in set(self._feeds) - set(runs):
            self._feeds.pop(address).stop()
        for address, here in runs.items():
            feed = self._feeds.get(address)
            if feed is not None:
                feed.runs = here
            elif address in self._links and self._links[address].ready:
                self._feeds[address] = Feed(address, since[address], here)
                self._feeds[address].start()

    def _upload(self) -> None:
        """Upload files where there are some, and run no thread where there are none."""
        folders: dict[str, list[Path]] = {}
        for folder, delivery in self.deliveries.items():
            server = self.server(delivery)
            if server is not None and delivery.contents.files:
                folders.setdefault(server, []).append(folder)
        for server in set(self._uploads) - set(folders):
            self._uploads.pop(server).stop()
        for server, spools in folders.items():
            if server in self._uploads:
                self._uploads[server].spools = spools
            else:
                self._uploads[server] = Uploads(server, self.tally, spools)
                self._uploads[server].start()
