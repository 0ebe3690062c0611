"""What people are told: titles, bodies in three formats, the picture; whatever a run's name and texts hold."""

from __future__ import annotations

import asyncio
import io
import math
import unicodedata
from html.parser import HTMLParser
from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from notices import alert, resolved
from PIL import Image

from runwire.wire import Alert
from runwire_alerting.notifiers import plot
from runwire_alerting.notifiers.actions import _OF_KIND, WORDS, Action
from runwire_alerting.notifiers.notice import TITLE_MAX, compose
from runwire_alerting.rules import KINDS

#: 2026-01-15 08:00:00 UTC
MORNING = 1_768_464_000_000_000
TRACEBACK = "\n".join(["Traceback (most recent call last):", *(f"  line {n}" for n in range(60)), "ValueError: no"])
ANY = st.text(st.characters(codec=None, exclude_categories=()), max_size=400)


class Text(HTMLParser):
    """What a browser would show of HTML, and which elements it is made of."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.shown = ""

    def handle_starttag(self, tag: str, _attrs: object) -> None:
        self.tags.add(tag)

    def handle_data(self, data: str) -> None:
        self.shown += data


def test_it_says_who_what_since_when_and_what_to_do() -> None:
    """The whole of a notice as plain text, Markdown and HTML."""
    told = compose(
        alert(fired_at=MORNING + 1, caused_at=MORNING, console=["step 6", "step 7 loss nan"]), "http://runwire.lab/"
    )
    assert told.title == "bold-mlp: train/loss is NaN at step 7"
    assert told.plain == (
        "bold-mlp (run) of digits, rank 0 on node-1: train/loss is NaN at step 7.\n"
        "It printed last:\n"
        "step 6\n"
        "step 7 loss nan\n"
        "\n"
        "Since: 2026-01-15 08:00:00 UTC\n"
        "Severity: critical, by the rule nonfinite\n"
        "To do: Stop the run and go on from the last checkpoint before this step, without the data around it.\n"
        "Page: http://runwire.lab/r/run-0"
    )
    assert told.markdown == (
        "bold-mlp \\(run\\) of digits, rank 0 on node-1: train/loss is NaN at step 7.\n"
        "\n"
        "It printed last:\n"
        "\n"
        "```\n"
        "step 6\n"
        "step 7 loss nan\n"
        "```\n"
        "\n"
        "- **Since:** 2026-01-15 08:00:00 UTC\n"
        "- **Severity:** critical, by the rule nonfinite\n"
        "- **To do:** Stop the run and go on from the last checkpoint before this step, without the data around it.\n"
        "- **Page:** http://runwire.lab/r/run-0"
    )
    assert told.html == (
        "<p>bold-mlp (run) of digits, rank 0 on node-1: train/loss is NaN at step 7.</p>\n"
        "<p>It printed last:</p>\n"
        "<pre>step 6\nstep 7 loss nan</pre>\n"
        "<p><b>Since:</b> 2026-01-15 08:00:00 UTC<br>"
        "<b>Severity:</b> critical, by the rule nonfinite<br>"
        "<b>To do:</b> Stop the run and go on from the last checkpoint before this step, "
        "without the data around it.<br>"
        '<b>Page:</b> <a href="http://runwire.lab/r/run-0">http://runwire.lab/r/run-0</a></p>'
    )


def test_it_says_to_how_many_ranks_it_happened_and_what_followed() -> None:
    """One notice for all: the ranks, and the alerts that are explained by it, of this run and of others."""
    cascade = [
        {"id": "1", "rule": "stalled", "run": "run-0", "ranks": "1-7", "caused_at": 1},
        {"id": "2", "rule": "host_lost", "run": "other", "ranks": "0", "caused_at": 1},
    ]
    plain = compose(alert(ranks="0-511", cascade=cascade)).plain
    assert "Ranks: 0-511\n" in plain
    assert "Followed by: stalled on rank 1-7; host_lost on rank 0 of other\n" in plain
    assert "Ranks" not in compose(alert(ranks="0")).plain


def test_one_that_is_over_says_since_when_until_when_and_why() -> None:
    """A resolved notice says why, in a sentence of its own, and that nothing is to be done."""
    told = compose(resolved(alert(text="It crashed.\nValueError: no", fired_at=MORNING)))
    assert told.title.startswith("Resolved: bold-mlp")
    assert "<pre>ValueError: no</pre>\n<p>Resolved: it is well.</p>" in told.html
    assert "Until: " in told.plain
    assert "To do: Nothing is to be done." in told.plain


def test_a_long_traceback_keeps_its_end() -> None:
    """Of sixty lines forty are told: the last ones, with a mark that there were more."""
    told = compose(alert(text=f"It crashed.\n{TRACEBACK}"))
    lines = told.plain.splitlines()
    assert lines[:2] == ["It crashed.", "…"]
    assert lines[41] == "ValueError: no"
    assert "line 20" not in told.plain


def test_each_telling_has_a_key_of_its_own() -> None:
    """Firing, its repeats and its end are told apart, and each is the same whenever it is tried."""
    first = alert(3)
    keys = [compose(told, repeat=repeat).key for told, repeat in ((first, 0), (first, 1), (first, 2))]
    assert [*keys, compose(resolved(first)).key] == [
        f"{3:016x}-1-firing", f"{3:016x}-1-firing-1", f"{3:016x}-1-firing-2", f"{3:016x}-1-resolved"
    ]  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(title=ANY, text=ANY, name=ANY, lines=st.lists(ANY, max_size=3))
def test_whatever_a_run_is_called_steers_nothing_and_is_markup_nowhere(
    title: str, text: str, name: str, lines: list[str]
) -> None:
    """Any characters at all: no control or direction characters, a short title, and in HTML only our own elements."""
    told = compose(alert(title=title, text=text, name=name, console=lines))
    assert len(told.title) <= TITLE_MAX
    assert "\n" not in told.title
    for body in (told.title, told.text, told.plain, told.markdown, told.html):
        body.encode()
        assert not [letter for letter in body if unicodedata.bidirectional(letter) in _STEER]
        assert not [letter for letter in body if unicodedata.category(letter) == "Cc" and letter not in "\n\t"]
    shown = Text()
    shown.feed(told.html)
    assert shown.tags <= {"p", "pre", "b", "br"}


_STEER = {"LRE", "LRO", "RLE", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}


def test_what_turns_the_order_of_letters_around_is_gone() -> None:
    """A name that reads from right to left would let a notice say what it does not; an emoji's joiner stays."""
    evil = "".join(map(chr, [0x61C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A), 0x1B, 0x7F, 0x9B]))
    told = compose(alert(title=f"a{evil}b", text=f"a{evil}b", console=[f"a{evil}b\u200d"]))
    assert (told.title, told.text) == ("ab", "ab")
    assert "\nab\u200d\n" in told.plain
    for body in (told.plain, told.markdown, told.html):
        assert not set(body) & set(evil)


