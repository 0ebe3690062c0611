"""Says where a run comes from, as JSON: ``python -m runwire.surroundings --code=PROGRAM --packages --machine``."""

from __future__ import annotations

import os
import platform
import sys
from contextlib import suppress
from importlib import metadata
from typing import Any

from runwire.surroundings.code import code
from runwire.wire import dumps

_PACKAGES_MAX = 2000
_NICE = 10


def main() -> None:
    """Find out, and say it."""
    os.nice(_NICE)
    told: dict[str, Any] = {}
    for asked in sys.argv[1:]:
        if asked == "--packages":
            told["packages"] = packages()
        elif asked == "--machine":
            told |= machine()
        else:
            told |= code(asked.removeprefix("--code="))
    left = memoryview(dumps(told))
    with suppress(BrokenPipeError):  # nobody wants to know any more
        while left:
            left = left[os.write(1, left) :]


def machine() -> dict[str, Any]:
    """Return what the machine is."""
    told: dict[str, Any] = {"platform": platform.platform(), "cpus": os.cpu_count()}
    with suppress(OSError, ValueError):
        told["memory_bytes"] = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return told


def packages() -> list[str]:
    """Return the packages that can be imported, as ``name==version``."""
    found = {(one.metadata["Name"], one.version) for one in metadata.distributions()}
    return sorted(f"{name}=={version}" for name, version in found if name)[:_PACKAGES_MAX]


main()
