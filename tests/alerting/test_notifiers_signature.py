"""Signed webhooks: what arrives is verified as the convention says, and nothing else is."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import time

import pytest
from notices import alert, offering, until
from receiver import Receiver, listening

from runwire_alerting.notifiers import signature
from runwire_alerting.notifiers.webhook import Webhook

SECRET = "whsec_" + base64.b64encode(bytes(range(32))).decode()
NEXT = "another secret of more than twenty-four bytes"


def posted(*secrets: str) -> tuple[dict[str, str], bytes]:
    """Return headers and body of a notice as they came."""
    with listening(Receiver()) as hook:

        async def play() -> None:
            async with offering(Webhook(hook.url, 5, secrets)) as (offered, deliveries):
                offered.tell(alert())
                await until(lambda: deliveries, "delivered")

        asyncio.run(play())
        return hook.requests[0]


def test_a_signed_notice_is_verified_by_each_of_its_secrets() -> None:
    """HMAC-SHA256 of id, timestamp and body, one signature a secret, so that a secret can be changed."""
    headers, body = posted(SECRET, NEXT)
    told = {name.casefold(): value for name, value in headers.items()}
    assert told["webhook-id"] == told["idempotency-key"] == f"{0:016x}-1-firing"
    assert abs(int(told["webhook-timestamp"]) - time.time()) < 60
    signed = f"{told['webhook-id']}.{told['webhook-timestamp']}.".encode() + body
    expected = [
        "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
        for key in (bytes(range(32)), NEXT.encode())
    ]
    assert told["webhook-signature"].split() == expected


def test_the_signature_is_that_of_the_conventions_own_example() -> None:
    """Key, id, timestamp and body that its libraries are tested with give the signature that they have."""
    key = signature.key("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    told = signature.headers([key], "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}')
    assert told["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_without_a_secret_nothing_is_signed() -> None:
    """An unsigned webhook has no header that looks like a signature."""
    headers, _ = posted()
    assert not any(name.casefold().startswith("webhook-") for name in headers)


@pytest.mark.parametrize(
    ("secret", "said"),
    [("short", "at least 24 bytes"), ("whsec_!!!", "no base64"), ("whsec_" + "YWJj", "at least 24 bytes")],
)
def test_a_secret_that_is_none_is_refused_without_being_told(secret: str, said: str) -> None:
    """Too short and no base64: the message says what to do, and holds nothing of it."""
    with pytest.raises(ValueError, match=said) as refused:
        signature.key(secret)
    assert secret not in str(refused.value)
