"""What is said of all kinds of rules, and what all of them say of themselves."""

from __future__ import annotations

import re
from pathlib import Path

from pydantic.fields import FieldInfo

from runwire_alerting.rules import KINDS

DOCS = Path(__file__).parents[2] / "docs" / "alerts.md"


def shown(name: str, field: FieldInfo) -> str:
    """A param as the docs have it."""
    if field.is_required():
        return name
    default = field.default
    return (
        f"{name} {default:g}"
        if isinstance(default, (int, float))
        else f"{name} {'none' if default is None else default}"
    )


def test_the_docs_list_each_kind_with_its_params_and_no_other() -> None:
    """With their defaults, and which are on by themselves."""
    table = DOCS.read_text().split("| kind | on | detects | params |")[1].split("\n\n")[0]
    rows = re.findall(r"^\| `(\w+)` \| (.*?) ?\| (.+?) \| (.*?) ?\|$", table, re.MULTILINE)
    said = {name: (on, params) for name, on, _, params in rows}
    assert len(said) == len(rows)
    assert said == {
        name: (
            "" if not kind.standard else "● observes" if kind.observed else "●",
            ", ".join(shown(param, field) for param, field in kind.Params.model_fields.items()),
        )
        for name, kind in KINDS.items()
    }


def test_each_kind_says_what_it_detects_by_which_formula_whence_and_when_it_is_wrong() -> None:
    """And shows how it is declared, under its own name."""
    for name, kind in KINDS.items():
        text = kind.__doc__ or ""
        for part in ("Formula:", "Source:", "False alarms:", "Example"):
            assert part in text, (name, part)
        assert re.search(rf"(name|rule): {name}\b", text), name
        assert all(field.description for field in kind.Params.model_fields.values()), name
