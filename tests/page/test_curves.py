from __future__ import annotations

import math
import re
import uuid
from collections.abc import Callable, Iterator

import pytest
from parts import Pipeline
from playwright.sync_api import Locator, Page, expect

import runwire

from .picture import heights

pytestmark = [pytest.mark.browser, pytest.mark.usefixtures("built")]

POINTS = 20_000
SPIKE = 13_337
FIRST_NAN = 15_000


def _plot(page: Page, metric: str) -> Locator:
    """The chart of a metric, its columns drawn."""
    plot = page.locator(f'.plot[data-metric="{metric}"][data-ready=true]')
    expect(plot).to_be_visible()
    return plot


def _note(page: Page, metric: str) -> Locator:
    return page.locator(".card", has=page.locator(f'[data-metric="{metric}"]')).locator(".note")


def _colour(page: Page) -> str:
    """The name of the run's own colour."""
    found = re.search(r"line\d", page.locator("h1 .swatch").get_attribute("class") or "")
    assert found
    return f"--{found[0]}"


@pytest.fixture(scope="module")
def long_run(up: Pipeline) -> str:
    """A run of 20,000 steps: a flat line with one point ten times as high, and a loss that becomes NaN."""
    run = runwire.init("curves", "long", id=f"long-{uuid.uuid4().hex[:6]}", dir=up.home)
    for step in range(POINTS):
        loss = math.nan if FIRST_NAN <= step < FIRST_NAN + 3 else 2.0 + math.sin(step / 500)
        run.log({"flat": 10.0 if step == SPIKE else 1.0, "loss": loss}, step=step)
    run.log({"once": 3.0}, step=POINTS // 2)
    run.finish()
    up.wait_for_run(run.id)
    return run.id


@pytest.fixture
def live_run(up: Pipeline) -> Iterator[runwire.Run]:
    """A run that has logged ten steps and goes on."""
    run = runwire.init("curves", "live", id=f"live-{uuid.uuid4().hex[:6]}", dir=up.home)
    for step in range(10):
        run.log({"loss": 1.0 / (step + 1)}, step=step)
    up.wait_for_run(run.id)
    yield run
    run.finish()


def test_a_spike_of_one_step_among_20000_is_seen(up: Pipeline, long_run: str, open_page: Callable[..., Page]) -> None:
    """The one high point reaches the top of the canvas at its own step, and no other pixel of the line does."""
    page = open_page(f"{up.server}/r/{long_run}?m=flat")
    expect(_note(page, "flat")).to_contain_text("20,000 points")
    expect(_note(page, "flat")).to_contain_text("exact")
    _plot(page, "flat")
    tops = heights(page, "flat", _colour(page))
    high = [x for x, top in enumerate(tops) if top < 0.5]
    assert high, "the spike is not in the picture"
    middle = sum(high) / len(high) / len(tops)
    assert abs(middle - SPIKE / (POINTS - 1)) < 2 / len(tops)
    assert len(high) <= 4
    assert sum(top >= 0.5 for top in tops) > 0.98 * len(tops), "the flat part is not all there"


def test_a_spike_stays_at_every_zoom(up: Pipeline, long_run: str, open_page: Callable[..., Page]) -> None:
    """Whatever the view's width in steps, the spike is at its step and as high as the view."""
    page = open_page(f"{up.server}/r/{long_run}?m=flat")
    for half in (3, 10, 97, 640, 2_000, 6_000):
        lo, hi = SPIKE - half, SPIKE + half
        page.goto(f"{up.server}/r/{long_run}?m=flat&lo={lo}&hi={hi}")
        _plot(page, "flat")
        tops = heights(page, "flat", _colour(page))
        peak = min((top, x) for x, top in enumerate(tops) if not math.isnan(top))
        assert peak[0] < 0.2, f"the spike is missing in {lo} to {hi}"
        high = [x for x, top in enumerate(tops) if top < peak[0] + 0.02]
        assert abs(sum(high) / len(high) / len(tops) - 0.5) < 3 / len(tops)


def test_nan_is_marked_where_it_is_and_counted(up: Pipeline, long_run: str, open_page: Callable[..., Page]) -> None:
    """Three NaN: a mark on the lower edge at their step, the count under the chart, the first step in the tip."""
    page = open_page(f"{up.server}/r/{long_run}?m=loss")
    plot = _plot(page, "loss")
    expect(_note(page, "loss")).to_contain_text("3 NaN")
    reds = heights(page, "loss", "--bad")
    marked = [x for x, top in enumerate(reds) if top > 0.9]
    assert marked
    assert abs(sum(marked) / len(marked) / len(reds) - FIRST_NAN / (POINTS - 1)) < 3 / len(reds)
    over = plot.locator(".u-over")
    box = over.bounding_box()
    assert box
    over.hover(position={"x": box["width"] * FIRST_NAN / (POINTS - 1), "y": box["height"] / 2})
    expect(page.locator(".tip:visible")).to_contain_text("3 NaN, first at step 15,000")


def test_a_lone_point_is_seen(up: Pipeline, long_run: str, open_page: Callable[..., Page]) -> None:
    """A metric that was logged once is a dot in the middle of the run."""
    page = open_page(f"{up.server}/r/{long_run}")
    _plot(page, "once")
    _plot(page, "loss")
    tops = heights(page, "once", _colour(page))
    dot = [x for x, top in enumerate(tops) if not math.isnan(top)]
    assert 3 <= len(dot) <= 8
    assert abs(sum(dot) / len(dot) / len(tops) - 0.5) < 3 / len(tops)


def test_zoom_goes_to_the_address_and_stays_through_a_reload(
    up: Pipeline, long_run: str, open_page: Callable[..., Page]
) -> None:
    """Dragging over one chart zooms all; the address says so; reload keeps it; back and double click undo it."""
    page = open_page(f"{up.server}/r/{long_run}")
    over = _plot(page, "loss").locator(".u-over")
    box = over.bounding_box()
    assert box
    page.mouse.move(box["x"] + box["width"] * 0.25, box["y"] + 40)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.5, box["y"] + 60, steps=4)
    page.mouse.up()
    expect(page).to_have_url(re.compile(r"[?&]lo=\d+&hi=\d+"))
    lo, hi = (int(found) for found in re.findall(r"(?:lo|hi)=(\d+)", page.url))
    assert lo == pytest.approx(POINTS / 4, abs=POINTS / 50)
    assert hi == pytest.approx(POINTS / 2, abs=POINTS / 50)
    view = re.compile(f"steps {lo:,} to {hi:,}")
    expect(_plot(page, "loss")).to_have_attribute("aria-label", view)
    expect(_plot(page, "flat")).to_have_attribute("aria-label", view)
    page.reload()
    expect(_plot(page, "loss")).to_have_attribute("aria-label", view)
    page.go_back()
    expect(_plot(page, "loss")).to_have_attribute("aria-label", re.compile(f"steps 0 to {POINTS - 1:,}"))
    page.go_forward()
    expect(_plot(page, "loss")).to_have_attribute("aria-label", view)
    _plot(page, "loss").locator(".u-over").dblclick()
    expect(_plot(page, "loss")).to_have_attribute("aria-label", re.compile(f"steps 0 to {POINTS - 1:,}"))
    assert "lo=" not in page.url