@settings(max_examples=100, deadline=None)
@given(text=st.text("ab`*_[]()<>!#|~\\&@-.1 \n", max_size=60), lines=st.lists(st.text("`a <", max_size=9), max_size=3))
def test_markdown_has_no_element_that_a_run_wrote(text: str, lines: list[str]) -> None:
    """What a Markdown reader makes of it: paragraphs, code and our own list, whatever the texts hold."""
    told = compose(alert(text=f"It is {text}", console=lines))
    kinds = {token.type for token in MarkdownIt("commonmark").parse(told.markdown)}
    inner = {child.type for token in MarkdownIt("commonmark").parse(told.markdown) for child in token.children or ()}
    assert inner <= {"text", "text_special", "softbreak", "hardbreak", "strong_open", "strong_close"}
    assert {kind.removesuffix("_open").removesuffix("_close") for kind in kinds} <= {
        "paragraph", "inline", "fence", "bullet_list", "list_item"
    }  # fmt: skip


@pytest.mark.parametrize("call", ["@everyone", "@here", "@channel", "<!channel>", "<!here|here>"])
def test_a_run_calls_nobody(call: str) -> None:
    """What would call everybody in a chat room is broken up."""
    told = compose(alert(title=call, text=f"{call}\n{call}", console=[call]))
    assert call not in told.markdown


def test_a_huge_text_becomes_a_notice_of_some_kilobytes() -> None:
    """A megabyte of one line and of many lines."""
    for text in ("x" * 1_000_000, "x\n" * 500_000, f"a\n{'y' * 1_000_000}"):
        told = compose(alert(title=text, text=text, console=[text]))
        assert len(told.title) <= TITLE_MAX
        assert max(map(len, (told.plain, told.markdown, told.html))) < 20_000


def test_a_rule_of_its_own_name_says_what_to_do_as_its_kind_does() -> None:
    """Whoever renames a rule, to have two of a kind, still gets its action; an alert of before has no kind."""
    for about in ({"rule": "nan-in-production", "kind": "nonfinite"}, {"rule": "nonfinite"}):
        assert compose(alert(**about)).action == "roll_back"
    assert compose(alert(rule="mine", kind="of a newer version")).action == "look"


def test_every_action_has_words_and_every_rule_one_of_them() -> None:
    """The list is closed."""
    assert WORDS.keys() == set(get_args(Action))
    assert set(_OF_KIND.values()) == WORDS.keys()
    assert KINDS.keys() <= _OF_KIND.keys()


@settings(max_examples=60, deadline=None)
@given(
    values=st.lists(st.floats(allow_nan=True, allow_infinity=True), min_size=1, max_size=11),
    first=st.integers(-(2**63), 2**63 - 20),
    label=st.text(max_size=80),
)
def test_any_course_is_drawn_in_a_small_picture_or_not_at_all(values: list[float], first: int, label: str) -> None:
    """Any doubles at any steps: a PNG below 20 kB; nothing where fewer than two are finite."""
    drawn = plot.draw(tuple((first + index, value) for index, value in enumerate(values)), label)
    if sum(map(math.isfinite, values)) < 2:
        assert drawn is None
    else:
        assert drawn is not None
        assert len(drawn) <= plot.BYTES_MAX
        assert Image.open(io.BytesIO(drawn)).size == (480, 200)


def test_what_the_alert_is_about_is_marked_red() -> None:
    """A NaN has no place on the axis: a red line stands at its step, right of all that came before."""
    drawn = plot.draw(((1, 2.0), (2, 1.0), (3, math.nan)), "loss")
    assert drawn is not None
    picture = Image.open(io.BytesIO(drawn)).convert("RGB")
    red = [
        x for x in range(480) for y in range(200)
        if (pixel := picture.getpixel((x, y)))[0] > 150 and max(pixel[1:]) < 100  # type: ignore[index]
    ]  # fmt: skip
    assert len(red) > 100
    assert min(red) > 450


def test_one_alert_has_one_picture_and_a_burst_of_them_few() -> None:
    """Eight who are told of one alert all get its picture; of eight alerts at a time two are drawn."""

    async def play(alerts: list[Alert]) -> list[bytes | None]:
        plots = plot.Plots()
        return await asyncio.gather(*(plots.of(one) for one in alerts))

    same = asyncio.run(play([alert()] * 8))
    assert None not in same
    assert len(set(same)) == 1
    many = asyncio.run(play([alert(before=[(1, float(number)), (2, 0.5)]) for number in range(8)]))
    assert many.count(None) == 8 - plot.DRAWN_MAX
