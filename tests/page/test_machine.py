"""What the page shows of a run's machine."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable

import pytest
from parts import Pipeline, until
from playwright.sync_api import Page, expect
from producers.spooled import logged

import runwire

pytestmark = [pytest.mark.browser, pytest.mark.usefixtures("built")]


def test_the_machine_is_drawn_over_time_below_the_runs_own_curves(up: Pipeline, open_page: Callable[..., Page]) -> None:
    """Each under its axis; a zoom of one leaves the other alone; neither last step nor summary tell of it."""
    settings = {"system_interval": 0.25, "finish_timeout": 60}
    run = runwire.init("machine", "sampled", id=f"sampled-{uuid.uuid4().hex[:6]}", dir=up.home, settings=settings)
    for step in range(3):
        run.log({"loss": 1.0 / (step + 1)}, step=step)
    until(lambda: len(logged(run)) >= 3 + 8, "samples")
    run.finish()
    up.wait_for_run(run.id)
    page = open_page(f"{up.server}/r/{run.id}")
    own, machine = page.get_by_role("region", name="Charts"), page.get_by_role("region", name="System")
    expect(own.locator(".plot")).to_have_count(1)
    expect(own.locator('.plot[data-metric="loss"][data-ready=true]')).to_have_attribute(
        "aria-label", re.compile("steps 0 to 2")
    )
    cpu = machine.locator('.plot[data-metric="system/cpu"][data-ready=true]')
    expect(cpu).to_have_attribute("aria-label", re.compile(r"system/cpu, \d\d:\d\d:\d\d to \d\d:\d\d:\d\d"))
    note = machine.locator(".card", has=page.locator('[data-metric="system/cpu"]')).locator(".note")
    expect(note).to_contain_text("exact")
    expect(page.locator("header").last).to_contain_text("Last step2")
    expect(page.locator("aside")).not_to_contain_text("system/")
    over = cpu.locator(".u-over")
    box = over.bounding_box()
    assert box
    page.mouse.move(box["x"] + box["width"] * 0.25, box["y"] + 40)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.75, box["y"] + 60, steps=4)
    page.mouse.up()
    expect(page).to_have_url(re.compile(r"[?&]from=\d{13}&till=\d{13}"))
    expect(own.locator('.plot[data-metric="loss"]')).to_have_attribute("aria-label", re.compile("steps 0 to 2"))
    machine.get_by_role("button", name="Show every time").click()
    expect(page).not_to_have_url(re.compile("from="))
