"""The catalogue of rules: each kind as Markdown, from its docstring, its params and what else its class says."""

from __future__ import annotations

import inspect
import re
import textwrap
from collections.abc import Iterator
from difflib import get_close_matches
from typing import Any

from runwire.errors import UsageError
from runwire_alerting.rules import KINDS, Rule

_PARTS = ("Formula", "Source", "False alarms")
_BEGIN = """\
# Rules

Each kind of rule: what it sees, by which formula, where that comes from, what it takes for trouble that is none, and \
what can be set of it. How rules are declared and what becomes of their alerts is in [alerts.md](alerts.md). \
`runwire rules show KIND` prints one of these. This page is written by `make reference`, from the code.

Times are `30s`, `5m`, `2h` in a file and seconds here. A pulse is what a process tells about once a second: of each \
metric how many values were logged, the last, least and largest, and their sum. Kinds that judge a metric's course \
judge losses, by name or as `define_metric(role="loss")` says, or the gradient norms and step times that their \
examples name; `where.metric` names others.
"""


def page() -> str:
    """Return the whole page."""
    names = "\n".join(f"| [`{name}`](#{name}) | {_told(kind)[0][0]} | {_on(kind)} |" for name, kind in KINDS.items())
    parts = [
        _BEGIN,
        f"| kind | what it sees | on |\n|---|---|---|\n{names}\n",
        *(f"## {name}\n\n{one(name)}" for name in KINDS),
    ]
    return "\n".join(parts)


def one(name: str) -> str:
    """Return what there is to say of a kind.

    Raises:
        UsageError: there is none of that name.
    """
    if name not in KINDS:
        near = get_close_matches(name, KINDS, 3) or KINDS
        raise UsageError(f"there is no kind of rule {name!r:.80}, only {', '.join(near)}: see `runwire rules ls`")
    kind = KINDS[name]
    shown = f"```yaml\n{example(name)}```\n"
    return "\n\n".join([*_prose(kind), *_standing(kind), *_params(kind), shown])


def example(name: str) -> str:
    """Return the rules file that a kind's docstring shows."""
    return textwrap.dedent(_told(KINDS[name])[1]) + "\n"


def _told(kind: type[Rule]) -> tuple[list[str], str]:
    """Return a docstring's paragraphs, each in one line of Markdown, and its example."""
    said, _, shown = (inspect.getdoc(kind) or "").partition("\n\nExample::\n\n")
    return [re.sub(r"``(.+?)``", r"`\1`", " ".join(one.split())) for one in said.split("\n\n")], shown


def _prose(kind: type[Rule]) -> Iterator[str]:
    for text in _told(kind)[0]:
        label, colon, rest = text.partition(": ")
        yield f"**{label}.** {rest[:1].upper()}{rest[1:]}" if colon and label in _PARTS else text


def _standing(kind: type[Rule]) -> Iterator[str]:
    yield f"**On.** {_on(kind)[:1].upper()}{_on(kind)[1:]}."
    if kind.follows:
        names = ", ".join(f"[`{name}`](#{name})" for name in sorted(kind.follows))
        yield f"**Explained by.** {names}: what comes within half an hour after one of them in its run is part of it."
    if kind.hostwide:
        yield "**One page a host.** The alerts of all runs on a host are one incident."


def _on(kind: type[Rule]) -> str:
    if not kind.standard:
        return "where it is declared"
    return "by itself, recorded and told to nobody" if kind.observed else "by itself"


def _params(kind: type[Rule]) -> Iterator[str]:
    fields = kind.Params.model_fields
    if fields:
        rows = (f"| `{name}` | {_default(field)} | {field.description} |" for name, field in fields.items())
        yield "\n".join(["| param | default | |", "|---|---|---|", *rows])


def _default(field: Any) -> str:
    if field.is_required():
        return "must be given"
    value = field.default
    return "none" if value is None else f"`{value:g}`" if isinstance(value, float) else f"`{value}`"
