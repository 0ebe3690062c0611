"""The page on integrations says what is so: each of its examples runs against the library that it is about."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from producers.spooled import logged

PAGE = (Path(__file__).parents[2] / "docs" / "integrations.md").read_text()
EXAMPLES = dict(re.findall(r"^## ([^\n]+)\n(?:(?!^## ).)*?^```python\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE))


@pytest.mark.parametrize("title", EXAMPLES)
def test_every_example_runs_as_it_stands(title: str, tmp_path: Path) -> None:
    """With exit code 0, and rows in each run that it begins."""
    program = tmp_path / "example.py"
    program.write_text(EXAMPLES[title])
    environment = {**os.environ, "CUDA_VISIBLE_DEVICES": "", "HF_HUB_OFFLINE": "1", "KERAS_HOME": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, str(program)], env=environment, capture_output=True, text=True, timeout=570, check=False
    )
    assert done.returncode == 0, done.stderr[-4000:]
    spools = [meta.parent for meta in Path(os.environ["RUNWIRE_HOME"]).glob("spool/*/*/*/*/meta.json")]
    assert spools
    assert all(logged(spool) for spool in spools) or title == "Optuna"  # where trials log nothing themselves


def test_every_part_of_the_page_has_an_example() -> None:
    """There is one for each heading, and one heading for each module."""
    assert list(EXAMPLES) == re.findall(r"^## (.*)", PAGE, re.MULTILINE)
    folder = Path(__file__).parents[2] / "producers" / "runwire" / "integrations"
    modules = {path.stem for path in folder.glob("[a-z]*.py")}
    assert modules == set(re.findall(r"from runwire\.integrations\.(\w+) import", PAGE))
