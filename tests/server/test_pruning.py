"""Files that nobody names: marked first, removed later, and kept by whoever comes in between."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import serving
from parts import ready

from runwire.errors import UnavailableError
from runwire.wire.artifacts import Entry, encode_manifest
from runwire_server.local import ports
from runwire_storage.client import connect
from runwire_storage.files import FileStore, folder_url
from runwire_storage.schema import DATABASE

_DAY = 86400


def digest_of(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


IMAGE, MASK, WEIGHTS, ORPHAN, YOUNG = (f"the {name}".encode() for name in ("image", "mask", "weights", "rest", "new"))
MANIFEST = encode_manifest([Entry("model.pt", digest_of(WEIGHTS), len(WEIGHTS))])


@pytest.fixture(scope="module")
def clickhouse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A store in which a run names an image with a mask, and an artifact its manifest."""
    home = tmp_path_factory.mktemp("clickhouse")
    port = ports.free()
    command = [sys.executable, "-m", "runwire", "clickhouse", "--home", str(home), "--port", str(port)]
    with ready(command, home / "clickhouse.log"):
        url = f"http://127.0.0.1:{port}"
        serving.fill(url)
        client = connect(url)
        masks = {"masks": {"truth": {"digest": digest_of(MASK)}}}
        client.insert(
            f"{DATABASE}.stored_media",
            [(serving.RUN, "seen", 0, 1, 0, 1, "image", "png", digest_of(IMAGE), json.dumps(masks), 1)],
            column_names=["run", "key", "rank", "step", "place", "count", "kind", "format", "digest", "data", "seq"],
        )  # fmt: skip
        client.insert(
            f"{DATABASE}.stored_artifacts",
            [("p", "model", serving.RUN, 0, 1, 1, 0, digest_of(MANIFEST))],
            column_names=["project", "name", "run", "rank", "seq", "place", "version", "digest"],
        )
        client.close()
        yield url


@pytest.fixture
def api(clickhouse: str, tmp_path: Path) -> Iterator[httpx.Client]:
    """A server with a file store of the test's own, which holds all of them, all but the last of long ago."""
    with serving.running(clickhouse, tmp_path) as server, httpx.Client(base_url=server.url, trust_env=False) as api:
        for content in (IMAGE, MASK, WEIGHTS, MANIFEST, ORPHAN, YOUNG):
            put(api, content)
            if content is not YOUNG:
                age(tmp_path, content)
        yield api


def put(api: httpx.Client, content: bytes) -> None:
    assert api.put(f"/api/files/{digest_of(content)}", content=content).status_code == 200


def there(api: httpx.Client, content: bytes) -> tuple[bool, bool]:
    """Whether a host is told that a file is there, and whether it can be read."""
    address = f"/api/files/{digest_of(content)}"
    return api.head(address).status_code == 200, api.get(address).status_code == 200


def age(home: Path, content: bytes, *, mark: bool = False) -> None:
    """Let a file, or its mark, be a hundred days old."""
    digest = digest_of(content)
    path = home / "files" / ("unnamed" if mark else digest[:2]) / digest
    os.utime(path, (time.time() - 100 * _DAY,) * 2)


def prune(clickhouse: str, home: Path, *options: str) -> dict[str, Any]:
    command = [sys.executable, "-m", "runwire", "files", "prune", "--home", str(home), "--clickhouse", clickhouse]
    done = subprocess.run([*command, *options, "--json"], capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout))


