"""What an address of the web is, for whoever is given one: a receiver, a rule, a command."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from runwire_alerting.errors import ReceiverError

#: What no host has in it.
_NO_HOST = re.compile(r"""[<>\\^`{|}"]""")


def place(url: str) -> str:
    """Return scheme, host and port of an address, which are all that may be told of it: the rest may be a secret.

    Raises:
        ReceiverError: it is no http or https address; the message says what is expected, and holds nothing of it.
    """
    fault = _fault(url)
    if fault is not None:
        raise ReceiverError(f"an address such as https://example.org/hook, got {fault}")
    parts = urlsplit(url)
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    return f"{parts.scheme}://{host}" + (f":{parts.port}" if parts.port else "")


def _fault(url: str) -> str | None:
    if not all(one.isprintable() and not one.isspace() for one in url):  # of which urlsplit drops some
        return "one with a blank or a line's end in it"
    try:
        parts = urlsplit(url)
    except ValueError:
        return "one whose host is none"
    if parts.scheme not in ("http", "https"):
        return "something else"
    if not parts.hostname:
        return "one without a host"
    if _NO_HOST.search(parts.hostname):
        return "one whose host is none"
    try:
        port = parts.port
    except ValueError:
        port = 0
    return "one whose port is none" if port == 0 else None
