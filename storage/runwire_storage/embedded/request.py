"""What an HTTP request asks for, in ClickHouse's protocol: parameters, headers, and the body as it comes."""

from __future__ import annotations

import base64
import binascii
import email
import io
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from email.message import Message
from typing import Protocol
from urllib.parse import parse_qsl

from runwire_storage.embedded import statement
from runwire_storage.embedded.engine import Query
from runwire_storage.embedded.errors import (
    AUTHENTICATION_FAILED,
    BAD_ARGUMENTS,
    SYNTAX_ERROR,
    UNSUPPORTED,
    EngineError,
)

_CHUNK_BYTES = 1 << 20
_LINE_BYTES_MAX = 1 << 10

# What the protocol itself takes out of the URL; whatever else stands there is a setting. A session would only serve to
# keep temporary tables and SET between requests: its parameters are taken and mean nothing.
_PROTOCOL = frozenset(
    {
        "query", "database", "default_format", "query_id", "user", "password", "quota_key", "role", "session_id",
        "session_timeout", "session_check", "close_session", "wait_end_of_query", "buffer_size", "stacktrace",
        "client_protocol_version", "compress", "decompress", "readonly",
    }
)  # fmt: skip


class Stream(Protocol):
    """A connection, as far as it is read."""

    def read(self, size: int, /) -> bytes:
        """Return ``size`` bytes, fewer only at its end."""

    def readline(self, size: int, /) -> bytes:
        """Return a line, its end included, cut after ``size`` bytes."""


class BrokenBodyError(Exception):
    """The body ended before it should, or is not what its headers say: nothing of it may be stored."""


@dataclass(frozen=True)
class Request:
    """A request's query, and the id that the client gave it."""

    query: Query
    query_id: str


def read(method: str, query_string: str, headers: Message, body: Iterator[bytes]) -> Request:
    """Read what is asked for. The body is taken as far as the statement goes; the data of an INSERT stay in it.

    Raises:
        EngineError: it is not what ClickHouse's protocol says, or asks for what this program does not do.
        BrokenBodyError: the body is cut short.
    """
    pairs = parse_qsl(query_string, keep_blank_values=True, errors="surrogateescape")
    form, body = _form(headers, body)
    asked = dict([*pairs, *form])
    _authenticate(asked, headers)
    for name in ("compress", "decompress"):
        if asked.get(name, "0") != "0":
            raise EngineError.of(
                UNSUPPORTED, "UNSUPPORTED_METHOD", f"{name}=1 is not supported here: use Content-Encoding, or nothing"
            )
    text = asked.get("query", "").encode(errors="surrogateescape")
    if text and (chunk := next(body, b"")):
        text += b"\n" + chunk
    while len(text) < statement.TEXT_BYTES_MAX and (chunk := next(body, b"")):
        text += chunk
    read_statement = statement.read(text)
    if read_statement.data is None and (more := next(body, b"")):
        raise EngineError.of(
            SYNTAX_ERROR,
            "SYNTAX_ERROR",
            f"the query is longer than {statement.TEXT_BYTES_MAX} bytes ({more[:20]!r} and on): send less at once",
        )
    return Request(
        Query(
            statement=read_statement,
            data=body,
            format=asked.get("default_format") or headers.get("X-ClickHouse-Format") or "TabSeparated",
            database=asked.get("database") or headers.get("X-ClickHouse-Database") or "default",
            settings={
                name: value for name, value in asked.items() if name not in _PROTOCOL and not name.startswith("param_")
            },
            parameters={name[6:]: value for name, value in asked.items() if name.startswith("param_")},
            readonly=_readonly(method, asked.get("readonly", "0")),
        ),
        asked.get("query_id", ""),
    )


def chunks(headers: Message, stream: Stream) -> Iterator[bytes]:
    """Yield the body as it comes, decoded, in pieces of at most about 1 MiB; none is empty.

    Raises:
        EngineError: it is in an encoding that is not known here.
        BrokenBodyError: it is cut short or damaged.
    """
    encoding = headers.get("Content-Encoding", "identity").strip().lower()
    raw = _raw(headers, stream)
    if encoding in {"identity", ""}:
        yield from raw
    elif encoding in {"gzip", "deflate"}:
        yield from _inflated(raw)
    elif encoding in {"zstd", "lz4", "br"}:
        yield from _decompressed(raw, {"br": "brotli"}.get(encoding, encoding))
    else:
        raise EngineError.of(
            UNSUPPORTED, "UNKNOWN_COMPRESSION_METHOD", f"Content-Encoding {encoding!r:.40} is not known"
        )


