from __future__ import annotations

import math
import re
import uuid
from collections.abc import Callable, Iterator

import pytest
from parts import Pipeline
from playwright.sync_api import Page, expect

import runwire

pytestmark = [pytest.mark.browser, pytest.mark.usefixtures("built")]


@pytest.fixture(scope="module")
def diverged(up: Pipeline) -> Iterator[runwire.Run]:
    """A run whose loss becomes NaN at step 40, and that goes on."""
    run = runwire.init("alerts", "diverged", id=f"diverged-{uuid.uuid4().hex[:6]}", dir=up.home)
    for step in range(40):
        run.log({"train/loss": float(step)}, step=step)
    run.log({"train/loss": math.nan}, step=40)
    up.wait_for_run(run.id)
    yield run
    run.finish()


def test_an_alert_is_listed_with_its_facts_and_leads_to_its_step(
    up: Pipeline, diverged: runwire.Run, open_page: Callable[..., Page]
) -> None:
    """Rule, run, metric, step, value and the values before it; a click opens the metric's chart around the step."""
    page = open_page(f"{up.server}/alerts?q={diverged.id}+nonfinite")
    row = page.locator("tbody tr")
    expect(row).to_have_count(1)
    for text in ("firing", "nonfinite", "diverged", "train/loss", "40", "NaN", "38 → 39"):
        expect(row).to_contain_text(text)
    row.locator(".what a").click()
    expect(page).to_have_url(re.compile(f"/r/{diverged.id}\\?m=train/loss&lo=0&hi=90"))
    expect(page.locator('.plot[data-metric="train/loss"][data-ready=true]')).to_be_visible()


def test_a_run_says_the_first_thing_that_went_wrong(
    up: Pipeline, diverged: runwire.Run, open_page: Callable[..., Page]
) -> None:
    """The run's head names the alert, and its chart carries a flag at the step."""
    page = open_page(f"{up.server}/r/{diverged.id}")
    expect(page.locator(".first-bad")).to_contain_text("step 40")
    plot = page.locator('.plot[data-metric="train/loss"][data-ready=true]')
    expect(plot).to_be_visible()
    over = plot.locator(".u-over")
    box = over.bounding_box()
    assert box
    over.hover(position={"x": box["width"] - 1, "y": box["height"] / 2})
    expect(page.locator(".tip:visible")).to_contain_text("⚑")
    expect(page.locator(".tip:visible")).to_contain_text("NaN, first at step 40")


def test_the_title_counts_what_fires(up: Pipeline, diverged: runwire.Run, open_page: Callable[..., Page]) -> None:
    """The number stands in the tab's title, where it is seen from another tab, and beside Alerts."""
    page = open_page(f"{up.server}/?q={diverged.id}")
    expect(page).to_have_title(re.compile(r"^\([1-9]\d*\) "))
    expect(page.locator(".count")).to_have_text(re.compile(r"^[1-9]\d*$"))


def test_a_message_of_the_run_itself_is_listed_and_not_counted(
    up: Pipeline, diverged: runwire.Run, open_page: Callable[..., Page]
) -> None:
    """`run.alert` says something once; it has no end, so it is not among what is wrong now."""
    page = open_page(f"{up.server}/alerts?q={diverged.id}")
    expect(page.locator("tbody tr")).to_have_count(1)
    count = page.locator(".count").inner_text()
    diverged.alert("Half-way", "nothing is wrong", "INFO")
    expect(page.locator("tbody tr")).to_have_count(2)
    expect(page.locator(".count")).to_have_text(count)
