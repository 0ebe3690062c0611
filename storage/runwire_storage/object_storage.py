"""How a folder or object storage is opened by its URL, and what it says when it refuses, in words for people."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from obstore.exceptions import BaseError
from obstore.store import ObjectStore, from_url

from runwire.errors import ConfigError

if TYPE_CHECKING:  # they are not there at run time
    from obstore.store import ClientConfig, RetryConfig

#: Which variables of the environment say where a store is and who asks, by the scheme of its URL.
_VARIABLES = {
    "s3": "AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_REGION and, where it is not Amazon's, AWS_ENDPOINT_URL",
    "gs": "GOOGLE_APPLICATION_CREDENTIALS",
    "az": "AZURE_STORAGE_ACCOUNT_NAME and AZURE_STORAGE_ACCOUNT_KEY, or AZURE_STORAGE_SAS_TOKEN",
}
#: A file of gigabytes takes as long as it takes; what is given up is a connection on which nothing comes any more.
_SILENCE = timedelta(minutes=1)
_CLIENT: ClientConfig = {
    "timeout": timedelta(days=1),
    "read_timeout": _SILENCE,
    "allow_http": True,  # whether it is HTTP is said by the endpoint that somebody chose
}
_RETRY: RetryConfig = {"max_retries": 5}

#: Large files go in parts, of which S3 takes 10,000 and Azure 50,000 at most.
_PARTS_MAX = 9_000
_PART_BYTES_MIN = 8 << 20
_MEBIBYTE = 1 << 20
#: So many parts are under way at a time: they lie in memory.
PARTS_AT_ONCE = 4

_CODE = re.compile(r"<Code>([^<]{1,80})</Code>\s*(?:<Message>([^<\n]{1,300}))?")
_STATUS = re.compile(r"status code: (\d{3}[ \w]*)")
_CAUSE = re.compile(r'message: "([^"\n]{1,200})"')
_QUERY = re.compile(r"\?\S*")
_TEXT_MAX = 300


def opened(url: str) -> ObjectStore:
    """Return the store that a URL names.

    Raises:
        ConfigError: it names none, or the environment lacks what it needs.
    """
    try:
        parts = urlsplit(url)
        if parts.username is not None or parts.query:
            raise ConfigError(
                f"the file store {shown(url)} was named with a key in its URL, which others can read. Leave that out: "
                f"it is taken from the environment: {_VARIABLES.get(parts.scheme, 'see docs/operations.md')}"
            )
        if parts.scheme == "file":
            return from_url(url, mkdir=True)
        return from_url(url, client_options=_CLIENT, retry_config=_RETRY)
    except (BaseError, ValueError, OSError) as error:
        told = _VARIABLES.get(url.partition(":")[0])
        raise ConfigError(
            f"the file store {shown(url)} cannot be used: {why(error)}. Name a folder or a bucket by --files or "
            "RUNWIRE_FILES, as file:///srv/runwire/files or s3://bucket/path"
            + (f", and give the server {told}" if told else "")
        ) from None


def shown(url: str) -> str:
    """Return a store's URL as it may be shown: without what may be a key."""
    scheme, _, rest = url.partition("://")
    host, slash, path = rest.partition("?")[0].partition("/")
    return f"{scheme}://{host.rpartition('@')[2]}{slash}{path}"[:_TEXT_MAX] if rest else f"{scheme[:_TEXT_MAX]!r}"


def part_bytes(size: int | None) -> int:
    """Return in parts of how many bytes a file goes, so that it may have them all.

    Args:
        size: how many bytes it has; None if nobody said.
    """
    least = -(-(size or 0) // _PARTS_MAX)
    return max(_PART_BYTES_MIN, -(-least // _MEBIBYTE) * _MEBIBYTE)


def why(error: BaseException) -> str:
    """Return why a store refused, in one line: what it answered, or why it could not be asked."""
    text, _, source = str(error).partition("\n\nDebug source:")
    if (answer := _CODE.search(text)) is not None:
        return ": ".join(part.strip() for part in answer.groups() if part)
    if (status := _STATUS.search(text)) is not None:
        return f"it answers {status[1].strip()}"
    if (cause := _CAUSE.search(source)) is not None:
        return cause[1]
    return " ".join(_QUERY.sub("", text).split())[:_TEXT_MAX]


def advice(url: str) -> str:
    """Return what to look at where a store refuses."""
    scheme = url.partition(":")[0]
    if scheme == "file":
        return "See that the folder can be written and its disk has room"
    return (
        "See that it is there, and that the server may read, write, list and delete in it, by what its environment "
        f"says: {_VARIABLES.get(scheme, 'see docs/operations.md')}"
    )