def _raw(headers: Message, stream: Stream) -> Iterator[bytes]:
    if "chunked" in headers.get("Transfer-Encoding", "").lower():
        while size := _chunk_size(stream):
            yield from _exactly(stream, size)
            _line(stream)
        while _line(stream).strip():
            pass  # trailers
    else:
        length = headers.get("Content-Length", "0")
        if not (length.isascii() and length.isdigit()):
            raise BrokenBodyError(f"Content-Length is {length!r:.40}, not a number")
        yield from _exactly(stream, int(length))


def _exactly(stream: Stream, size: int) -> Iterator[bytes]:
    while size:
        chunk = stream.read(min(size, _CHUNK_BYTES))
        if not chunk:
            raise BrokenBodyError(f"the body ended {size} bytes early")
        size -= len(chunk)
        yield chunk


def _chunk_size(stream: Stream) -> int:
    line = _line(stream)
    try:
        size = int(line.split(b";")[0].strip(), 16)
    except ValueError:
        raise BrokenBodyError(f"{line[:40]!r} is no size of a chunk") from None
    if size < 0:
        raise BrokenBodyError(f"{line[:40]!r} is no size of a chunk")
    return size


def _line(stream: Stream) -> bytes:
    line = stream.readline(_LINE_BYTES_MAX)
    if not line.endswith(b"\n"):
        raise BrokenBodyError("a chunked body ended early")
    return line


def _inflated(raw: Iterator[bytes]) -> Iterator[bytes]:
    inflater = zlib.decompressobj(zlib.MAX_WBITS | 32)  # 32: gzip or zlib, as the header says
    try:
        for chunk in raw:
            rest = chunk
            while rest:
                if piece := inflater.decompress(rest, _CHUNK_BYTES):
                    yield piece
                rest = inflater.unconsumed_tail
        if piece := inflater.flush():
            yield piece
    except zlib.error as error:
        raise BrokenBodyError(f"the body is not what its Content-Encoding says: {error}") from None
    if not inflater.eof:
        raise BrokenBodyError("the compressed body ended early")


def _decompressed(raw: Iterator[bytes], codec: str) -> Iterator[bytes]:
    import pyarrow as pa  # noqa: PLC0415 - takes 40 MB, and most bodies come as they are

    # Buffered whole: what a client compresses is small.
    packed = b"".join(raw)
    try:
        with pa.CompressedInputStream(pa.BufferReader(packed), codec) as stream:
            while piece := stream.read(_CHUNK_BYTES):
                yield piece
    except (OSError, pa.ArrowException) as error:
        raise BrokenBodyError(f"the body is not what its Content-Encoding says: {error}") from None


def _form(headers: Message, body: Iterator[bytes]) -> tuple[list[tuple[str, str]], Iterator[bytes]]:
    """Read a body that is a form: parameters too long for a URL are sent in one."""
    kind = headers.get("Content-Type", "")
    if not kind.lower().startswith("multipart/form-data"):
        return [], body
    packed = io.BytesIO(f"Content-Type: {kind}\r\n\r\n".encode())
    packed.seek(0, io.SEEK_END)
    for chunk in body:
        packed.write(chunk)
        if packed.tell() > 64 * statement.TEXT_BYTES_MAX:
            raise EngineError.of(BAD_ARGUMENTS, "BAD_ARGUMENTS", "the form is larger than 64 MiB: send less at once")
    fields = []
    for part in email.message_from_bytes(packed.getvalue()).walk():
        if part.is_multipart():
            continue
        name = part.get_param("name", header="content-disposition")
        payload = part.get_payload(decode=True)
        if part.get_filename() is not None or not isinstance(name, str) or not isinstance(payload, bytes):
            raise EngineError.of(UNSUPPORTED, "UNSUPPORTED_METHOD", "a form may hold parameters, not external tables")
        fields.append((name, payload.decode(errors="surrogateescape")))
    return fields, iter(())


def _readonly(method: str, asked: str) -> int:
    if asked not in {"0", "1", "2"}:
        raise EngineError.of(BAD_ARGUMENTS, "BAD_ARGUMENTS", f"readonly is {asked!r:.40}: it must be 0, 1 or 2")
    return int(asked) or (2 if method != "POST" else 0)


def _authenticate(asked: Mapping[str, str], headers: Message) -> None:
    """There is one user, `default`, without a password: whoever sends another means another server."""
    user = asked.get("user") or headers.get("X-ClickHouse-User") or ""
    password = asked.get("password") or headers.get("X-ClickHouse-Key") or ""
    scheme, _, credentials = headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "basic":
        try:
            user, _, password = base64.b64decode(credentials, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            user = "?"
    elif scheme:
        user = "?"
    if user not in {"", "default"} or password:
        raise EngineError.of(
            AUTHENTICATION_FAILED,
            "AUTHENTICATION_FAILED",
            f"{user!r:.40}: Authentication failed: there is one user here, `default`, without a password",
        )
