"""What comes back to a host's runs: into which spools it goes."""

from __future__ import annotations

import os
import threading
from pathlib import Path

from runwire.shipper.feed import Feed
from runwire.spool import Meta
from runwire.spool.folder import begin, remove
from runwire.wire import CONTROL, StopRequest


def test_nothing_is_left_of_a_spool_that_is_removed_while_it_is_written_to(tmp_path: Path) -> None:
    """Requests come all the time, and so in the midst of its removal; they make no folder anew either."""
    meta = Meta("r", 0, 0, "p", "n", "h", 1, 0)
    request = StopRequest("r", 2**62, "ada@desk", "", 7).encode()
    for _ in range(20):
        folder, _, lock = begin(tmp_path / "spool", meta)
        for number in range(100):  # as a large spool has them, so that it takes a while
            (folder / f"{number}.seg").touch()
        feed, halt, written = Feed("nowhere:1", 0, {"r": {0: folder}}), threading.Event(), threading.Event()

        def write(feed: Feed = feed, halt: threading.Event = halt, written: threading.Event = written) -> None:
            while not halt.is_set():
                feed._take(CONTROL, request)
                written.set()

        writing = threading.Thread(target=write)
        writing.start()
        assert written.wait(60)
        remove(folder)
        halt.set()
        writing.join()
        os.close(lock)
        assert list((tmp_path / "spool").iterdir()) == []
