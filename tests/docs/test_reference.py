"""Every public name of the SDK says what it takes, gives and raises, and docs/reference.md says the same."""

from __future__ import annotations

import ast
import enum
import inspect
import runpy
import textwrap
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
REFERENCE = runpy.run_path(str(ROOT / "docs" / "make_reference.py"))
PUBLIC: dict[str, Any] = REFERENCE["public"]()
FUNCTIONS = {name: one for name, one in PUBLIC.items() if inspect.isfunction(one)}
CLASSES = {name: one for name, one in PUBLIC.items() if inspect.isclass(one)}
PROPERTIES = {name: one for name, one in PUBLIC.items() if isinstance(one, property)}
#: Classes that one makes oneself, and not by what Python's own enumerations and exceptions take.
CONSTRUCTED = [
    name
    for name, one in CLASSES.items()
    if name not in REFERENCE["MADE"] and not issubclass(one, (enum.Enum, Exception))
]


def parameters(function: Any) -> dict[str, inspect.Parameter]:
    """Return what a function takes, without self."""
    found = dict(inspect.signature(function).parameters)
    found.pop("self", None)
    found.pop("cls", None)
    return found


def documented(one: Any, kind: str) -> set[str]:
    """Return the names that a section of a docstring lists; several may share a line."""
    return {name.strip() for item in REFERENCE["sections"](one).get(kind, []) for name in item.name.split(",")}


def raises(function: Any) -> bool:
    """Return whether a function's own body raises, or refuses what it is asked for."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(inspect.unwrap(function))))
    return any(
        isinstance(node, ast.Raise) or (isinstance(node, ast.Attribute) and node.attr == "_refuse")
        for node in ast.walk(tree)
    )


@pytest.mark.parametrize("name", PUBLIC)
def test_every_public_name_says_what_it_is(name: str) -> None:
    """It has a docstring, which begins with a sentence."""
    told = inspect.getdoc(PUBLIC[name])
    assert told
    assert told.split("\n\n")[0].rstrip().endswith((".", ":"))


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_parameter_of_a_public_function_has_a_type_and_is_described(name: str) -> None:
    """Each stands in the docstring, and no other does."""
    function = FUNCTIONS[name]
    taken = parameters(function)
    assert [one for one, parameter in taken.items() if parameter.annotation is parameter.empty] == []
    assert documented(function, "parameters") == taken.keys()


@pytest.mark.parametrize("name", FUNCTIONS)
def test_what_a_public_function_gives_and_raises_is_told(name: str) -> None:
    """The type of what it returns; by "Return …" or a section, what that is; and the errors."""
    function = FUNCTIONS[name]
    gives = inspect.signature(function).return_annotation
    assert gives is not inspect.Signature.empty
    told = (inspect.getdoc(function) or "").split()[0] in {"Return", "Yield"}
    assert gives in {"None", "Iterator[None]"} or told or {"returns", "yields"} & REFERENCE["sections"](function).keys()
    if raises(function):
        assert "raises" in REFERENCE["sections"](function)


@pytest.mark.parametrize("name", PROPERTIES)
def test_every_public_property_has_a_type(name: str) -> None:
    """Whoever reads it knows what comes."""
    assert "return" in inspect.get_annotations(PROPERTIES[name].fget)


@pytest.mark.parametrize("name", CONSTRUCTED)
def test_whatever_a_public_class_is_made_of_is_described(name: str) -> None:
    """Each parameter has a type, and stands in the docstring as argument or attribute."""
    taken = parameters(CLASSES[name])
    assert [one for one, parameter in taken.items() if parameter.annotation is parameter.empty] == []
    assert taken.keys() - documented(CLASSES[name], "parameters") - documented(CLASSES[name], "attributes") == set()


@pytest.mark.parametrize("name", [name for name in (*FUNCTIONS, *CLASSES) if "." not in name])
def test_every_public_function_and_class_shows_an_example(name: str) -> None:
    """The docstring has a block of code."""
    assert "::\n" in (inspect.getdoc(PUBLIC[name]) or "")


def test_the_reference_is_up_to_date() -> None:
    """docs/reference.md is what `make reference` writes."""
    written = (ROOT / "docs" / "reference.md").read_text(encoding="utf-8")
    assert written == REFERENCE["page"](), "docs/reference.md is not what the code says: run `make reference`"
