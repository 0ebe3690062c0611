"""Notices by HTTP: one POST of JSON each, signed where there is a secret."""

from __future__ import annotations

import base64
import time
from collections.abc import Sequence

from runwire.wire import dumps
from runwire_alerting.notifiers import signature
from runwire_alerting.notifiers.channel import Answer
from runwire_alerting.notifiers.http import Address
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
    passed = True

    def __init__(self, url: str, timeout: float, secrets: Sequence[str] = ()) -> None:
        self._address = Address(url, timeout)
        self._keys = [signature.key(secret) for secret in secrets]

    @property
    def place(self) -> str:
        """What may be told of the address."""
        return self._address.place

    async def send(self, notice: Notice) -> Answer:
        """Post once."""
        data = body(notice)
        headers = {"Content-Type": "application/json", "Idempotency-Key": notice.key}
        if self._keys:
            headers |= signature.headers(self._keys, notice.key, int(time.time()), data)
        return await self._address.ask("POST", data, headers)

    async def close(self) -> None:
        """Close the connections."""
        await self._address.close()


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
