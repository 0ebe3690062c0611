"""The command that started the training, without the secrets that people put into it."""

from __future__ import annotations

import re
from collections.abc import Sequence

_SECRET = re.compile(r"(key|token|secret|password|passwd|credential|auth)s?$", re.IGNORECASE)
_URL_SECRET = re.compile(r"(://[^/:@\s]*:)[^/@\s]+(@)")
_TEXT_MAX = 4096


def command_line(arguments: Sequence[str]) -> str:
    """Return the arguments as one line; values of options that name a secret, and passwords in URLs, are ``***``."""
    shown: list[str] = []
    hide = False
    for argument in arguments:
        name, equals, _ = argument.partition("=")
        if hide and not argument.startswith("-"):
            shown.append("***")
        elif equals and _SECRET.search(name):
            shown.append(f"{name}=***")
        else:
            shown.append(_URL_SECRET.sub(r"\1***\2", argument))
        hide = argument.startswith("-") and not equals and bool(_SECRET.search(name))
    return " ".join(shown)[:_TEXT_MAX]
