"""Asks runs to stop, as their shipper does."""

from __future__ import annotations

import time

from producers.spooled import told

import runwire
from runwire.spool import INBOX
from runwire.wire import StopRequest


def ask(run: runwire.Run) -> None:
    """Put a request into a run's inbox, and wait until the run has answered it."""
    assert run.folder is not None
    request = StopRequest(run.id, int(run.folder.name), "ada@desk", "", 7)
    with (run.folder / INBOX).open("ab") as inbox:
        inbox.write(request.encode() + b"\n")
    end = time.monotonic() + 60
    while not told(run, "stopping"):
        assert time.monotonic() < end, "the run does not answer"
        time.sleep(0.01)
