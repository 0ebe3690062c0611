"""What names a version of an artifact: ``[project/]name[:v3|:alias]``."""

from __future__ import annotations

from typing import NamedTuple

from runwire.errors import UsageError, WireError
from runwire.wire.artifacts import LATEST, check_artifact


class Reference(NamedTuple):
    """A version: ``word`` is its number, as v3, one of its aliases, or the digest of its manifest."""

    project: str
    name: str
    word: str = LATEST

    @classmethod
    def parse(cls, text: str, project: str | None = None) -> Reference:
        """Read a reference.

        Args:
            text: as "digits:v3", "digits:best", or "digits" for the latest, each with "project/" before it or not.
            project: whose it is if the text does not say; None if it must.

        Raises:
            UsageError: it names nothing.
        """
        before, _, last = text.rpartition("/")
        name, _, word = last.partition(":")
        chosen = before or project
        try:
            check_artifact(name)
        except WireError as error:
            raise UsageError(
                f"{text!r:.200} names no artifact: {error}. Expected name:v3, or project/name:best"
            ) from None
        if not chosen:
            raise UsageError(f"{text!r:.200} does not say of which project: expected project/{last}")
        return cls(chosen, name, word or LATEST)

    def __str__(self) -> str:
        return f"{self.project}/{self.name}:{self.word}"
