"""The key by which this user is known to a server, or to the proxy before it: from the environment or the config file.

A key goes to the server that it was given for, in the header ``Authorization: Bearer …``, and nowhere else: not to
another server that a command was told to ask, nor to where that one redirects to, and it is never said or logged.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from runwire._addresses import config_file, read_config
from runwire.errors import ConfigError

if TYPE_CHECKING:
    from urllib.request import Request

VARIABLE, ENTRY = "RUNWIRE_API_KEY", "api_key"
_KEY = re.compile(r"[!-~]{1,4096}")


def find(server: str) -> str | None:
    """Return the key for a server: ``RUNWIRE_API_KEY``, else the config file's, if the file has it for this server.

    Args:
        server: its URL.

    Raises:
        ConfigError: what is there is no key, or the config file cannot be read.
    """
    if told := os.environ.get(VARIABLE):
        return check(told, VARIABLE)
    config = read_config()
    if config.get(ENTRY) is None or str(config.get("server")).strip().rstrip("/") != server:
        return None
    return check(config[ENTRY], f"{ENTRY} in {config_file()}")


def check(told: object, where: str) -> str:
    """Return a key without the space around it.

    Args:
        told: the key.
        where: what it was read from, for the error, which does not tell the key itself.

    Raises:
        ConfigError: it is none.
    """
    key = told.strip() if isinstance(told, str) else ""
    if _KEY.fullmatch(key) is None:
        raise ConfigError(f"{where} holds no key: expected letters, digits and signs without spaces, at most 4096")
    return key


def add(request: Request, key: str | None) -> None:
    """Add a key, if there is one, to a request."""
    for name, value in headers(key).items():
        request.add_unredirected_header(name, value)


def headers(key: str | None) -> dict[str, str]:
    """Return the headers by which a key is shown; none where there is no key."""
    return {} if key is None else {"Authorization": f"Bearer {key}"}
