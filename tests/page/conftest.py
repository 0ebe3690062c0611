"""A real browser on the page that was really built."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

ROOT = Path(__file__).parents[2]

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
_NO_CHROMIUM = (
    "There is no Chromium on the PATH, so nothing was seen of the page. Get one with `apt-get install chromium` "
    "(or your system's way) and run the tests again."
)


@pytest.fixture(scope="session")
def built() -> None:
    """The page of these sources."""
    done = subprocess.run(
        [sys.executable, ROOT / "server/page/build.py"], capture_output=True, text=True, check=False, timeout=300
    )
    if done.returncode:
        pytest.fail(done.stderr)


@pytest.fixture(scope="module")  # while it is there an event loop runs in this thread, which other tests need
def browser() -> Iterator[Browser]:
    """The system's Chromium."""
    path = next(filter(None, map(shutil.which, _NAMES)), None)
    if path is None:
        if os.environ.get("CI") == "true":
            pytest.fail(_NO_CHROMIUM)
        pytest.skip(_NO_CHROMIUM)
    expect.set_options(timeout=30_000)  # a machine that is busy with other tests is no failure
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=path, args=_FLAGS)
        yield chromium
        chromium.close()


@pytest.fixture
def open_page(browser: Browser) -> Iterator[Callable[..., Page]]:
    """Opens pages: ``open_page(url, **context)``.

    At the end none of them may have written an error to the console, thrown one, broken the content security policy,
    or asked anything of another origin. A test that takes the server away says so by ``offline=True``.
    """
    complaints: list[str] = []
    contexts = []

    def open_page(url: str, *, offline: bool = False, **options: object) -> Page:
        context = browser.new_context(**{"viewport": {"width": 1280, "height": 900}, **options})  # type: ignore[arg-type]
        contexts.append(context)
        page = context.new_page()
        origin = urlsplit(url).netloc

        def heard(kind: str, text: str) -> None:
            expected = offline and "Failed to load resource" in text
            ours = "willReadFrequently" in text  # Chromium about the pixels that the tests read back
            if kind in ("error", "warning") and not expected and not ours:
                complaints.append(f"{kind}: {text}")

        page.on("console", lambda message: heard(message.type, message.text))
        page.on("pageerror", lambda error: complaints.append(f"thrown: {error}"))
        page.on(
            "request",
            lambda request: None if urlsplit(request.url).netloc == origin else complaints.append(f"to {request.url}"),
        )
        page.goto(url)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert not complaints
