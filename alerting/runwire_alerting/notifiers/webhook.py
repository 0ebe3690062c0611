"""Notices by HTTP: one POST of JSON each, signed where there is a secret."""

from __future__ import annotations

import asyncio
import base64
import time
from collections.abc import Sequence
from datetime import timezone
from email.utils import parsedate_to_datetime
from importlib.metadata import version
from urllib.parse import urlsplit

import aiohttp

from runwire.wire import dumps
from runwire_alerting.errors import ReceiverError
from runwire_alerting.notifiers import signature
from runwire_alerting.notifiers.channel import Answer
from runwire_alerting.notifiers.notice import Notice


class Webhook:
    """Posts to one address.

    Args:
        url: where; it may hold a secret, so it is never told.
        timeout: how many seconds an answer may take.
        secrets: what each notice is signed by.

    Raises:
        ReceiverError: the URL is no http or https address; the message says what is expected.
    """

    concurrency = 8

    def __init__(self, url: str, timeout: float, secrets: Sequence[str] = ()) -> None:
        #: What may be told of the address.
        self.place = _place(url)
        self._url, self._timeout = url, timeout
        self._keys = [signature.key(secret) for secret in secrets]
        self._session: aiohttp.ClientSession | None = None

    async def send(self, notice: Notice) -> Answer:
        """Post once."""
        if self._session is None:
            # A proxy of the environment's is for what lies outside of this machine.
            local = urlsplit(self._url).hostname in ("localhost", "127.0.0.1", "::1")
            timeout = aiohttp.ClientTimeout(total=self._timeout)
            self._session = aiohttp.ClientSession(timeout=timeout, trust_env=not local)
        data = body(notice)
        headers = {
            "Content-Type": "application/json",
            "Idempotency-Key": notice.key,
            "User-Agent": f"runwire-alerting/{version('runwire')}",
        }
        if self._keys:
            headers |= signature.headers(self._keys, notice.key, int(time.time()), data)
        try:
            async with self._session.post(self._url, data=data, headers=headers, allow_redirects=False) as reply:
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


def body(notice: Notice) -> bytes:
    """Return the JSON that is posted; non-finite numbers are strings in it."""
    alert = notice.alert
    said = {
        "title": notice.title,
        "text": notice.text,
        "rule": alert.rule,
        "kind": alert.kind or alert.rule,
        "severity": alert.severity,
        "state": alert.state,
        "run": alert.run,
        "project": alert.project,
        "name": alert.name,
        "rank": alert.rank,
        "metric": alert.metric,
        "step": alert.step,
        "value": alert.value,
        "before": alert.before,
        "host": alert.host,
        "tags": alert.tags,
        "ranks": alert.ranks,
        "cascade": alert.cascade,
        "console": alert.console,
        "fired_at": alert.fired_at,
        "caused_at": alert.caused_at,
        "resolved_at": alert.resolved_at,
        "id": alert.id,
        "episode": alert.episode,
        "action": notice.action,
    }
    if notice.url is not None:
        said["url"] = notice.url
    if notice.plot is not None:
        said["plot"] = base64.b64encode(notice.plot).decode()
    return dumps(said)


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


def _place(url: str) -> str:
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port = None, None
    if not host or parts.scheme not in ("http", "https"):
        raise ReceiverError("an address such as https://example.org/hook, got something else")
    return f"{parts.scheme}://{host}" + (f":{port}" if port else "")
