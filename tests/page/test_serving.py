from __future__ import annotations

import asyncio
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from runwire_server.api import Settings, create_app


def _app(dist: Path) -> FastAPI:
    """The server's app with the page of this folder; the page needs no store."""
    return create_app(Settings("http://127.0.0.1:9", "memory:///", page=dist))


def _get(app: FastAPI, address: str) -> httpx.Response:
    async def ask() -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost") as client:
            return await client.get(address)

    return asyncio.run(ask())


@pytest.fixture
def dist(tmp_path: Path) -> Path:
    """A page of three small files."""
    (tmp_path / "dist/assets").mkdir(parents=True)
    (tmp_path / "secret").write_text("secret")
    (tmp_path / "dist/index.html").write_text("the page")
    (tmp_path / "dist/icon.svg").write_text("<svg/>")
    (tmp_path / "dist/assets/index-1.js").write_text("1")
    return tmp_path / "dist"


@pytest.mark.parametrize("address", ["/", "/r/some-run?m=loss", "/compare?runs=a,b", "/alerts"])
def test_a_page_that_is_not_built_says_how_to_build_it(tmp_path: Path, address: str) -> None:
    """Each address of the page then names `make page` and says what works without it."""
    reply = _get(_app(tmp_path / "none"), address)
    assert "make page" in reply.text
    assert "/api/docs" in reply.text


def test_a_page_built_meanwhile_is_there_at_once(tmp_path: Path) -> None:
    """The server need not be started again after `make page`."""
    app = _app(tmp_path)
    assert "make page" in _get(app, "/").text
    (tmp_path / "index.html").write_text("the page")
    assert _get(app, "/").text == "the page"


@pytest.mark.parametrize("address", ["/", "/r/run", "/compare", "/alerts", "/assets/index-1.js", "/assets/none"])
def test_every_reply_carries_the_strict_policy(dist: Path, address: str) -> None:
    """No inline script, no inline style, nothing from another origin, no frame."""
    policy = _get(_app(dist), address).headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self'; style-src 'self';" in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy


@pytest.mark.parametrize("address", ["/assets/../../secret", "/assets/..%2f..%2fsecret", "/assets/%2e%2e", "/assets/"])
def test_no_file_outside_the_page_is_served(dist: Path, address: str) -> None:
    """An address that climbs out of the folder finds the page or nothing, not what lies beside it."""
    assert _get(_app(dist), address).text != "secret"


def test_assets_are_kept_and_the_page_is_asked_for_again(dist: Path) -> None:
    """Assets have their hash in their names; index.html, which names them, is never taken from a cache unasked."""
    app = _app(dist)
    assert "immutable" in _get(app, "/assets/index-1.js").headers["cache-control"]
    assert _get(app, "/").headers["cache-control"] == "no-cache"
