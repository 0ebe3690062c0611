"""`/api/files/{digest}`: files by their content: put by hosts that log, shown by the page, fetched by whoever asks."""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Path, Query, Request
from starlette.requests import ClientDisconnect
from starlette.responses import Response, StreamingResponse

from runwire_server.api import errors
from runwire_server.api.reply import json
from runwire_storage.files import FileStore

router = APIRouter(tags=["files"])

#: As what a browser may show a file; whatever else it is, it is only to be saved.
TYPES = {
    "png": "image/png",
    "jpeg": "image/jpeg",
    "jpg": "image/jpeg",
    "gif": "image/gif",
    "webp": "image/webp",
    "bmp": "image/bmp",
    "wav": "audio/wav",
    "mp3": "audio/mpeg",
    "flac": "audio/flac",
    "ogg": "audio/ogg",
    "m4a": "audio/mp4",
    "mp4": "video/mp4",
    "webm": "video/webm",
    "ogv": "video/ogg",
    "txt": "text/plain; charset=utf-8",
    "json": "application/json",
    "html": "text/html; charset=utf-8",
}
# A page that was logged is nobody's: it has no origin, so none of what this server's own page may do, and reaches
# nothing, here or elsewhere. Its scripts and styles lie in it, so they may run.
_SANDBOX = (
    "sandbox allow-scripts; default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; "
    "img-src data: blob:; media-src data: blob:; font-src data:; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'self'"
)
#: More digits than a size has are no number of a byte.
_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")

_Digest = Annotated[
    str, Path(pattern="^[0-9a-f]{64}$", description="The SHA-256 of the file's content, as hexadecimal digits.")
]


@router.put("/api/files/{digest}")
async def put(request: Request, digest: _Digest) -> Response:
    """Keep the body as a file, unless it is not what the digest says. It may be repeated."""
    told = request.headers.get("Content-Length", "")
    try:
        size = await _store(request).put(digest, request.stream(), int(told) if told.isdecimal() else None)
    except ClientDisconnect:
        return errors.reply(400, "cut_short", "the body was cut short: nothing is kept", "send it again")
    return json(request, {"digest": digest, "size": size})


@router.head("/api/files/{digest}")
async def head(request: Request, digest: _Digest) -> Response:
    """Say whether there is a file that stays, so that it need not be put, and how many bytes it has."""
    size = await _store(request).offered(digest)
    return Response(headers={"Content-Length": str(size), "Accept-Ranges": "bytes"})


@router.get("/api/files/{digest}")
async def get(
    request: Request,
    digest: _Digest,
    *,
    format: Annotated[  # noqa: A002 -- the field's word for it
        str, Query(max_length=16, description="What it is, as png or wav: then browsers show it, else they save it.")
    ] = "",
) -> Response:
    """Send a file, or the part of it that the header ``Range`` asks for."""
    store = _store(request)
    size = await store.size(digest)
    headers = {
        "Accept-Ranges": "bytes",
        "Cache-Control": "private, max-age=31536000, immutable",
        "ETag": f'"{digest}"',
        "Content-Type": TYPES.get(format, "application/octet-stream"),
    }
    if format == "html":
        headers["Content-Security-Policy"] = _SANDBOX
    if format not in TYPES:
        headers["Content-Disposition"] = f'attachment; filename="{digest[:16]}"'
    start, end, status = 0, size, HTTPStatus.OK
    asked = _RANGE.fullmatch(request.headers.get("Range", ""))
    if asked is not None and (asked[1] or asked[2]):
        start, end = _span(asked[1], asked[2], size)
        if start >= end:
            hint = "leave out the header Range"
            unmet = {"Content-Range": f"bytes */{size}"}
            return errors.reply(416, "no_such_range", f"the file has {size} bytes", hint, unmet)
        headers["Content-Range"] = f"bytes {start}-{end - 1}/{size}"
        status = HTTPStatus.PARTIAL_CONTENT
    headers["Content-Length"] = str(end - start)
    return StreamingResponse(store.read(digest, start, end), status, headers)


def _span(first: str, last: str, size: int) -> tuple[int, int]:
    """Return the first byte that is asked for, and the one behind the last."""
    if not first:
        return max(size - int(last), 0), size
    return int(first), min(int(last) + 1, size) if last else size


def _store(request: Request) -> FileStore:
    store: FileStore = request.app.state.files
    return store
