"""``runwire sync``: the shipper in the foreground, until all that waits is delivered."""

from __future__ import annotations

import json
import logging
import os
import signal
import sys
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from runwire import _addresses
from runwire.errors import UnavailableError
from runwire.shipper.daemon import Shipper
from runwire.shipper.start import STATUS
from runwire.spool import Position
from runwire.spool.folder import read_json

_TAKE_OVER_SECONDS = 10.0
_POLL_SECONDS = 0.02
_SHOW_SECONDS = 0.2


class _Goal(NamedTuple):
    """What is to be delivered of a run that goes on: all up to a position, and some files."""

    position: Position
    files: set[str]


def sync(
    home: str | None,
    kafka: str | None,
    server: str | None = None,
    *,
    runs: Sequence[str] = (),
    timeout: float = 30.0,
    as_json: bool = False,
) -> int:
    """Deliver what waits on this host. Return the exit code.

    What living runs log meanwhile is the next shipper's.

    Args:
        home: the home; None for the usual one.
        kafka: where all of it goes; None for where each run was told.
        server: where all files go; None for where each run was told.
        runs: the ids of those whose data is delivered; () for all.
        timeout: seconds without progress after which it gives up.
        as_json: say the result as one JSON object on stdout.

    Raises:
        UnavailableError: no pipeline is known, or it does not take the data; what was not delivered stays.
        ConfigError: an address is none.
    """
    chosen = _addresses.find_home(home)
    given = None if kafka is None else _addresses.find("kafka", kafka)
    given_server = None if server is None else _addresses.find("server", server)
    _addresses.find("kafka", home=chosen)  # what cannot be read is said before anything is begun
    for quiet in ("kafka", "runwire.shipper"):
        logging.getLogger(quiet).setLevel(logging.CRITICAL)  # what matters of it is said at the end
    shipper = Shipper(
        chosen,
        None if given is None else given.value,
        None if given_server is None else given_server.value,
        offline=True,
    )
    shipper.host.runs = frozenset(runs)
    _take_over(shipper)
    try:
        count, size = _deliver(shipper, timeout)
    finally:
        shipper.close()
    if as_json:
        sys.stdout.write(json.dumps({"runs": count, "bytes": size}) + "\n")
    elif count:
        sys.stdout.write(f"delivered {size / 1e6:.1f} MB of {count} run{'s' if count > 1 else ''}\n")
    else:
        sys.stdout.write(f"nothing{' of ' * bool(runs)}{', '.join(runs)} waits in {shipper.spools}\n")
    return 0


def _take_over(shipper: Shipper) -> None:
    """Be this host's shipper: ask the one in the background to leave off. Living runs start the next one."""
    deadline = time.monotonic() + _TAKE_OVER_SECONDS
    while not shipper.elect():
        pid = read_json(shipper.spools / STATUS).get("pid")
        if time.monotonic() > deadline:
            raise UnavailableError(f"another shipper (pid {pid}) holds {shipper.spools} and does not end; stop it")
        if isinstance(pid, int) and pid > 1 and pid != os.getpid():
            with suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGTERM)
        time.sleep(0.1)


def _deliver(shipper: Shipper, timeout: float) -> tuple[int, int]:
    host = shipper.host
    shipper.tick()
    # Of a living run, what is there now; of the others, all.
    goals: dict[Path, _Goal | None] = {
        folder: _Goal(delivery.end(), delivery.files()) if delivery.live else None
        for folder, delivery in host.deliveries.items()
        if not host.runs or delivery.meta.run in host.runs
    }
    total = left = _waiting(shipper, goals)
    moved = time.monotonic()
    shown = 0.0
    while True:
        more = shipper.tick()
        open_goals = [folder for folder, goal in goals.items() if not _reached(shipper, folder, goal)]
        if not open_goals:
            _show(total, total, last=True)
            return len(goals), total
        for folder in open_goals:
            delivery = host.deliveries[folder]
            if not delivery.carried and host.address(delivery) is None:
                raise UnavailableError(
                    f"no pipeline is known: {left / 1e6:.1f} MB wait in {shipper.spools}. Start one with "
                    "`runwire up`, or name its Kafka with --kafka HOST:PORT or RUNWIRE_KAFKA"
                )
        if all(_homeless(shipper, folder) for folder in open_goals):
            raise UnavailableError(
                f"nothing says where the server is: {left / 1e6:.1f} MB of files wait in {shipper.spools}. Name it "
                "with --server URL, RUNWIRE_SERVER or in the config file"
            )
        now_left = _waiting(shipper, goals)
        if now_left < left:
            moved = time.monotonic()
        left = now_left
        if time.monotonic() - moved > timeout:
            raise UnavailableError(
                f"{host.problem or 'Nobody takes more data'}. {left / 1e6:.1f} MB wait in {shipper.spools}: start "
                "the pipeline again, or name another with --kafka HOST:PORT"
            )
        if time.monotonic() - shown > _SHOW_SECONDS:
            shown = time.monotonic()
            _show(total - left, total)
        if not more:
            time.sleep(_POLL_SECONDS)


def _waiting(shipper: Shipper, folders: Iterable[Path]) -> int:
    """Return about how many bytes of these spools are not delivered."""
    deliveries = shipper.host.deliveries
    return sum(deliveries[folder].waiting() for folder in folders if folder in deliveries)


def _reached(shipper: Shipper, folder: Path, goal: _Goal | None) -> bool:
    delivery = shipper.host.deliveries.get(folder)
    if delivery is None:
        return True
    return goal is not None and delivery.delivered() >= goal.position and not delivery.files() & goal.files


def _homeless(shipper: Shipper, folder: Path) -> bool:
    """Return whether only files of a spool wait, and nobody knows for which server."""
    delivery = shipper.host.deliveries[folder]
    return delivery.carried and shipper.host.server(delivery) is None


def _show(done: int, total: int, *, last: bool = False) -> None:
    """Show how far it is, on a terminal."""
    if not sys.stderr.isatty() or not total:
        return
    width = 30
    filled = width * min(max(done, 0), total) // total
    bar = "█" * filled + "░" * (width - filled)
    sys.stderr.write(f"\r{bar} {max(done, 0) / 1e6:.1f} of {total / 1e6:.1f} MB" + ("\n" if last else ""))
    sys.stderr.flush()
