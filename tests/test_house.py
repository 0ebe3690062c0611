"""What the repository promises about itself: who imports whom, and what a bare install brings."""

from __future__ import annotations

import re
import subprocess
import sys
import zipfile
from email.parser import Parser
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def test_no_room_imports_what_the_design_keeps_from_it() -> None:
    """The import rules hold: see .importlinter and the table in docs/architecture.md."""
    linter = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run([linter, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The distribution, built."""
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    (file,) = folder.glob("*.whl")
    return file


def test_a_bare_install_needs_a_handful_of_small_packages(wheel: Path) -> None:
    """What a GPU node installs with `pip install runwire` is named here, one by one."""
    with zipfile.ZipFile(wheel) as archive:
        (metadata,) = (name for name in archive.namelist() if re.fullmatch(r"[^/]+\.dist-info/METADATA", name))
        needs = Parser().parsestr(archive.read(metadata).decode()).get_all("Requires-Dist") or []
    bare = sorted(need.split(">")[0].strip() for need in needs if "extra ==" not in need)
    assert bare == ["crc32c", "kafka-python", "orjson", "psutil", "tomli"]


def test_the_wheel_holds_every_module_and_what_they_read(wheel: Path) -> None:
    """Each file of the rooms' packages is in the wheel; nothing else is."""
    rooms = ("producers/runwire", "storage/runwire_storage", "stream/runwire_faust", "stream/runwire_stream")
    rooms += ("alerting/runwire_alerting", "server/runwire_server")
    wanted = {
        str(path.relative_to(ROOT / room.split("/")[0]))
        for room in rooms
        for path in (ROOT / room).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    with zipfile.ZipFile(wheel) as archive:
        held = {name for name in archive.namelist() if ".dist-info" not in name.split("/")[0]}
    assert held == wanted
