"""Every kind of rule is documented in the same form, and docs/rules.md says the same."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from runwire_alerting import rulesfile
from runwire_alerting.rules import KINDS
from runwire_server import catalogue

PAGE = Path(__file__).parents[2] / "docs" / "rules.md"


@pytest.mark.parametrize("name", KINDS)
def test_every_kind_says_what_it_sees_by_which_formula_from_where_and_when_it_errs(name: str) -> None:
    """In this order, each once; and each of its params is described."""
    told = catalogue.one(name)
    assert re.findall(r"^\*\*(Formula|Source|False alarms)\.\*\*", told, re.MULTILINE) == [
        "Formula", "Source", "False alarms",
    ]  # fmt: skip
    for field in KINDS[name].Params.model_fields.values():
        assert field.description


@pytest.mark.parametrize("name", KINDS)
def test_every_example_is_a_rules_file(name: str) -> None:
    """It is read as `runwire rules lint` reads it, and has a rule of that kind."""
    assert name in [one.judges for one in rulesfile.read(catalogue.example(name), name)]


def test_the_page_is_up_to_date() -> None:
    """docs/rules.md is what `make reference` writes."""
    assert PAGE.read_text(encoding="utf-8") == catalogue.page(), "docs/rules.md is not what the code says"


def test_a_kind_is_shown_by_the_command_line() -> None:
    """Without a pipeline; a kind that there is not is refused with those that are near."""
    command = [sys.executable, "-m", "runwire", "rules", "show"]
    told = subprocess.run([*command, "stalled"], capture_output=True, text=True, check=False)
    assert told.returncode == 0
    for words in ("Formula.", "after_max", "- name: stalled"):
        assert words in told.stdout
    refused = subprocess.run([*command, "staled"], capture_output=True, text=True, check=False)
    assert (refused.returncode, "only stalled" in refused.stderr) == (2, True)
    assert "Traceback" not in refused.stderr
