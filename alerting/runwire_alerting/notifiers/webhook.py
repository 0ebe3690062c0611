"""Notices by HTTP: one POST of JSON for each state that an alert takes.

At least once: a notice is offered until the receiver answers 2xx, and again after a restart if that was not recorded.
Each carries an ``Idempotency-Key``, by which a receiver knows one that it has had. A receiver is told what holds now:
a state that passes while it takes no notices is not told any more, its successor tells of it.
"""

from __future__ import annotations

import asyncio
import hashlib
import random
import time
from collections.abc import Awaitable, Callable, Iterable
from importlib.metadata import version
from urllib.parse import quote, urlsplit

import aiohttp
import structlog

from runwire.wire import Alert, dumps
from runwire_alerting.errors import ReceiverError
from runwire_alerting.metrics import NOTICE_SECONDS, NOTICES
from runwire_alerting.settings import Settings

_log = structlog.get_logger(__name__)

#: So many notices are under way to one receiver at a time.
_CONCURRENCY = 8
_BACKOFF_FIRST_SECONDS = 0.5
_BACKOFF_MAX_SECONDS = 60.0
_MICROSECONDS = 1_000_000


class Webhook:
    """One receiver. Whatever it does or does not do holds up nothing else: each notice is a task of its own.

    Args:
        url: where notices are posted; it may hold a secret, so it is never logged.
        settings: the timeouts.
        server_url: where the page is, for links; None for no links.
        delivered: called with a notice and this receiver's digest when it was taken.

    Raises:
        ReceiverError: the URL is no http or https address.
    """

    def __init__(
        self,
        url: str,
        settings: Settings,
        server_url: str | None,
        delivered: Callable[[Alert, str], Awaitable[None]],
    ) -> None:
        self.place = _place(url)
        #: What stands for the URL in an alert's ``delivered_at``.
        self.digest = hashlib.sha256(url.encode()).hexdigest()[:12]
        for outcome in ("taken", "refused", "given_up"):
            NOTICES.labels(self.place, outcome)  # told as 0 from the start
        self._url = url
        self._settings = settings
        self._server_url = server_url
        self._delivered = delivered
        self._owed: dict[str, Alert] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._slots = asyncio.Semaphore(_CONCURRENCY)
        self._session: aiohttp.ClientSession | None = None
        self._closed = False

    @property
    def waiting(self) -> int:
        """How many notices are owed."""
        return len(self._owed)

    def tell(self, alert: Alert) -> None:
        """Offer the notice of an alert's present state, in place of one of an earlier state that is still owed."""
        if self._closed or self.digest in alert.delivered_at:
            return
        self._owed[alert.id] = alert
        if alert.id not in self._tasks:
            self._tasks[alert.id] = asyncio.create_task(self._offer(alert.id), name=f"notice {alert.id}")

    def owe(self, alerts: Iterable[Alert]) -> None:
        """Owe the notices of these alerts and no others; those too old to be offered any more are left out."""
        # Else a receiver that is new would be told of all that ever happened.
        oldest = (time.time() - self._settings.retry_for) * _MICROSECONDS
        due = {alert.id: alert for alert in alerts if _changed_at(alert) >= oldest}
        for id_ in self._owed.keys() - due.keys():
            del self._owed[id_]
        for alert in due.values():
            self.tell(alert)

    async def close(self) -> None:
        """Stop offering; what is still owed is offered after the next start."""
        self._closed = True
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._session is not None:
            await self._session.close()

    async def _offer(self, id_: str) -> None:
        try:
            while (alert := self._owed.get(id_)) is not None:
                if await self._insist(alert):
                    await self._delivered(alert, self.digest)
                if self._owed.get(id_) is alert:
                    del self._owed[id_]
        finally:
            # Nothing is awaited between the last look at what is owed and this, so `tell` cannot fall in between.
            del self._tasks[id_]

    async def _insist(self, alert: Alert) -> bool:
        """Post until it is taken, or until it is owed no more. Return whether it was taken."""
        began, attempts = time.monotonic(), 0
        while self._owed.get(alert.id) is alert:
            async with self._slots:
                refusal = await self._post(alert)
            if refusal is None:
                NOTICES.labels(self.place, "taken").inc()
                NOTICE_SECONDS.observe(max(time.time() - _changed_at(alert) / _MICROSECONDS, 0.0))
                return True
            attempts += 1
            told = {"receiver": self.place, "alert": alert.id, "attempts": attempts, "reason": refusal}
            if time.monotonic() - began > self._settings.retry_for:
                NOTICES.labels(self.place, "given_up").inc()
                _log.error("gave up on a notice", **told)
                return False
            NOTICES.labels(self.place, "refused").inc()
            _log.warning("notice not taken", **told)
            pause = min(_BACKOFF_FIRST_SECONDS * 2 ** min(attempts - 1, 16), _BACKOFF_MAX_SECONDS)
            await asyncio.sleep(pause * random.uniform(0.5, 1.0))  # noqa: S311 -- jitter is no secret
        return False

    async def _post(self, alert: Alert) -> str | None:
        """Post once. Return why it was not taken, without the URL; None if it was."""
        if self._session is None:
            # A proxy of the environment's is for what lies outside of this machine.
            local = urlsplit(self._url).hostname in ("localhost", "127.0.0.1", "::1")
            timeout = aiohttp.ClientTimeout(total=self._settings.post_timeout)
            self._session = aiohttp.ClientSession(timeout=timeout, trust_env=not local)
        headers = {
            "Content-Type": "application/json",
            "Idempotency-Key": alert.notice,
            "User-Agent": f"runwire-alerting/{version('runwire')}",
        }
        try:
            async with self._session.post(
                self._url, data=body(alert, self._server_url), headers=headers, allow_redirects=False
            ) as reply:
                return None if 200 <= reply.status < 300 else f"answered with status {reply.status}"
        except asyncio.TimeoutError:
            return f"no answer within {self._settings.post_timeout:g} s"
        except (aiohttp.ClientError, OSError, ValueError) as error:
            # aiohttp's own texts hold the URL now and then, so only the kind of error is told.
            return f"cannot be reached ({type(error).__name__})"


def body(alert: Alert, server_url: str | None = None) -> bytes:
    """Return the JSON that is posted for an alert's present state; non-finite numbers are strings in it."""
    notice = {
        "title": alert.title if alert.state == "firing" else f"Resolved: {alert.title}",
        "text": alert.text,
        "rule": alert.rule,
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
        "ranks": alert.ranks,
        "cascade": alert.cascade,
        "fired_at": alert.fired_at,
        "caused_at": alert.caused_at,
        "resolved_at": alert.resolved_at,
        "id": alert.id,
        "episode": alert.episode,
    }
    if server_url:
        notice["url"] = f"{server_url.rstrip('/')}/r/{quote(alert.run)}"
    return dumps(notice)


def _changed_at(alert: Alert) -> int:
    return alert.told_at or alert.fired_at


def _place(url: str) -> str:
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port = None, None
    if not host or parts.scheme not in ("http", "https"):
        raise ReceiverError("--alert-webhook takes an address such as https://example.org/hook, got something else")
    return f"{parts.scheme}://{host}" + (f":{port}" if port else "")
