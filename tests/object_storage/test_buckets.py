"""The file store in a bucket: to the byte, whole or not there, and its marks."""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator

import pytest
from buckets import Bucket

from runwire.errors import UnavailableError
from runwire_storage.files import FileStore, NoSuchFileError, WrongDigestError
from runwire_storage.object_storage import part_bytes

_MIB = 1 << 20


def digest_of(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


async def chunks(content: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(content), 100_000):
        yield content[start : start + 100_000]


async def read(store: FileStore, content: bytes, start: int, end: int) -> bytes:
    return b"".join([chunk async for chunk in store.read(digest_of(content), start, end)])


async def put(store: FileStore, content: bytes) -> None:
    assert await store.put(digest_of(content), chunks(content), len(content)) == len(content)


async def digests(store: FileStore, *, marks: bool = False) -> set[str]:
    return {one.digest async for one in store.stored(marks=marks)}


def test_files_of_any_size_come_back_to_the_byte(bucket: Bucket) -> None:
    """Nothing, a little, and several parts; whole and a stretch of it; a second time changes nothing."""

    async def all_of_it() -> None:
        store = FileStore(bucket.url)
        for content in (b"", b"a little", os.urandom(3 * part_bytes(None) + 5)):
            for _ in range(2):
                await put(store, content)
                assert await store.offered(digest_of(content)) == len(content)
            assert await read(store, content, 0, len(content)) == content
            some = slice(len(content) // 3, len(content) // 2)
            assert await read(store, content, some.start, some.stop) == content[some]
            assert digest_of(content) in await digests(store)

    asyncio.run(all_of_it())


def test_what_is_not_what_its_name_says_leaves_nothing(bucket: Bucket) -> None:
    """Neither small nor in several parts, of which the first ones were uploaded already."""

    async def all_of_it() -> None:
        store = FileStore(bucket.url)
        for content in (b"another", os.urandom(2 * part_bytes(None) + 5)):
            with pytest.raises(WrongDigestError):
                await store.put("0" * 64, chunks(content), len(content))
            with pytest.raises(NoSuchFileError):
                await store.size("0" * 64)
        assert "0" * 64 not in await digests(store)

    asyncio.run(all_of_it())


def test_a_marked_file_goes_and_one_that_is_put_again_stays(bucket: Bucket) -> None:
    """The order of steps that 0033 counts on holds in a bucket, too."""

    async def all_of_it() -> None:
        store, content = FileStore(bucket.url), os.urandom(100)
        digest = digest_of(content)
        await put(store, content)
        await store.mark(digest)
        assert digest in await digests(store, marks=True)
        with pytest.raises(NoSuchFileError):
            await store.offered(digest)
        assert await store.size(digest) == len(content)
        await put(store, content)
        assert await store.offered(digest) == len(content)
        assert not await store.remove(digest), "it has no mark any more"
        await store.mark(digest)
        assert await store.remove(digest)
        assert digest not in await digests(store) | await digests(store, marks=True)
        with pytest.raises(NoSuchFileError):
            await store.size(digest)

        async def removed_meanwhile() -> AsyncIterator[bytes]:
            yield content[:50]
            await store.mark(digest)
            await store._store.copy_async(f"unnamed/{digest}", f"going/{digest}")
            yield content[50:]

        with pytest.raises(UnavailableError, match="put it again"):
            await store.put(digest, removed_meanwhile())

    asyncio.run(all_of_it())


@pytest.mark.parametrize("what", ["wrong", "absent", "away"])
def test_a_store_that_refuses_says_what_to_look_at_and_no_secret(
    what: str, bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A key that may not, a bucket that is not there, a storage that is down: one line, whoever asks for what."""
    for name, value in {"wrong": bucket.wrong, "away": bucket.away}.get(what, {}).items():
        monkeypatch.setenv(name, value)
    url = bucket.absent if what == "absent" else bucket.url

    async def all_of_it() -> None:
        store = FileStore(url)
        for call in (store.put(digest_of(b"x"), chunks(b"x")), store.look(), store.mark(digest_of(b"x"))):
            with pytest.raises(UnavailableError) as refused:
                await call
            said = str(refused.value)
            assert said.startswith(f"the file store {url} does not do it: ")
            assert list(bucket.environment)[1] in said, "what to look at"
            assert "\n" not in said
            assert len(said) < 700
            for secret in (bucket.secret, *bucket.wrong.values()):
                assert secret not in said or secret in (bucket.environment[bucket.endpoint], "us-east-1", "runwire")

    asyncio.run(all_of_it())


def test_a_file_of_any_size_has_fewer_parts_than_object_storage_takes() -> None:
    """S3 takes 10,000; parts are no larger than that needs, for they lie in memory."""
    for size in (None, 0, 1, 50 << 30, 75 << 30, 5 << 40):
        assert (size or 0) / part_bytes(size) < 10_000
        assert part_bytes(size) % _MIB == 0
    assert part_bytes(1 << 30) == part_bytes(None) == 8 * _MIB
