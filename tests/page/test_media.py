from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from parts import Pipeline
from playwright.sync_api import Page, expect

import runwire
from runwire import plot

pytestmark = [pytest.mark.browser, pytest.mark.usefixtures("built")]

#: 40 pixels high and 60 wide, dark on the left.
PIXELS = np.concatenate([np.zeros((40, 30, 3), np.uint8), np.full((40, 30, 3), 200, np.uint8)], axis=1)
CLASSES = np.concatenate([np.zeros((40, 30), np.uint8), np.full((40, 30), 2, np.uint8)], axis=1)


def _logged(up: Pipeline, *rows: dict[str, Any]) -> str:
    with runwire.init("media", id=f"m-{uuid.uuid4().hex[:8]}", dir=up.home) as run:
        for row in rows:
            run.log(row)
    up.wait_for_run(run.id)
    return f"{up.server}/r/{run.id}"


def _open(page: Page) -> Page:
    """Open what the page keeps folded until somebody looks."""
    page.locator(".all-media > summary").click()
    return page


def _colour(page: Page, x: int, y: int) -> list[int]:
    """What the mask's canvas has at a pixel."""
    told: list[int] = page.locator(".picture canvas").evaluate(
        "(canvas, [x, y]) => Array.from(canvas.getContext('2d').getImageData(x, y, 1, 1).data)", [x, y]
    )
    return told


def test_an_image_is_shown_with_its_boxes_and_masks_and_each_step_on_the_slider(
    up: Pipeline, open_page: Callable[..., Page]
) -> None:
    """The picture has its size, boxes lie where they were said to, class 0 is left free, and layers can be hidden."""
    box = {"position": {"minX": 0.5, "maxX": 1.0, "minY": 0.25, "maxY": 0.75}, "class_id": 2, "scores": {"p": 0.5}}
    last = runwire.Image(
        PIXELS,
        caption="the last",
        boxes={"model": {"box_data": [box], "class_labels": {2: "cat"}}},
        masks={"truth": {"mask_data": CLASSES, "class_labels": {2: "cat"}}},
    )
    first = [runwire.Image(PIXELS[:, ::-1], caption=f"early {number}") for number in range(3)]
    page = _open(open_page(_logged(up, {"seen": first}, {"seen": last, "loss": 1.0})))
    picture = page.get_by_role("img", name="the last")
    expect(picture).to_be_visible()
    assert picture.evaluate("image => [image.naturalWidth, image.naturalHeight]") == [60, 40]
    rect = page.locator(".picture rect")
    expect(rect).to_have_count(1)
    assert [rect.get_attribute(name) for name in ("x", "y", "width", "height")] == ["30", "10", "30", "20"]
    expect(page.get_by_role("paragraph").filter(has_text="cat, p 0.5")).to_be_visible()
    page.wait_for_function("document.querySelector('.picture canvas')?.width === 60")
    assert (_colour(page, 10, 20)[3], _colour(page, 50, 20)[3]) == (0, 255)
    page.get_by_label("boxes model").uncheck()
    expect(rect).to_have_count(0)
    page.get_by_label("mask truth").uncheck()
    expect(page.locator(".picture canvas")).to_have_count(0)

    page.get_by_label("Step of seen").focus()
    page.keyboard.press("Home")
    expect(page.locator(".media output")).to_have_text("step 0")
    for number in range(3):
        expect(page.get_by_role("img", name=f"early {number}")).to_be_visible()
    expect(page.get_by_role("img", name="the last")).to_have_count(0)
    page.reload()
    expect(picture).to_be_visible()  # as it was left


def test_a_page_that_was_logged_runs_in_a_frame_that_reaches_nothing(
    up: Pipeline, open_page: Callable[..., Page]
) -> None:
    """Its script runs, but has no origin: the page around it, its cookies and its storage are closed to it."""
    script = """
        const tried = {};
        for (const [name, reach] of Object.entries({
            parent: () => parent.document.title, cookie: () => document.cookie, storage: () => localStorage.length,
        })) {
            try { reach(); tried[name] = "reached"; } catch (error) { tried[name] = "closed"; }
        }
        document.body.textContent = `${origin} ${JSON.stringify(tried)}`;
    """
    page = _open(
        open_page(_logged(up, {"report": runwire.Html(f"<body><script>{script}</script>", caption="the report")}))
    )
    expect(page.get_by_text("the report")).to_be_visible()
    frame = page.frame_locator('iframe[title="the report"]')
    expect(frame.locator("body")).to_have_text('null {"parent":"closed","cookie":"closed","storage":"closed"}')


def test_sounds_histograms_and_plots_are_shown(up: Pipeline, open_page: Callable[..., Page]) -> None:
    """A sound has its length, a histogram a bar a bin, a plot of a table its lines, and a matrix its counts."""
    table = runwire.Table(["x", "y", "who"], [[x, x * x, who] for who in ("a", "b") for x in range(10)])
    rows = {
        "sound": runwire.Audio(np.sin(np.arange(8000) / 5), sample_rate=8000, caption="a tone"),
        "weights": runwire.Histogram([1.0, 2.0, 2.0, float("nan")], num_bins=8),
        "curve": plot.line(table, "x", "y", stroke="who", title="Squares"),
        "confusion": plot.confusion_matrix(y_true=[0, 1, 1], preds=[0, 1, 0], class_names=["cat", "dog"]),
    }
    page = _open(open_page(_logged(up, rows)))
    sound = page.get_by_label("a tone")
    expect(sound).to_be_visible()
    sound.evaluate("audio => { audio.preload = 'metadata'; audio.load(); }")
    expect(sound).to_have_js_property("duration", 1)
    section = page.locator("details.media")
    weights = section.filter(has_text="weights")
    expect(weights.locator("rect")).to_have_count(8)
    expect(weights).to_contain_text("1 not finite")
    curve = section.filter(has_text="Squares")
    expect(curve.locator("polyline")).to_have_count(2)
    expect(curve.locator(".layers")).to_contain_text("b")
    matrix = section.filter(has_text="confusion")
    expect(matrix.locator("rect")).to_have_count(4)
    expect(matrix).to_contain_text("dog")
