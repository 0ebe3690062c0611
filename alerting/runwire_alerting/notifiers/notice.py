"""What people are told of an alert: a title, and a body as plain text, as Markdown and as HTML.

Names, texts and console lines come from whoever trains. They are cut, freed of what would steer a terminal or turn the
order of letters around, and escaped for each format.
"""

from __future__ import annotations

import html
import re
from dataclasses import dataclass
from datetime import datetime, timezone
from urllib.parse import quote

from runwire.wire import Alert
from runwire_alerting.notifiers.actions import WORDS, Action, action

TITLE_MAX = 199
_TEXT_MAX = 4000
_LINES_MAX, _CONSOLE_LINES_MAX = 40, 20
_LINE_MAX = 500

#: What turns the order of letters around (Unicode, UAX #9); other invisible characters belong to scripts and emoji.
_BIDI = dict.fromkeys(map(ord, "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"))
#: Control characters (Unicode's category Cc) but the line's end and the tab, and halves of surrogates.
_UNPRINTABLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")
_BREAKS = dict.fromkeys(map(ord, "\r\v\f\x1c\x1d\x1e\x85\u2028\u2029"), "\n")
#: Backslashes before these are CommonMark's escape.
_MARKDOWN = re.compile(r"([\\`*_{}\[\]()#+!|<>~&])")
#: What calls everybody on Slack, Discord and Teams, wherever it stands.
_CALLS = re.compile(r"(?<=@)(?=(?:everyone|here|channel|all)\b)|(?<=<)(?=!)", re.IGNORECASE)


#: A sentence, or lines that stand as they are.
_Part = str | list[str]
_Facts = list[tuple[str, str]]


@dataclass(frozen=True)
class Notice:
    """One telling of one state of an alert.

    Attributes:
        key: the idempotency key: the same whenever this telling is tried, and no other's.
        title: one line below 200 characters.
        text: what the rule says, as plain text.
        plain, markdown, html: all of it, the title left out.
        action: what is to be done.
        url: the run's page; None if it is not known where that is.
        plot: a PNG of the metric around what happened; None if there is nothing to show.
    """

    key: str
    alert: Alert
    title: str
    text: str
    plain: str
    markdown: str
    html: str
    action: Action
    url: str | None
    plot: bytes | None


def compose(alert: Alert, server_url: str | None = None, repeat: int = 0, plot: bytes | None = None) -> Notice:
    """Return the notice of an alert's present state.

    Args:
        alert: the alert.
        server_url: where the page is; None for no link.
        repeat: 0 when it is told at first, then counts up.
        plot: a PNG.
    """
    key = alert.notice + (f"-{repeat}" if repeat else "")
    before = "Resolved: " if alert.state == "resolved" else "Still: " if repeat else ""
    title = cut(" ".join(clean(before + alert.title).split()), TITLE_MAX)
    text = clean(alert.text)
    todo = action(alert.kind or alert.rule, alert.state)
    url = f"{server_url.rstrip('/')}/r/{quote(alert.run, safe='')}" if server_url and alert.run else None
    parts = _parts(text, alert)
    facts = [
        ("Since", _time(alert.caused_at or alert.fired_at)),
        ("Until", _time(alert.resolved_at) if alert.resolved_at is not None else ""),
        ("Severity", f"{alert.severity}, by the rule {alert.rule}"),
        ("Ranks", alert.ranks if alert.ranks != str(alert.rank) else ""),
        ("Followed by", _followers(alert)),
        ("To do", WORDS[todo]),
        ("Page", url or ""),
    ]
    facts = [(label, cut(clean(words), _LINE_MAX)) for label, words in facts if words]
    return Notice(
        key=key,
        alert=alert,
        title=title,
        text=text,
        plain=_plain(parts, facts),
        markdown=_markdown(parts, facts),
        html=_html(parts, facts),
        action=todo,
        url=url,
        plot=plot,
    )


