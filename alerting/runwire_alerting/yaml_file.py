"""Reading a YAML file of declarations, and saying where in it something is wrong."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import TypeAdapter, ValidationError

from runwire_alerting.errors import DeclarationError

_T = TypeVar("_T")
_Place = tuple[int | str, ...]
_MERGED = "tag:yaml.org,2002:merge"


class YamlFile:
    """A YAML file and the lines of what it says.

    Args:
        path: the file.
        text: what it holds, where it was read elsewhere.

    Attributes:
        path: as given.
        data: its one mapping; an empty file says an empty one.

    Raises:
        DeclarationError: it cannot be read, or is no mapping, or one of its mappings has a key twice.
    """

    def __init__(self, path: Path, text: str | None = None) -> None:
        self.path = path
        try:
            loader = yaml.SafeLoader(path.read_text("utf-8") if text is None else text)
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or "it is no UTF-8 text"
            raise DeclarationError(f"{path} cannot be read: {reason}") from None
        except yaml.YAMLError:
            raise DeclarationError(f"{path} cannot be read: it holds a character that YAML does not allow") from None
        try:
            self._root = loader.get_single_node()
            self._check_keys()
            self.data: dict[str, Any] = loader.construct_document(self._root) if self._root is not None else {}
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            raise DeclarationError(f"{path}:{mark.line + 1 if mark else 1}: {error.problem}") from None
        except (ValueError, RecursionError):
            raise DeclarationError(f"{path}: a value in it is none that YAML can say") from None
        finally:
            loader.dispose()
        if not isinstance(self.data, dict):
            raise DeclarationError(f"{path}:1: expected keys with values at the top of it")

    def parse(self, kind: Any, *place: int | str, default: _T) -> Any:
        """Return what stands at a place as a value of a type, ``default`` where nothing does.

        Args:
            kind: whatever pydantic can check.
            place: keys and indices from the top.
            default: for a place that there is not.

        Raises:
            DeclarationError: it is no such value; the message has a line for each fault, with file, line and reason.
        """
        value: Any = self.data
        for part in place:
            if not isinstance(value, dict) or part not in value:
                return default
            value = value[part]
        try:
            return TypeAdapter(kind).validate_python(value)
        except ValidationError as error:
            # The input is left out: it may be a secret.
            faults = (
                self.fault((*place, *fault["loc"]), fault["msg"].removeprefix("Value error, "))
                for fault in error.errors(include_url=False, include_input=False, include_context=False)
            )
            raise DeclarationError("\n".join(faults)) from None

    def fault(self, place: _Place, reason: str) -> str:
        """Return the sentence that says what is wrong at a place."""
        where = ".".join(map(str, place))
        return f"{self.path}:{self.line(place)}: {where}: {reason[:1].lower()}{reason[1:]}"

    def line(self, place: _Place) -> int:
        """Return the line at which a place begins, counted from 1; of one that there is not, of what it would be in."""
        node, line = self._root, 1
        for part in place:
            for key, value in _children(node):
                if key == part:
                    node, line = value, (value if isinstance(part, int) else _key_node(node, part)).start_mark.line + 1
                    break
            else:
                break
        return line

    def _check_keys(self) -> None:
        nodes = [self._root] if self._root is not None else []
        seen: set[int] = set()
        while nodes:
            node = nodes.pop()
            if id(node) in seen:  # an alias
                continue
            seen.add(id(node))
            names: set[str] = set()
            if isinstance(node, yaml.MappingNode):
                for key, _ in node.value:
                    if not isinstance(key.value, str):
                        raise DeclarationError(f"{self.path}:{key.start_mark.line + 1}: a key must be a word")
                    if key.tag != _MERGED and key.value in names:
                        raise DeclarationError(f"{self.path}:{key.start_mark.line + 1}: {key.value} stands here twice")
                    names.add(key.value)
            nodes += [child for _, child in _children(node)]


def _children(node: Any) -> Iterator[tuple[int | str, Any]]:
    if isinstance(node, yaml.MappingNode):
        yield from ((key.value, value) for key, value in node.value)
    elif isinstance(node, yaml.SequenceNode):
        yield from enumerate(node.value)


def _key_node(node: Any, name: str) -> Any:
    return next(key for key, _ in node.value if key.value == name)