def test_a_step_appears_without_a_reload_and_leaves_the_zoom_alone(
    up: Pipeline, live_run: runwire.Run, open_page: Callable[..., Page]
) -> None:
    """What is logged while one looks is drawn; a view that was zoomed in keeps its edges meanwhile."""
    page = open_page(f"{up.server}/r/{live_run.id}")
    zoomed = open_page(f"{up.server}/r/{live_run.id}?lo=2&hi=6")
    expect(_note(page, "loss")).to_contain_text("to step 9")
    expect(_plot(zoomed, "loss")).to_have_attribute("aria-label", re.compile("steps 2 to 6"))
    live_run.log({"loss": 0.5, "late": 1.0}, step=25)
    expect(_note(page, "loss")).to_contain_text("11 points")
    expect(_note(page, "loss")).to_contain_text("to step 25")
    expect(_plot(page, "loss")).to_have_attribute("aria-label", re.compile("steps 0 to 25"))
    expect(_plot(page, "late")).to_be_visible()
    expect(_note(zoomed, "loss")).to_contain_text("to step 25")
    expect(_plot(zoomed, "loss")).to_have_attribute("aria-label", re.compile("steps 2 to 6"))


def test_all_charts_in_view_are_asked_for_at_once(up: Pipeline, long_run: str, open_page: Callable[..., Page]) -> None:
    """The three charts of a page that opens take one request for curves."""
    page = open_page(f"{up.server}/alerts")
    asked = []
    page.on("request", lambda request: asked.append(request.post_data) if "/api/series" in request.url else None)
    page.goto(f"{up.server}/r/{long_run}")
    for metric in ("flat", "loss", "once"):
        _plot(page, metric)
    assert len(asked) == 1


def test_both_themes_draw_with_their_own_colours(up: Pipeline, long_run: str, open_page: Callable[..., Page]) -> None:
    """The line is drawn in the colour that the style sheet gives it, after the system's theme and after a change."""
    for scheme in ("light", "dark"):
        page = open_page(f"{up.server}/r/{long_run}?m=loss", color_scheme=scheme)
        _plot(page, "loss")
        assert any(not math.isnan(top) for top in heights(page, "loss", _colour(page)))
        page.get_by_role("button", name=re.compile("Colours")).click()
        if scheme == "light":
            page.get_by_role("button", name=re.compile("Colours")).click()
        assert any(not math.isnan(top) for top in heights(page, "loss", _colour(page)))
