"""A small picture of a metric around what an alert is about.

Drawn by Pillow, at twice its size and then made smaller, which smooths the lines. Its import takes 28 ms and 5 MB in
this process, where matplotlib's takes a second and 54 MB.
"""

from __future__ import annotations

import asyncio
import io
import math
from functools import lru_cache

from PIL import Image, ImageDraw, ImageFont

from runwire.wire import Alert

#: A notice does not wait longer for its picture.
SECONDS_MAX = 0.2
BYTES_MAX = 20_000
#: So many pictures are drawn at a time.
DRAWN_MAX = 2
_WIDTH, _HEIGHT, _SCALE = 480, 200, 2
_LEFT, _RIGHT, _TOP, _BOTTOM = 70, 16, 26, 24
_INK, _GRID, _LINE, _MARK = "#222222", "#dddddd", "#1f5fb4", "#c62828"

Points = tuple[tuple[int, float], ...]


class Plots:
    """Draws in threads, a few pictures at a time: in a burst of alerts notices go without, rather than late."""

    def __init__(self) -> None:
        self._drawn: dict[Points, asyncio.Future[bytes | None]] = {}

    async def of(self, alert: Alert) -> bytes | None:
        """Return a PNG of an alert's metric; None if it has none, if others are drawn, or if it takes too long."""
        points = course(alert)
        if len(points) < 2:
            return None
        drawn = self._drawn.get(points)  # several receivers take one picture
        if drawn is None:
            if len(self._drawn) >= DRAWN_MAX:
                return None
            drawn = asyncio.get_running_loop().run_in_executor(None, draw, points, alert.metric)
            self._drawn[points] = drawn
            drawn.add_done_callback(lambda _: self._drawn.pop(points))
        try:
            return await asyncio.wait_for(asyncio.shield(drawn), SECONDS_MAX)
        except asyncio.TimeoutError:
            return None


def course(alert: Alert) -> Points:
    """Return what is known of the course of an alert's metric, by rising step; nothing if it is about none."""
    if alert.step is None or alert.value is None:
        return ()
    return (*((step, value) for step, value in alert.before), (alert.step, alert.value))


@lru_cache(maxsize=64)  # several tries take one picture
def draw(points: Points, label: str) -> bytes | None:
    """Return a PNG of at most 20 kB: a metric's course, and in red where it ends, which is what the alert is about.

    Args:
        points: (step, value), by rising step; non-finite values have no place on the axis, only their step is shown.
        label: what is written above it.

    Returns:
        None where fewer than two values are finite.
    """
    finite = [(step, value) for step, value in points if math.isfinite(value)]
    if len(finite) < 2:
        return None
    steps = [step for step, _ in points]
    first, last = min(steps), max(*steps, min(steps) + 1)
    low, high = min(value for _, value in finite), max(value for _, value in finite)

    def place(step: int, value: float) -> tuple[float, float]:
        # Halves, since the distance of two doubles may be none.
        span = high / 2 - low / 2
        share = (value / 2 - low / 2) / span if span > 0 else 0.5
        x = _LEFT + (step - first) / (last - first) * (_WIDTH - _LEFT - _RIGHT)
        return x * _SCALE, (_HEIGHT - _BOTTOM - share * (_HEIGHT - _TOP - _BOTTOM)) * _SCALE

    image = Image.new("RGB", (_WIDTH * _SCALE, _HEIGHT * _SCALE), "white")
    canvas, font = ImageDraw.Draw(image), ImageFont.load_default(size=12 * _SCALE)

    def write(x: float, y: float, text: str, anchor: str) -> None:
        canvas.text((x, y), text, fill=_INK, font=font, anchor=anchor)

    for value in dict.fromkeys((low, high)):
        y = place(first, value)[1]
        canvas.line([(_LEFT * _SCALE, y), ((_WIDTH - _RIGHT) * _SCALE, y)], fill=_GRID, width=_SCALE)
        write((_LEFT - 6) * _SCALE, y, f"{value:.4g}", "rm")
    floor = (_HEIGHT - _BOTTOM + 4) * _SCALE
    write(_LEFT * _SCALE, floor, f"{first:,}", "la")
    write((_WIDTH - _RIGHT) * _SCALE, floor, f"{last:,}", "ra")
    write(_LEFT * _SCALE, 6 * _SCALE, _printable(label), "la")
    canvas.line([place(step, value) for step, value in finite], fill=_LINE, width=2 * _SCALE, joint="curve")
    for step, value in finite:
        _dot(canvas, place(step, value), _LINE)
    step, value = points[-1]
    x = place(step, low)[0]
    canvas.line([(x, _TOP * _SCALE), (x, (_HEIGHT - _BOTTOM) * _SCALE)], fill=_MARK, width=_SCALE)
    if math.isfinite(value):
        _dot(canvas, place(step, value), _MARK)
    written = io.BytesIO()
    image.reduce(_SCALE).quantize(32, Image.Quantize.FASTOCTREE).save(written, "PNG")
    return written.getvalue() if written.tell() <= BYTES_MAX else None


def _dot(canvas: ImageDraw.ImageDraw, at: tuple[float, float], colour: str) -> None:
    x, y = at
    canvas.ellipse([x - 2 * _SCALE, y - 2 * _SCALE, x + 2 * _SCALE, y + 2 * _SCALE], fill=colour)


def _printable(label: str) -> str:
    """Return a label as one short line."""
    return "".join(letter if letter.isprintable() else " " for letter in label[:60])
