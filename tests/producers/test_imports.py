"""What ``import runwire`` loads, and a training that logs numbers: hundreds of processes do so at the same moment."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import runwire.spool
import runwire.wire

#: What only some runs need, or others than the training, and what takes as long to load as much of the SDK.
SPARED = {
    *("argparse", "concurrent.futures", "difflib", "http.client", "kafka", "numpy", "secrets", "urllib.request"),
    *("tomllib", "tomli", "runwire.artifacts", "runwire.media", "runwire.plot", "runwire.integrations"),
    *("runwire.shipper.daemon", "runwire.shipper.feed", "runwire.spool.reader", "runwire.wire.messages"),
    *("runwire.wire.artifacts", "runwire.wire.control", "runwire.wire.frames", "runwire.wire.tables"),
}
LOADED = "import sys\nbefore = set(sys.modules)\n{}\nprint(*sorted(set(sys.modules) - before))"
TRAINING = """import runwire
with runwire.init(config={"lr": 0.1}, settings=dict(code=False, packages=False, machine=False, console=False)) as run:
    assert run.folder is not None
    run.log({"loss": 1.0})"""


@pytest.mark.parametrize(
    ("code", "also"), [("import runwire", {"psutil"}), (TRAINING, set[str]())], ids=["import", "training"]
)
def test_a_training_loads_nothing_that_others_need(
    code: str, also: set[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither the import nor init() and log() load the heavy modules of the shipper, of artifacts or of rare cases."""
    for name, value in {"HOME": "home", "MODE": "offline", "CONFIG": "none.toml"}.items():
        monkeypatch.setenv(f"RUNWIRE_{name}", value)
    done = subprocess.run(
        [sys.executable, "-c", LOADED.format(code)], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    loaded = set(done.stdout.splitlines()[-1].split())
    assert "runwire._run" in loaded
    assert loaded & (SPARED | also) == set()


@pytest.mark.parametrize("package", [runwire, runwire.spool, runwire.wire], ids=lambda package: package.__name__)
def test_what_is_loaded_later_is_there(package: object) -> None:
    """Each name that a package says it has can be had of it, and no other."""
    names = package.__all__  # type: ignore[attr-defined]
    assert [name for name in names if name != "run" and getattr(package, name, None) is None] == []
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        package.nothing  # type: ignore[attr-defined]  # noqa: B018 -- asked for, to be refused
