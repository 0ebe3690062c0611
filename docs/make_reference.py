"""`make reference`: writes docs/reference.md from the signatures and docstrings of the SDK's public names, and
docs/rules.md from those of the rules.
"""

from __future__ import annotations

import enum
import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import griffe

import runwire
from runwire._facts import Config, Summary
from runwire_server import catalogue

PAGE = Path(__file__).with_name("reference.md")
#: Classes whose instances the SDK makes, so nobody needs to know from what.
MADE = {"Run", "Config", "Summary"}
_WIDTH = 100
_BEGIN = """\
# Reference of the SDK

What `import runwire` gives, and what each name takes, returns and raises. How they go together is in
[sdk.md](sdk.md). This page is written by `make reference`, from the code.
"""


def public() -> dict[str, Any]:
    """Return the SDK's public functions and classes, and the methods and properties of these, by name."""
    named = {name: getattr(runwire, name) for name in runwire.__all__}
    functions = {name: one for name, one in named.items() if inspect.isfunction(one)}
    classes = {name: one for name, one in named.items() if inspect.isclass(one)}
    classes |= {"Config": Config, "Summary": Summary}  # what run.config and run.summary are
    classes |= {f"errors.{name}": one for name, one in vars(runwire.errors).items() if inspect.isclass(one)}
    found = dict(functions)
    for name, one in classes.items():
        found[name] = one
        found |= {f"{name}.{member}": method for member, method in _members(one)}
    return found


def sections(one: Any) -> dict[str, list[Any]]:
    """Return the sections of a docstring: the texts under "text", and under "parameters", "raises", … their items."""
    found: dict[str, list[Any]] = {}
    docstring = griffe.Docstring(inspect.getdoc(one) or "")
    for section in docstring.parse("google", warnings=False):
        found.setdefault(section.kind.value, []).extend([section] if section.kind.value == "text" else section.value)
    return found


def page() -> str:
    """Return the whole page."""
    parts = [_BEGIN]
    for name, one in public().items():
        kind = "###" if "." in name.removeprefix("errors.") else "##"
        parts += [f"{kind} {name}\n", *_described(name, one)]
    return "\n".join(parts)


def _members(kind: type) -> Iterator[tuple[str, Any]]:
    """Yield what a class of ours, or one of ours that it is derived from, defines for its users."""
    found: dict[str, Any] = {}
    for base in reversed(kind.__mro__):
        if base.__module__.partition(".")[0] == "runwire":
            found |= vars(base)
    for name, one in found.items():
        method = getattr(one, "__func__", one)
        if not name.startswith("_") and (inspect.isfunction(method) or isinstance(method, property)):
            yield name, method


def _described(name: str, one: Any) -> Iterator[str]:
    """Yield a name's signature and docstring as Markdown."""
    if isinstance(one, property):
        yield f"`{name}`: `{inspect.get_annotations(one.fget)['return']}`\n"  # type: ignore[arg-type]
    elif name not in MADE and not (inspect.isclass(one) and issubclass(one, (enum.Enum, Exception))):
        yield f"```python\n{_signature(name, one)}\n```\n"
    found = sections(one)
    for section in found.pop("text", []):
        yield f"{_markdown(section.value)}\n"
    if inspect.isclass(one) and issubclass(one, enum.Enum):
        yield f"One of {', '.join(f'`{member.name}`' for member in one)}.\n"
    for kind, items in found.items():
        title = {"parameters": "Takes", "returns": "Returns", "yields": "Gives", "raises": "Raises"}
        yield f"{title.get(kind, kind.capitalize())}:\n"
        for item in items:
            label = getattr(item, "name", "") or (kind == "raises" and item.annotation) or ""
            yield f"- {f'`{label}`: ' if label else ''}{_markdown(item.description).replace(chr(10), ' ')}"
        yield ""


def _signature(name: str, one: Any) -> str:
    told = inspect.signature(one)
    parameters, before = [], None
    for parameter in told.parameters.values():
        if parameter.name == "self":
            continue
        if before is parameter.POSITIONAL_ONLY and parameter.kind is not before:
            parameters.append("/")
        if parameter.kind is parameter.KEYWORD_ONLY and before not in (parameter.kind, parameter.VAR_POSITIONAL):
            parameters.append("*")
        before = parameter.kind
        parameters.append(_parameter(parameter))
    gives = "" if inspect.isclass(one) else f" -> {told.return_annotation}"
    line = f"{name}({', '.join(parameters)}){gives}"
    if len(line) <= _WIDTH:
        return line
    return "\n".join([f"{name}(", *(f"    {parameter}," for parameter in parameters), f"){gives}"])


def _parameter(parameter: inspect.Parameter) -> str:
    stars = {parameter.VAR_POSITIONAL: "*", parameter.VAR_KEYWORD: "**"}.get(parameter.kind, "")
    default = parameter.default
    told = "" if default is parameter.empty else f" = {default if isinstance(default, enum.Enum) else repr(default)}"
    return f"{stars}{parameter.name}: {parameter.annotation}{told}"


def _markdown(text: str) -> str:
    """Return a docstring's text as Markdown: its literal blocks as fenced Python, its code marks as such."""
    lines: list[str] = []
    block = False
    for line in text.splitlines():
        if block and line.strip() and not line.startswith("    "):
            while not lines[-1]:
                lines.pop()
            lines += ["```", ""]
            block = False
        if not block and line.strip() == "::":
            lines.append("```python")
            block = True
        elif block:
            if line.strip() or lines[-1] != "```python":
                lines.append(line[4:])
        else:
            lines.append(re.sub(r"``(.+?)``", r"`\1`", line))
    if block:
        lines.append("```")
    return "\n".join(lines)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    PAGE.with_name("rules.md").write_text(catalogue.page(), encoding="utf-8")
