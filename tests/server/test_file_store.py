"""The file store over HTTP: files by their content, whole or not there, and harmless to whoever looks at them."""

from __future__ import annotations

import hashlib
import socket
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import serving
from parts import until

from runwire.errors import ConfigError
from runwire_server.local import ports
from runwire_storage.files import FileStore

CONTENT = bytes(range(256)) * 40_000  # 10 MB, more than is sent at once
DIGEST = hashlib.sha256(CONTENT).hexdigest()
PAGE = b"<script>document.title = 'run'</script>"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[serving.Server]:
    """A server whose ClickHouse is away: files do not need it."""
    home = tmp_path_factory.mktemp("files")
    with serving.running(f"http://127.0.0.1:{ports.free()}", home) as server:
        yield server


@pytest.fixture
def api(server: serving.Server) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=server.url, trust_env=False) as client:
        yield client


def stored(server: serving.Server) -> list[Path]:
    """All files that the store holds on disk."""
    return [path for path in (server.log.parent / "files").rglob("*") if path.is_file()]


def put(api: httpx.Client, content: bytes) -> str:
    digest = hashlib.sha256(content).hexdigest()
    assert api.put(f"/api/files/{digest}", content=content).status_code == 200
    return digest


def test_what_is_put_is_got_to_the_byte_however_often_it_comes(server: serving.Server, api: httpx.Client) -> None:
    """Unknown before, there with its size afterwards; a second time changes nothing."""
    address = f"/api/files/{DIGEST}"
    assert api.head(address).status_code == 404
    for _ in range(2):
        assert api.put(address, content=CONTENT).json() == {"digest": DIGEST, "size": len(CONTENT)}
        assert api.head(address).headers["content-length"] == str(len(CONTENT))
        assert api.get(address).content == CONTENT
        assert [path.name for path in stored(server)].count(DIGEST) == 1
    assert api.get(f"/api/files/{put(api, b'')}").content == b""


def test_what_is_not_what_its_name_says_is_refused_and_nothing_of_it_is_kept(
    server: serving.Server, api: httpx.Client
) -> None:
    """A wrong content, short or long, leaves no file and no rest of one; a name that is no digest is refused, too."""
    before = stored(server)
    for content in (b"another", CONTENT + b"!"):
        reply = api.put(f"/api/files/{'0' * 64}", content=content)
        assert reply.status_code == 400
        assert reply.json()["error"]["code"] == "wrong_digest"
        assert api.get(f"/api/files/{'0' * 64}").json()["error"]["code"] == "no_such_file"
    assert api.put(f"/api/files/{'A' * 64}", content=b"x").status_code == 422
    assert stored(server) == before


def test_of_an_upload_that_breaks_off_nothing_is_kept_and_the_next_one_is(
    server: serving.Server, api: httpx.Client
) -> None:
    """A connection that is closed in the middle of the body leaves nothing; the same file can be put afterwards."""
    content = CONTENT[::-1]
    digest = hashlib.sha256(content).hexdigest()
    before = stored(server)
    host, port = server.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port))) as sending:
        head = f"PUT /api/files/{digest} HTTP/1.1\r\nHost: {host}\r\nContent-Length: {len(content)}\r\n\r\n"
        sending.sendall(head.encode() + content[: len(content) // 2])
        until(lambda: len(stored(server)) > len(before), "a part of it is written")
    until(lambda: stored(server) == before, "the part is dropped")
    assert api.head(f"/api/files/{digest}").status_code == 404
    put(api, content)
    assert api.get(f"/api/files/{digest}").content == content


def test_a_part_of_a_file_is_sent_where_a_player_asks_for_it(api: httpx.Client) -> None:
    """A range, one without end, the last bytes; beyond the end it is refused with the size."""
    address = f"/api/files/{put(api, CONTENT)}"
    for asked, expected in (
        ("bytes=5-9", CONTENT[5:10]),
        ("bytes=10239990-", CONTENT[10239990:]),
        ("bytes=-3", CONTENT[-3:]),
        ("bytes=10239999-99999999", CONTENT[-1:]),
    ):
        reply = api.get(address, headers={"Range": asked})
        assert (reply.status_code, reply.content) == (206, expected)
    assert api.get(address, headers={"Range": "bytes=5-9"}).headers["content-range"] == f"bytes 5-9/{len(CONTENT)}"
    beyond = api.get(address, headers={"Range": "bytes=99999999-"})
    assert (beyond.status_code, beyond.headers["content-range"]) == (416, f"bytes */{len(CONTENT)}")


def test_a_browser_runs_nothing_of_a_file_in_the_name_of_the_server(api: httpx.Client) -> None:
    """Unless it is told what it is, a file is only saved; a page that was logged has no origin and reaches nothing."""
    address = f"/api/files/{put(api, PAGE)}"
    for params in ({}, {"format": "svg"}, {"format": "text/html"}):
        reply = api.get(address, params=params)
        assert reply.headers["content-type"] == "application/octet-stream"
        assert reply.headers["content-disposition"].startswith("attachment")
    image = api.get(address, params={"format": "png"})
    assert (image.headers["content-type"], image.headers["x-content-type-options"]) == ("image/png", "nosniff")
    assert "default-src 'none'; script-src 'self'" in image.headers["content-security-policy"]
    page = api.get(address, params={"format": "html"})
    policy = page.headers["content-security-policy"]
    assert policy.startswith("sandbox allow-scripts; default-src 'none'")
    assert "allow-same-origin" not in policy
    assert "connect-src" not in policy
    foreign = api.get(address, headers={"Origin": "null"})
    assert foreign.status_code == 403


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("s3://KEY:hunter2@bucket/path", "the file store s3://bucket/path was named with a key in its URL"),
        ("az://container/path?sig=hunter2", "the file store az://container/path was named with a key in its URL"),
        ("ftp://host/path", "the file store ftp://host/path cannot be used: "),
        ("s3://", "the file store 's3' cannot be used: "),
        ("a folder", "the file store 'a folder' cannot be used: "),
        ("file:///proc/none", "the file store file:///proc/none cannot be used: "),
    ],
)
def test_a_url_that_is_no_store_is_refused_in_one_line_and_without_its_key(url: str, said: str) -> None:
    """It says which and what to write instead."""
    with pytest.raises(ConfigError) as refused:
        FileStore(url)
    told = str(refused.value)
    assert told.startswith(said)
    assert "environment" in told or "RUNWIRE_FILES" in told
    assert "hunter2" not in told
    assert "\n" not in told
