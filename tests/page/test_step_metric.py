"""Curves over the metric that `define_metric(step_metric=)` names."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable

import pytest
from parts import Pipeline
from playwright.sync_api import Page, expect

import runwire

pytestmark = [pytest.mark.browser, pytest.mark.usefixtures("built")]


def test_a_metric_is_drawn_over_its_step_metric_and_the_others_over_steps(
    up: Pipeline, open_page: Callable[..., Page]
) -> None:
    """Its points stand where that metric was, which the readout says; a zoom of one leaves the other alone."""
    run = runwire.init("epochs", id=f"epochs-{uuid.uuid4().hex[:6]}", dir=up.home, settings={"finish_timeout": 60})
    run.define_metric("val/*", step_metric="epoch")
    run.define_metric("other", step_metric="never/logged")
    for step in range(100):
        run.log({"train/loss": 1 / (step + 1), "other": step}, commit=step % 10 != 9)
        if step % 10 == 9:
            run.log({"val/loss": 1.0 + step // 10, "epoch": step // 10})
    run.finish()
    up.wait_for_run(run.id)
    page = open_page(f"{up.server}/r/{run.id}")
    own, epochs = page.get_by_role("region", name="Charts"), page.get_by_role("region", name="Over epoch")
    expect(own.locator('.plot[data-metric="train/loss"][data-ready=true]')).to_have_attribute(
        "aria-label", re.compile("steps 0 to 99")
    )
    expect(own.locator('.plot[data-metric="other"]')).to_have_count(1)  # over steps, for there is nothing else
    expect(own.locator('.plot[data-metric="val/loss"]')).to_have_count(0)
    plot = epochs.locator('.plot[data-metric="val/loss"][data-ready=true]')
    expect(plot).to_have_attribute("aria-label", "val/loss, epoch 0 to 9")
    card = epochs.locator(".card")
    expect(card.locator(".note")).to_contain_text("10 points")
    expect(card.locator(".note")).to_contain_text("exact")
    expect(card.locator(".note")).to_contain_text("to epoch 9")
    over = plot.locator(".u-over")
    over.scroll_into_view_if_needed()
    box = over.bounding_box()
    assert box
    page.mouse.move(box["x"] + box["width"] * 3 / 9, box["y"] + 40)
    expect(card.locator("output")).to_have_text("epoch 34")  # the loss was 4 there
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.8, box["y"] + 60, steps=4)
    page.mouse.up()
    expect(plot).to_have_attribute("aria-label", re.compile(r"val/loss, epoch [23] to [78]"))
    expect(page).to_have_url(re.compile(r"[?&]lo:epoch=[23]&hi:epoch=[78]"))
    expect(own.locator('.plot[data-metric="train/loss"]')).to_have_attribute("aria-label", re.compile("steps 0 to 99"))
