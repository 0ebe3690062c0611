from __future__ import annotations

import math
import re
import uuid
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
import serving
from parts import Pipeline
from playwright.sync_api import Locator, Page, expect

import runwire

pytestmark = [pytest.mark.browser, pytest.mark.usefixtures("built")]


@pytest.fixture
def diverging(up: Pipeline) -> Iterator[runwire.Run]:
    """A run whose loss is NaN, and that goes on."""
    id_ = f"diverging-{uuid.uuid4().hex[:6]}"
    run = runwire.init("seen", id_, id=id_, dir=up.home, reinit="create_new")
    run.log({"train/loss": 1.0}, step=1)
    run.log({"train/loss": math.nan}, step=2)
    up.wait_for_run(run.id)
    yield run
    run.finish()


def _opened(page: Page) -> Locator:
    """The alert's row, after its detail was opened."""
    row = page.locator("tbody tr:not(.opened)")
    expect(row).to_have_count(1)
    row.get_by_role("button", name=re.compile("^Details of ")).click()
    return row


def test_an_alert_is_acknowledged_in_the_list_and_that_is_seen_everywhere(
    up: Pipeline, diverging: runwire.Run, open_page: Callable[..., Page]
) -> None:
    """With name and note; the row keeps its place though the list shows only what fires; who did it is its history."""
    elsewhere = open_page(f"{up.server}/r/{diverging.id}")
    page = open_page(f"{up.server}/alerts?state=firing&q={diverging.id}")
    row = _opened(page)
    expect(page.get_by_role("list", name="History")).to_contain_text("fired")
    page.get_by_label("Your name").fill("ann")
    page.get_by_label("Note").fill("it is <b>the data</b>")
    button = page.get_by_role("form").get_by_role("button", name="Acknowledge")
    before = button.bounding_box()
    button.click()
    expect(page.get_by_role("status").filter(has_text="it is not told again")).to_be_visible()
    expect(row).to_contain_text("acknowledged")
    expect(page.get_by_role("list", name="History")).to_contain_text("acknowledged by ann")
    expect(page.get_by_role("list", name="History")).to_contain_text("it is <b>the data</b>")
    done = page.get_by_role("form").get_by_role("button", name="Acknowledged")
    assert done.bounding_box() == before, "something has moved"
    expect(elsewhere.get_by_role("region", name="Alerts")).to_contain_text("acknowledged")
    again = open_page(f"{up.server}/alerts?q={diverging.id}")
    expect(again.locator("tbody tr")).to_contain_text("acknowledged")


def test_an_alert_is_silenced_for_a_time_and_the_silence_is_ended(
    up: Pipeline, diverging: runwire.Run, open_page: Callable[..., Page]
) -> None:
    """Its state follows, to silenced and back to firing; the silence says what it means, by whom and until when."""
    page = open_page(f"{up.server}/alerts?q={diverging.id}")
    row = _opened(page)
    page.get_by_label("Your name").fill("bob")
    page.get_by_label("Note").fill("known")
    page.get_by_role("button", name="Silence for 4 h").click()
    expect(row).to_contain_text("silenced")
    held = page.get_by_role("list", name="Silences").get_by_role("listitem")
    expect(held).to_contain_text(re.compile(r"alert [0-9a-f]+ \(.* is NaN .*\) until .*, by bob: known"))
    expect(page.get_by_role("list", name="History")).to_contain_text("silenced by bob")
    held.get_by_role("button", name=re.compile("^End the silence of alert ")).click()
    expect(held).to_have_count(0)
    expect(row).to_contain_text("firing")


def test_a_silence_until_a_moment_may_mean_more_than_one_alert(
    up: Pipeline, diverging: runwire.Run, open_page: Callable[..., Page]
) -> None:
    """All of the run, until tomorrow; a moment that is over is refused on the spot; all silences are listed below."""
    page = open_page(f"{up.server}/alerts?q={diverging.id}")
    row = _opened(page)
    page.get_by_label("What to silence").select_option("all of this run")
    for days in (-1, 1):
        then = datetime.now() + timedelta(days=days)  # noqa: DTZ005 - as the field has it: the browser's time zone
        page.get_by_label("Silence until", exact=True).fill(then.strftime("%Y-%m-%dT%H:%M"))
        page.get_by_role("button", name="Silence until then").click()
        if days < 0:
            expect(page.get_by_role("alert")).to_have_text(re.compile("That is over"))
            expect(row).to_contain_text("firing")
    expect(row).to_contain_text("silenced")
    page.locator("summary", has_text="Silences").click()
    own = page.locator(".all-silences").get_by_role("listitem").filter(has_text=diverging.id)
    expect(own).to_contain_text(f"run {diverging.id} until ")
    own.get_by_role("button", name="End").click()
    expect(own).to_have_count(0)
    expect(row).to_contain_text("firing")


def test_an_alert_is_seen_to_on_its_run_s_page_by_keys_alone(
    up: Pipeline, diverging: runwire.Run, open_page: Callable[..., Page]
) -> None:
    """Opened by Enter, the name and the note typed, acknowledged by Enter; a reload shows it open again."""
    page = open_page(f"{up.server}/r/{diverging.id}")
    fold = page.get_by_role("region", name="Alerts").get_by_role("button", name="is NaN")
    expect(fold).to_have_attribute("aria-expanded", "false")
    fold.focus()
    page.keyboard.press("Enter")
    expect(fold).to_have_attribute("aria-expanded", "true")
    page.keyboard.press("Tab")
    page.keyboard.type("cleo")
    page.keyboard.press("Tab")
    page.keyboard.type("mine")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(fold).to_contain_text("acknowledged")
    page.reload()
    expect(page.get_by_role("list", name="History")).to_contain_text("acknowledged by cleo")
    expect(page.get_by_label("Your name")).to_have_value("cleo")


def test_the_keys_of_the_list_open_an_alert_in_place(
    up: Pipeline, diverging: runwire.Run, open_page: Callable[..., Page]
) -> None:
    """The keys j and o open it, o folds it again; what is open stands in the address."""
    page = open_page(f"{up.server}/alerts?q={diverging.id}")
    expect(page.locator("tbody tr")).to_have_count(1)
    page.keyboard.press("j")
    page.keyboard.press("o")
    expect(page.get_by_role("list", name="History")).to_be_visible()
    expect(page).to_have_url(re.compile("open="))
    page.keyboard.press("o")
    expect(page.get_by_role("list", name="History")).to_have_count(0)


def test_a_server_that_takes_nothing_says_so_where_it_was_asked(
    up: Pipeline, diverging: runwire.Run, tmp_path: Path, open_page: Callable[..., Page]
) -> None:
    """The refusal and what to do stand beside the button, and the alert fires on."""
    with serving.running(up.clickhouse, tmp_path, "--kafka", up.kafka, "--no-allow-alerts") as server:
        page = open_page(f"{server.url}/alerts?q={diverging.id}", offline=True)
        row = _opened(page)
        page.get_by_role("form").get_by_role("button", name="Acknowledge").click()
        expect(page.get_by_role("alert")).to_contain_text("start it with --allow-alerts")
        expect(row).to_contain_text("firing")
        page.close()
