"""How what was found leaves: JSON, compressed where that is wanted, and not at all where the asker has it already."""

from __future__ import annotations

import gzip
from collections.abc import Mapping
from datetime import date, datetime, timezone
from hashlib import blake2b
from typing import Any

import numpy as np
import orjson  # noqa: TID251 - the null that it makes of NaN is mended
from starlette.requests import Request
from starlette.responses import Response

from runwire.wire import dumps

_INT64 = range(-(2**63), 2**64)
#: Below this, compressing costs more than it saves.
_GZIP_BYTES_MIN = 1 << 10


def json(request: Request, value: Any) -> Response:
    """Return a value as JSON: NaN and infinities as strings, times in ISO 8601, what JSON has no form for as text."""
    body = dumps(plain(value))
    tag = f'W/"{blake2b(body, digest_size=12).hexdigest()}"'
    headers = {"ETag": tag, "Cache-Control": "no-cache", "Vary": "Accept, Accept-Encoding"}
    if request.method == "GET" and tag in request.headers.get("If-None-Match", ""):
        return Response(None, 304, headers)
    if len(body) >= _GZIP_BYTES_MIN and "gzip" in request.headers.get("Accept-Encoding", ""):
        body = gzip.compress(body, 1, mtime=0)
        headers["Content-Encoding"] = "gzip"
    return Response(body, 200, headers, "application/json")


def plain(value: Any) -> Any:
    """Return what the store's driver gives as what JSON knows."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, np.ndarray):
        return _array(value)
    if value is None or isinstance(value, (str, float)) or (isinstance(value, int) and value in _INT64):
        return value
    return _text(value)


def _array(value: np.ndarray[Any, Any]) -> Any:
    """Return an array of numbers as JSON that is written already: a matrix has hundreds of thousands."""
    value = np.ascontiguousarray(value)
    if value.dtype.kind == "f" and np.isinf(value).any():
        return plain(value.tolist())
    body = orjson.dumps(value, option=orjson.OPT_SERIALIZE_NUMPY)
    return orjson.Fragment(body.replace(b"null", b'"NaN"'))  # there is no other null in it


def _text(value: Any) -> str:
    if isinstance(value, datetime):
        aware = value if value.tzinfo else value.replace(tzinfo=timezone.utc)
        return aware.isoformat().replace("+00:00", "Z")
    if isinstance(value, date):
        return value.isoformat()
    return value.decode(errors="backslashreplace") if isinstance(value, bytes) else str(value)
