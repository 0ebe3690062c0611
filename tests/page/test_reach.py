from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from parts import Pipeline
from playwright.sync_api import Page, expect

import runwire

pytestmark = [pytest.mark.browser, pytest.mark.usefixtures("built")]


def test_an_empty_pipeline_says_how_to_begin(
    start_up: Callable[..., Pipeline], home: Path, open_page: Callable[..., Page]
) -> None:
    """Without runs and alerts the pages give the next command; the first run then appears by itself."""
    up = start_up(home)
    page = open_page(up.server)
    expect(page.locator("main")).to_contain_text("runwire demo")
    expect(page.locator("main")).to_contain_text("runwire.init")
    alerts = open_page(f"{up.server}/alerts")
    expect(alerts.locator("main")).to_contain_text("No alerts")
    run = runwire.init("first", "newcomer", dir=home)
    expect(page.locator(f"#run-{run.id}")).to_contain_text("newcomer")

    # The server is stopped, not killed, so that it is the test that says when it is back.
    run.log({"loss": 1.0}, step=1)
    page = open_page(f"{up.server}/r/{run.id}", offline=True)
    expect(page.locator('.plot[data-metric="loss"][data-ready=true]')).to_be_visible()
    page.close()
    run.finish()


def test_a_server_that_goes_is_said_to_be_gone_and_comes_back_without_a_reload(
    start_up: Callable[..., Pipeline], home: Path, open_page: Callable[..., Page]
) -> None:
    """While the server is away the page says so and keeps what it shows; then it goes on where it was."""
    up = start_up(home)
    run = runwire.init("away", "away", dir=home)
    run.log({"loss": 1.0}, step=1)
    page = open_page(f"{up.server}/r/{run.id}", offline=True)
    note = page.locator(".card .note")
    expect(note).to_contain_text("to step 1")
    supervisor = up.process.pid
    os.kill(supervisor, signal.SIGSTOP)  # it must not start the server anew before the page has seen it gone
    try:
        os.kill(up.pid("server"), signal.SIGKILL)
        expect(page.locator(".reach")).to_contain_text("out of reach")
        expect(note).to_contain_text("to step 1")
    finally:
        os.kill(supervisor, signal.SIGCONT)
    run.log({"loss": 2.0}, step=2)
    expect(page.locator(".reach")).to_be_empty(timeout=60_000)
    expect(note).to_contain_text("to step 2")
    run.finish()
