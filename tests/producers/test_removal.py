"""What stays of a spool whose removal is cut short: nothing, once the next shipper is up."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

from producers.conftest import spools
from runwire.spool import Meta
from runwire.spool.files import Files
from runwire.spool.folder import begin, found

#: Removes a spool, and is killed before its nth step of that.
_REMOVE = """
import os, signal, sys
from pathlib import Path
from runwire.spool.folder import remove
left = int(sys.argv[2])
def count(event, _):
    global left
    if event in ("os.rename", "os.remove", "os.rmdir"):
        if not left:
            os.kill(os.getpid(), signal.SIGKILL)
        left -= 1
sys.addaudithook(count)
remove(Path(sys.argv[1]))
"""


def test_nothing_stays_of_a_removal_that_was_cut_short_anywhere(home: Path) -> None:
    """SIGKILL before each step of it: the spool is whole still, or gone once the next shipper has come up; what the
    same rank logs in a later attempt stays.
    """
    steps, whole = 0, []
    while True:
        folder = _spool(home, f"run-{steps}")
        if steps < 2:
            whole.append(_spool(home, f"run-{steps}"))
        done = subprocess.run([sys.executable, "-c", _REMOVE, folder, str(steps)], timeout=60, check=False)
        if done.returncode == 0:
            break
        assert done.returncode == -signal.SIGKILL
        whole += [folder] * (steps == 0)
        steps += 1
    assert steps == 9, "its name; a file and the folder of that; meta, lock, segment; itself and its two parents"

    shipper = [sys.executable, "-m", "runwire.shipper", "--home", str(home), "--idle", "0"]
    subprocess.run(shipper, timeout=60, check=True, stderr=subprocess.DEVNULL)
    assert sorted(found(spools(home))) == sorted(whole)
    assert all(Meta.read(folder) for folder in whole)
    attempts = {path for run in spools(home).glob("run-*") for path in [run, *run.rglob("*")] if path.is_dir()}
    assert attempts == {up for one in whole for up in (one, one.parent, one.parent.parent, one / "files")}


def _spool(home: Path, run: str) -> Path:
    """Begin a spool of a process that has ended since, with a segment and a file."""
    folder, _, lock = begin(spools(home), Meta(run, 0, 0, "p", "n", "h", 1, 0))
    os.close(lock)
    (folder / "0.seg").touch()
    Files(folder).keep(b"content")
    return folder
