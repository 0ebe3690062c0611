"""What is really on a canvas."""

from __future__ import annotations

import math

from playwright.sync_api import Page

#: Where, in canvas pixels, the plotting area of a chart lies, and which of its pixels are not empty.
_PIXELS = """
(plot) => {
    const canvas = plot.querySelector("canvas"), over = plot.querySelector(".u-over");
    const [outer, inner] = [canvas.getBoundingClientRect(), over.getBoundingClientRect()];
    const ratio = canvas.width / outer.width;
    const box = [inner.left - outer.left, inner.top - outer.top, inner.width, inner.height]
        .map((x) => Math.round(x * ratio));
    const { data } = canvas.getContext("2d").getImageData(...box);
    const [width, height] = [box[2], box[3]];
    const wanted = COLOUR;
    const near = (i) => data[i + 3] > 120 && wanted.every((c, k) => Math.abs(data[i + k] - c) < 40);
    return Array.from({ length: width }, (_, x) => {
        let top = null;
        for (let y = 0; y < height && top === null; y++) if (near((y * width + x) * 4)) top = y / height;
        return top;
    });
}
"""


def heights(page: Page, metric: str, colour: str) -> list[float]:
    """For each column of canvas pixels in a metric's chart, where the topmost pixel of ``colour`` is.

    0 is the upper edge and 1 the lower; NaN where the column has none. ``colour`` is a name of the style sheet, such as
    ``--bad``.
    """
    rgb = page.evaluate(
        """(name) => getComputedStyle(document.documentElement).getPropertyValue(name).match(/[0-9.]+/g).slice(0, 3)
                       .map(Number)""",
        colour,
    )
    found = page.locator(f'.plot[data-metric="{metric}"]').evaluate(_PIXELS.replace("COLOUR", str(rgb)))
    return [math.nan if top is None else top for top in found]
