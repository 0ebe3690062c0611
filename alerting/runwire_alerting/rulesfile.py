"""The part ``rules`` of a file, read with the line of each mistake."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from runwire.wire import RuleSet
from runwire_alerting.declarations import Declaration
from runwire_alerting.errors import DeclarationError
from runwire_alerting.rules import KINDS
from runwire_alerting.yaml_file import YamlFile

#: The other parts of the same file are read by whoever goes by them.
_PARTS = ("rules", "routes", "notifiers")


def read(text: str, source: str) -> list[Declaration]:
    """Return the rules that a file declares, checked.

    Args:
        text: what the file holds.
        source: what to call it in errors.

    Raises:
        DeclarationError: something in it is not what it must be; the message names every place by line, and why.
    """
    file = YamlFile(Path(source), text)
    wrong = [file.fault((key,), "expected rules, routes or notifiers") for key in file.data if key not in _PARTS]
    given = file.data.get("rules") or []
    if not isinstance(given, list):
        raise DeclarationError(file.fault(("rules",), "expected a list of rules"))
    found: list[Declaration] = []
    lines: dict[str, int] = {}
    for index, one in enumerate(given):
        at = file.line(("rules", index))
        problems = _problems(one, found)
        if not problems and (name := found[-1].name) in lines:
            problems = [((), f"there is a rule of this name in line {lines[name]}")]
        elif not problems:
            lines[name] = at
        wrong += (
            f"{source}:{file.line(('rules', index, *where))}: {_place(one, index, where)}: {why}"
            for where, why in problems
        )
    if wrong:
        raise DeclarationError("\n".join(wrong))
    return found


def taken(rules: RuleSet) -> list[Declaration]:
    """Return what was applied.

    Raises:
        DeclarationError: this program does not know all of it; whoever applied it may have had a newer one.
    """
    found: list[Declaration] = []
    wrong = [
        f"{_place(given, index, where)}: {why}"
        for index, given in enumerate(rules.rules)
        for where, why in _problems(given, found)
    ]
    if wrong:
        raise DeclarationError("\n".join(wrong))
    return found


def _check(declaration: Declaration) -> list[tuple[tuple[Any, ...], str]]:
    """Return what is wrong with a declaration's kind and its params: where, and why."""
    kind = KINDS.get(declaration.judges)
    if kind is None:
        return [(("kind",), f"there is no kind {declaration.judges!r}, only {', '.join(sorted(KINDS))}")]
    if declaration.name in KINDS and declaration.judges != declaration.name:
        return [(("kind",), f"{declaration.name} is a kind itself: give this rule another name")]
    if kind.picky and not declaration.where.metric:
        return [((), f"say which metric it judges, as where: {{metric: '*/loss'}}: of {kind.name} there is no telling")]
    try:
        kind.Params(**declaration.params)
    except ValidationError as error:
        return [(("params", *each["loc"]), _why(each)) for each in error.errors()]
    return []


def _problems(given: Any, found: list[Declaration]) -> list[tuple[tuple[Any, ...], str]]:
    """Add the declaration to ``found`` if it is one, else return what is wrong."""
    if not isinstance(given, Mapping):
        return [((), "expected a rule with a name")]
    try:
        declaration = Declaration(**given)
    except ValidationError as error:
        return [(each["loc"], _why(each)) for each in error.errors()]
    except TypeError:
        return [((), "the names of a rule's parts are words")]
    wrong = _check(declaration)
    if not wrong:
        found.append(declaration)
    return wrong


def _why(error: Any) -> str:
    told = str(error["msg"]).removeprefix("Value error, ")
    return "there is no such setting" if error["type"] == "extra_forbidden" else told


def _place(given: Any, index: int, where: tuple[Any, ...]) -> str:
    name = given.get("name") if isinstance(given, Mapping) else None
    inner = ".".join(str(part) for part in where)
    return f"{name or f'rule {index + 1}'}{f': {inner}' if inner else ''}"