def test_a_file_that_nobody_names_is_marked_and_goes_when_the_mark_is_old(
    clickhouse: str, api: httpx.Client, tmp_path: Path
) -> None:
    """Not before, and nothing else: not images, masks, manifests, what these name, and what came just now."""
    told = {"removed": 0, "size": 0, "marked": 1, "waiting": 0}
    assert prune(clickhouse, tmp_path, "--dry-run") == told
    assert there(api, ORPHAN) == (True, True)
    assert prune(clickhouse, tmp_path) == told
    assert there(api, ORPHAN) == (False, True)
    assert prune(clickhouse, tmp_path) == {**told, "marked": 0, "waiting": 1}
    age(tmp_path, ORPHAN, mark=True)
    gone = {"removed": 1, "size": len(ORPHAN), "marked": 0, "waiting": 0}
    assert prune(clickhouse, tmp_path, "--dry-run") == gone
    assert there(api, ORPHAN) == (False, True)
    assert prune(clickhouse, tmp_path) == gone
    assert there(api, ORPHAN) == (False, False)
    assert [there(api, content) for content in (IMAGE, MASK, WEIGHTS, MANIFEST, YOUNG)] == [(True, True)] * 5
    assert not [path for path in (tmp_path / "files").glob("*/*") if path.parent.name in ("unnamed", "going")]


def test_a_marked_file_that_is_put_again_stays(clickhouse: str, api: httpx.Client, tmp_path: Path) -> None:
    """A host that asks is told that it is not there, so it puts it; then it is, and the old mark counts for nothing."""
    prune(clickhouse, tmp_path)
    age(tmp_path, ORPHAN, mark=True)
    put(api, ORPHAN)
    assert there(api, ORPHAN) == (True, True)
    assert prune(clickhouse, tmp_path) == {"removed": 0, "size": 0, "marked": 0, "waiting": 0}
    assert there(api, ORPHAN) == (True, True)


def test_nothing_goes_where_a_manifest_cannot_be_read(clickhouse: str, api: httpx.Client, tmp_path: Path) -> None:
    """Which files its artifact has is not known then; the error names it."""
    prune(clickhouse, tmp_path)
    age(tmp_path, ORPHAN, mark=True)
    (tmp_path / "files" / digest_of(MANIFEST)[:2] / digest_of(MANIFEST)).unlink()
    command = [sys.executable, "-m", "runwire", "files", "prune", "--home", str(tmp_path), "--clickhouse", clickhouse]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 1
    assert (
        f"nothing is removed: which files an artifact has cannot be told, for its manifest {digest_of(MANIFEST)}"
        in (done.stderr)
    )
    assert there(api, ORPHAN) == (False, True)


def test_a_time_in_which_the_word_may_still_come_is_refused(clickhouse: str, tmp_path: Path) -> None:
    """As by `retention`, with exit code 2."""
    command = [sys.executable, "-m", "runwire", "files", "prune", "--home", str(tmp_path), "--clickhouse", clickhouse]
    for given in ("7d", "soon"):
        done = subprocess.run(
            [*command, "--unnamed-for", given], capture_output=True, text=True, check=False, timeout=60
        )
        assert (done.returncode, f"--unnamed-for is {given}" in done.stderr) == (2, True)


def test_what_comes_while_it_is_removed_is_not_lost(tmp_path: Path) -> None:
    """Either it is there when it is acknowledged, or it is not acknowledged; a removal that was killed stops nobody."""
    store, digest = FileStore(folder_url(tmp_path)), digest_of(ORPHAN)

    async def whole(*, removing: bool = False) -> AsyncIterator[bytes]:
        yield ORPHAN[:3]
        if removing:
            assert await store.remove(digest)
        yield ORPHAN[3:]

    async def all_of_it() -> None:
        await store.put(digest, whole())
        await store.mark(digest)
        await store.put(digest, whole(removing=True))  # which comes to its end in the middle of the upload
        assert await store.offered(digest) == len(ORPHAN)
        await store.mark(digest)
        await store.put(digest, whole())
        assert not await store.remove(digest)  # the mark is taken away
        going = tmp_path / "going" / digest
        going.parent.mkdir(exist_ok=True)
        going.touch()  # and somebody is about to remove it
        with pytest.raises(UnavailableError, match="put it again"):
            await store.put(digest, whole())
        os.utime(going, (time.time() - _DAY,) * 2)  # who was killed
        await store.put(digest, whole())
        assert await store.offered(digest) == len(ORPHAN)

    asyncio.run(all_of_it())
