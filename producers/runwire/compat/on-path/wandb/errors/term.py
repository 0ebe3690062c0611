"""What is said to whoever sits at the terminal: as Runwire says it."""

from __future__ import annotations

from typing import Any

from runwire._say import logger

_said: set[str] = set()


def termlog(string: str = "", *_args: Any, repeat: bool = True, **_kwargs: Any) -> None:
    """Say something."""
    if _anew(string, repeat=repeat):
        logger.info("%s", string)


def termwarn(string: str, *_args: Any, repeat: bool = True, **_kwargs: Any) -> None:
    """Warn of something."""
    if _anew(string, repeat=repeat):
        logger.warning("%s", string)


def termerror(string: str, *_args: Any, repeat: bool = True, **_kwargs: Any) -> None:
    """Say what went wrong."""
    if _anew(string, repeat=repeat):
        logger.error("%s", string)


def _anew(text: str, *, repeat: bool) -> bool:
    new = repeat or text not in _said
    _said.add(text)
    return new
