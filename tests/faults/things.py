"""What the trainings of fault rounds log beside rows and tables: known by seed and number of the call alone."""

from __future__ import annotations

PAGE = "page"
#: A line goes with every so many calls, a page with every so many, and an artifact.
_LINE_EVERY, _PAGE_EVERY, _ARTIFACT_EVERY = 10, 70, 150


def line(seed: int, call: int) -> str | None:
    """Return what is printed in a call of log(), counted from 1; None for nothing."""
    return None if call % _LINE_EVERY else f"seed {seed} call {call}"


def page(seed: int, call: int) -> str | None:
    """Return the HTML that goes with a call."""
    return None if call % _PAGE_EVERY else f"<p>seed {seed} call {call}</p>"


def artifact(seed: int, call: int) -> str | None:
    """Return the content of the artifact that is logged in a call; each is another."""
    return None if call % _ARTIFACT_EVERY else f"seed {seed} call {call}\n" * 50


def collection(run: str, rank: int) -> str:
    """Return the name of a rank's artifact."""
    return f"{run}-{rank}"
