"""What a run has to say of what it is given: each thing once."""

from __future__ import annotations

from runwire._say import logger

_MAX = 200


class Warnings:
    """Says what is wrong with what is logged, called as `runwire._values.Warn`: each once, and not without end."""

    def __init__(self) -> None:
        self._said: set[tuple[str, str]] = set()

    def __call__(self, about: str, kind: str, text: str) -> None:
        """Say it, unless that was said.

        Args:
            about: what it is about, as a metric's name.
            kind: which problem.
            text: in words.
        """
        if (about, kind) in self._said or len(self._said) > _MAX:
            return
        self._said.add((about, kind))
        if len(self._said) > _MAX:
            text = "further warnings of this run about what it logs are not shown"
        logger.warning(text)
