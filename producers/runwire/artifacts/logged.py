"""What a run is given to log or to use, as the `Artifact` that it means."""

from __future__ import annotations

import os
import re
from pathlib import Path

from runwire.artifacts.artifact import Artifact
from runwire.artifacts.origin import Origin
from runwire.artifacts.reference import Reference
from runwire.artifacts.remote import Remote
from runwire.errors import UsageError

_NAME_MAX = 128


def chosen(
    given: Artifact | str | os.PathLike[str],
    name: str | None,
    type: str | None,  # noqa: A002 -- the field's word
    run: str,
) -> Artifact:
    """Return the artifact that is to be logged: the one given, or one of the file or folder given.

    Raises:
        UsageError: it is neither, or may not be called so.
    """
    if isinstance(given, Artifact):
        if name not in (None, given.name) or type not in (None, given.type):
            raise UsageError(f"the artifact {given.name} has its name and type; name= and type= are for a path")
        return given
    if not isinstance(given, (str, os.PathLike)):
        raise UsageError(f"log_artifact() takes an Artifact or a path, not a {given.__class__.__name__}")
    path = Path(given)
    usual = re.sub(r"[^A-Za-z0-9_.-]", "_", f"run-{run}-{path.resolve().name}")[:_NAME_MAX]
    made = Artifact(name or usual, type or "unspecified")
    if path.is_dir():
        made.add_dir(path)
    else:
        made.add_file(path)
    return made


def used(given: Artifact | str, type: str | None, origin: Origin) -> Artifact:  # noqa: A002 -- likewise
    """Return the version that a run is to use.

    Raises:
        ArtifactNotFoundError: there is none.
        UnavailableError: the server does not answer.
        UsageError: it is none, of another type, or was not logged.
    """
    if isinstance(given, Artifact):
        found = given.wait()
    else:
        reference = Reference.parse(str(given), origin.project)
        remote = Remote.find(origin.home)
        found = Artifact.fetched(remote.version(reference), remote)
    if type not in (None, found.type):
        raise UsageError(f"the artifact {found.name}:{found.version} is of type {found.type!r}, not {type!r:.80}")
    return found
