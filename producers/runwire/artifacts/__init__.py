"""Artifacts: files that belong together, logged as one, in versions, and fetched again by whoever needs them.

::

    staging    where an artifact's files lie until it is logged
    contents   what an artifact is put together from, until then
    artifact   `Artifact`: what is put together, logged, found and fetched
    origin     who logged it, and the wait until it is a version
    logged     what a run is given to log or to use, as the artifact that it means
    reference  what names a version: "name:v3", "project/name:best"
    remote     the server, asked for versions and files
    download   files into a folder, each checked by its content
"""

from __future__ import annotations

from runwire.artifacts.artifact import Artifact
from runwire.artifacts.origin import Origin

__all__ = ["Artifact", "Origin"]
