"""Signatures of webhooks, by the convention of Standard Webhooks (https://www.standardwebhooks.com).

What is signed is ``id.timestamp.body``, by HMAC-SHA256. The id is the idempotency key, so nobody can send an old notice
as a new one; the timestamp is of the attempt, so a receiver may refuse what is older than a few minutes.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Iterable

_PREFIX = "whsec_"
#: What the convention asks for.
_KEY_BYTES_MIN = 24


def key(secret: str) -> bytes:
    """Return the key that a secret stands for: base64 behind ``whsec_``, else its own UTF-8 bytes.

    Raises:
        ValueError: it is too short, or no base64; the message does not hold it.
    """
    try:
        found = base64.b64decode(secret[len(_PREFIX) :], validate=True) if secret.startswith(_PREFIX) else None
    except binascii.Error:
        raise ValueError("behind whsec_ there is no base64") from None
    made = secret.encode() if found is None else found
    if len(made) < _KEY_BYTES_MIN:
        raise ValueError(
            f"a secret has at least {_KEY_BYTES_MIN} bytes: whsec_ and what `openssl rand -base64 32` says"
        )
    return made


def headers(keys: Iterable[bytes], id_: str, timestamp: int, body: bytes) -> dict[str, str]:
    """Return the headers that sign a body.

    Args:
        keys: what to sign by; a receiver that knows one of them is content, so a secret can be replaced.
        id_: the idempotency key.
        timestamp: seconds since the Unix epoch.
        body: what is sent.
    """
    signed = b".".join((id_.encode(), str(timestamp).encode(), body))
    signatures = (hmac.new(each, signed, hashlib.sha256).digest() for each in keys)
    return {
        "webhook-id": id_,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(f"v1,{base64.b64encode(one).decode()}" for one in signatures),
    }
