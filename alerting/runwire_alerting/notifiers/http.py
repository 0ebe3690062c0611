"""Asking one address of the web that may hold a secret, so that nothing of it but scheme and host is ever told."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from datetime import timezone
from email.utils import parsedate_to_datetime
from importlib.metadata import version
from urllib.parse import urlsplit

import aiohttp

from runwire_alerting.notifiers.channel import Answer
from runwire_alerting.web import place


class Address:
    """One address, and the connections to it.

    Args:
        url: where.
        timeout: how many seconds an answer may take.

    Raises:
        ReceiverError: the URL is no http or https address; the message says what is expected.
    """

    def __init__(self, url: str, timeout: float) -> None:
        #: What may be told of the address.
        self.place = place(url)
        self._url, self._timeout = url, timeout
        self._session: aiohttp.ClientSession | None = None

    async def ask(self, method: str, data: bytes | None = None, headers: Mapping[str, str] | None = None) -> Answer:
        """Ask once; it raises nothing that the world may cause."""
        if self._session is None:
            # A proxy of the environment's is for what lies outside of this machine.
            local = urlsplit(self._url).hostname in ("localhost", "127.0.0.1", "::1")
            timeout = aiohttp.ClientTimeout(total=self._timeout)
            agent = {"User-Agent": f"runwire-alerting/{version('runwire')}"}
            self._session = aiohttp.ClientSession(timeout=timeout, trust_env=not local, headers=agent)
        asked = self._session.request(method, self._url, data=data, headers=headers, allow_redirects=False)
        try:
            async with asked as reply:
                taken = 200 <= reply.status < 300
                after = retry_after(reply.headers.get("Retry-After", ""))
                return Answer(f"answered with status {reply.status}", taken=taken, retry_after=after)
        except asyncio.TimeoutError:
            return Answer(f"no answer within {self._timeout:g} s")
        except (aiohttp.ClientError, OSError, ValueError) as error:
            # aiohttp's own texts hold the URL now and then, so only the kind of error is told.
            return Answer(f"cannot be reached ({type(error).__name__})")

    async def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()


def retry_after(said: str) -> float | None:
    """Return for how many seconds a ``Retry-After`` asks to be left alone, None if it does not (RFC 9110, 10.2.3)."""
    said = said.strip()
    if said.isdecimal() and len(said) < 10:
        return float(said)
    try:
        at = parsedate_to_datetime(said)
    except (TypeError, ValueError):
        return None
    return max(at.replace(tzinfo=at.tzinfo or timezone.utc).timestamp() - time.time(), 0.0)
