"""A rules file: YAML with a list ``rules``, read with the line of each mistake."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import yaml
from pydantic import ValidationError

from runwire.wire import RuleSet
from runwire_alerting.declarations import Declaration
from runwire_alerting.errors import RulesError
from runwire_alerting.rules import KINDS

#: The other parts of the same file are read by whoever goes by them.
_PARTS = ("rules", "routes", "notifiers")
_PREFIX = "Value error, "


def read(text: str, source: str) -> list[Declaration]:
    """Return the rules that a file declares, checked.

    Args:
        text: what the file holds.
        source: what to call it in errors.

    Raises:
        RulesError: something in it is not what it must be; the message names every place by line, and why.
    """
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
        told = yaml.safe_load(text)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise RulesError([f"{source}:{mark.line + 1 if mark else 1}: {error.problem or error.context}"]) from None
    except yaml.YAMLError as error:
        raise RulesError([f"{source}:1: {error}"]) from None
    if told is None:
        return []
    if not isinstance(told, dict) or not isinstance(told.get("rules", []), list):
        raise RulesError([f"{source}:1: expected `rules:` with a list of rules under it"])
    wrong = [
        f"{source}:{_line(root, (key,))}: {key!s} is none of {', '.join(_PARTS)}" for key in told if key not in _PARTS
    ]
    found: list[Declaration] = []
    lines: dict[str, int] = {}
    for index, given in enumerate(told.get("rules") or []):
        at = _line(root, ("rules", index))
        for where, why in _problems(given, found):
            wrong.append(f"{source}:{_line(root, ('rules', index, *where))}: {_place(given, index, where)}: {why}")
        if found and len(found) > len(lines):
            name = found[-1].name
            if name in lines:
                wrong.append(f"{source}:{at}: {name}: there is a rule of this name in line {lines[name]}")
                found.pop()
            else:
                lines[name] = at
    if wrong:
        raise RulesError(wrong)
    return found


def taken(rules: RuleSet) -> list[Declaration]:
    """Return what was applied.

    Raises:
        RulesError: this program does not know all of it; whoever applied it may have had a newer one.
    """
    found: list[Declaration] = []
    wrong = [
        f"{_place(given, index, where)}: {why}"
        for index, given in enumerate(rules.rules)
        for where, why in _problems(given, found)
    ]
    if wrong:
        raise RulesError(wrong)
    return found


def _check(declaration: Declaration) -> list[tuple[tuple[Any, ...], str]]:
    """Return what is wrong with a declaration's kind and its params: where, and why."""
    kind = KINDS.get(declaration.judges)
    if kind is None:
        return [(("kind",), f"there is no kind {declaration.judges!r}, only {', '.join(sorted(KINDS))}")]
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
    told = str(error["msg"]).removeprefix(_PREFIX)
    return "there is no such setting" if error["type"] == "extra_forbidden" else told


def _place(given: Any, index: int, where: tuple[Any, ...]) -> str:
    name = given.get("name") if isinstance(given, Mapping) else None
    inner = ".".join(str(part) for part in where)
    return f"{name or f'rule {index + 1}'}{f': {inner}' if inner else ''}"


def _line(node: yaml.Node | None, path: tuple[Any, ...]) -> int:
    """Return the line of what lies at ``path``, or of what is nearest to it on the way."""
    line = 1
    for part in (None, *path):
        if isinstance(node, yaml.MappingNode) and part is not None:
            found = next(((key, value) for key, value in node.value if key.value == str(part)), None)
            if found is None:
                continue
            line, node = found[0].start_mark.line + 1, found[1]
        elif isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
            node = node.value[part]
            line = node.start_mark.line + 1
    return line
