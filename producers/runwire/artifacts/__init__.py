"""Artifacts: files that belong together, logged as one, in versions, and fetched again by whoever needs them.

::

    staging    where an artifact's files lie until it is logged
    artifact   `Artifact`: what is put together, logged, found and fetched
    reference  what names a version: "name:v3", "project/name:best"
    remote     the server, asked for versions and files
    download   files into a folder, each checked by its content
"""

from __future__ import annotations

from runwire.artifacts.artifact import Artifact, Origin

__all__ = ["Artifact", "Origin"]
