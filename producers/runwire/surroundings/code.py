"""The commit of a program's code, and how it was changed since, as git tells."""

from __future__ import annotations

import os
import re
import subprocess
from typing import Any

_GIT_SECONDS = 10.0
#: An event may take 512 KiB; the changes are cut so that they and all else fit one.
_DIFF_BYTES_MAX = 1 << 17
#: Of a larger file git says only that it differs: to compare it would take several times its size of memory.
_FILE_BYTES_MAX = 8 << 20


def code(program: str) -> dict[str, Any]:
    """Return the commit of the program's code, and how it was changed since; nothing if it is in no repository.

    Args:
        program: the program's file, or "" if it has none: then the working folder counts.
    """
    folder = os.path.dirname(os.path.abspath(program)) if program else os.getcwd()  # noqa: PTH100, PTH109, PTH120
    commit = _git(folder, "rev-parse", "HEAD")
    if commit is None:
        return {}
    limit = f"core.bigFileThreshold={_FILE_BYTES_MAX}"
    diff = _git(folder, "-c", limit, "diff", "--no-color", "--no-ext-diff", "HEAD") or ""
    git = {
        "commit": commit,
        "branch": _git(folder, "branch", "--show-current"),
        "remote": _without_password(_git(folder, "config", "--get", "remote.origin.url")),
        "changed": bool(diff),
        "program": _git(folder, "ls-files", "--full-name", "--", program) if program else None,
    }
    told: dict[str, Any] = {"git": {name: value for name, value in git.items() if value not in (None, "")}}
    if diff:
        cut = diff.encode()[:_DIFF_BYTES_MAX].decode(errors="ignore")
        told["git_diff"] = cut if len(cut) == len(diff) else f"{cut}\n… cut at {_DIFF_BYTES_MAX >> 10} KiB\n"
    return told


def _git(folder: str, *words: str) -> str | None:
    """Return what git says, None if it does not: it is not there, there is no repository, it takes too long."""
    # It takes no lock: somebody may be committing at this moment.
    environment = {**os.environ, "GIT_OPTIONAL_LOCKS": "0", "GIT_TERMINAL_PROMPT": "0"}
    try:
        done = subprocess.run(  # noqa: S603 -- words of ours, and the program's path, which git takes as one
            ["git", "-C", folder, *words],  # noqa: S607 -- the user's git, wherever it is
            capture_output=True,
            env=environment,
            timeout=_GIT_SECONDS,
            check=False,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return None if done.returncode else done.stdout.decode(errors="replace").rstrip("\n")


def _without_password(remote: str | None) -> str | None:
    """Return an address without the user and password that it may hold."""
    return None if remote is None else re.sub(r"(?<=://)[^/@]*@", "", remote)
