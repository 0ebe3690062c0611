from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

from .conftest import ROOT


def _build(page: Path, *flags: str, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, page / "build.py", *flags],
        env={**os.environ, **env},
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )


def test_the_page_s_own_tests_types_and_style_hold() -> None:
    """The chart core equals brute force, and tsc and Biome find nothing: what `build.py --check` runs."""
    done = _build(ROOT / "server/page", "--check")
    assert done.returncode == 0, done.stdout + done.stderr


def test_without_npm_the_build_says_so_and_fails_only_where_the_page_is_wanted(tmp_path: Path) -> None:
    """A registry out of reach: one sentence that says what to do; `--optional` succeeds all the same."""
    page = tmp_path / "server/page"
    shutil.copytree(ROOT / "server/page", page, ignore=shutil.ignore_patterns("node_modules"))
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))  # bound but not listening: a connection is refused
        away = {
            "npm_config_registry": f"http://127.0.0.1:{closed.getsockname()[1]}",
            "npm_config_cache": str(tmp_path / "cache"),
        }
        wanted, optional = _build(page, **away), _build(page, "--optional", **away)
    said = "page: not built: npm cannot reach its registry. All else works; once it can, `make page` builds the page.\n"
    assert (wanted.returncode, wanted.stderr) == (1, said)
    assert (optional.returncode, optional.stderr) == (0, said)


def test_the_lock_names_no_registry() -> None:
    """package-lock.json holds versions and hashes, but no address, so any registry serves."""
    lock = (ROOT / "server/page/package-lock.json").read_text()
    assert '"integrity"' in lock
    assert '"resolved"' not in lock
    assert "registry" not in lock