def clean(text: str) -> str:
    """Return a text with nothing in it that is no letter, mark, sign, blank or line's end."""
    return _UNPRINTABLE.sub("", text.translate(_BREAKS).translate(_BIDI))


def tame(text: str) -> str:
    """Return a text that calls nobody."""
    return _CALLS.sub("\u200b", text)


def escaped(text: str, form: str) -> str:
    """Return a text so that it means itself in a format: "html", "markdown", or plain."""
    return html.escape(text) if form == "html" else _escaped(text) if form == "markdown" else tame(text)


def cut(text: str, size: int) -> str:
    """Return the beginning of a text, of at most so many characters."""
    return text if len(text) <= size else text[: size - 1].rstrip() + "…"


def _parts(text: str, alert: Alert) -> list[_Part]:
    """Return what a rule says, and what the process printed: sentences, and lines that stand as they are."""
    head, *lines = text.split("\n")
    over = lines.pop() if alert.state == "resolved" and lines and lines[-1].startswith("Resolved: ") else ""
    parts: list[_Part] = [cut(head, _TEXT_MAX), _last(lines, _LINES_MAX), cut(over, _LINE_MAX)]
    if alert.state == "firing" and alert.console:
        parts += ["It printed last:", _last([clean(line) for line in alert.console], _CONSOLE_LINES_MAX)]
    return [part for part in parts if part]


def _followers(alert: Alert) -> str:
    """Return what came of it elsewhere, which is told with it and not by itself."""
    told = []
    for one in alert.cascade:
        where = f" of {one.get('run')}" if one.get("run") != alert.run else ""
        told.append(f"{one.get('rule')} on rank {one.get('ranks')}{where}")
    return "; ".join(told)


def _last(lines: list[str], count: int) -> list[str]:
    """Return the last of these lines: of a traceback the end says what happened."""
    kept: list[str] = []
    size = 0
    for line in reversed(lines):
        short = cut(line, _LINE_MAX)
        size += len(short) + 1
        if size > _TEXT_MAX or len(kept) == count:
            kept.append("…")
            break
        kept.append(short)
    return kept[::-1]


def _plain(parts: list[_Part], facts: _Facts) -> str:
    said = ["\n".join(part) if isinstance(part, list) else part for part in parts]
    return "\n".join([*said, "", *(f"{label}: {words}" for label, words in facts)])


def _markdown(parts: list[_Part], facts: _Facts) -> str:
    said = [_fenced(part) if isinstance(part, list) else _escaped(part) for part in parts]
    said.append("\n".join(f"- **{label}:** {words if label == 'Page' else _escaped(words)}" for label, words in facts))
    return "\n\n".join(said)


def _fenced(lines: list[str]) -> str:
    text = tame("\n".join(lines))
    # A fence is longer than any within (CommonMark 0.31.2, 4.5).
    fence = "`" * max(3, 1 + max(map(len, re.findall("`+", text)), default=0))
    return f"{fence}\n{text}\n{fence}"


def _html(parts: list[_Part], facts: _Facts) -> str:
    said = [
        f"<pre>{html.escape(chr(10).join(part))}</pre>" if isinstance(part, list) else f"<p>{html.escape(part)}</p>"
        for part in parts
    ]
    rows = []
    for label, words in facts:
        safe = html.escape(words)
        rows.append(f"<b>{label}:</b> " + (f'<a href="{safe}">{safe}</a>' if label == "Page" else safe))
    return "\n".join([*said, f"<p>{'<br>'.join(rows)}</p>"])


def _escaped(text: str) -> str:
    return tame(_MARKDOWN.sub(r"\\\1", text))


def _time(ts: int) -> str:
    try:
        return datetime.fromtimestamp(ts / 1_000_000, timezone.utc).strftime("%Y-%m-%d %H:%M:%S UTC")
    except (OverflowError, OSError, ValueError):  # a host's clock may say anything
        return f"{ts} µs after 1970"
