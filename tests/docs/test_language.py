"""The filters that docs/queries.md shows are filters."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from runwire_storage import queries
from runwire_storage.client import connect
from runwire_storage.migrations import migrate
from runwire_storage.queries.filter import parse
from runwire_storage.queries.filter.tree import FIELDS, FUNCTIONS

PAGE = (Path(__file__).parents[2] / "docs" / "queries.md").read_text()
[SHOWN] = re.findall(r"^```filter\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)


@pytest.mark.parametrize("text", SHOWN.splitlines())
def test_every_filter_that_the_page_shows_is_answered(clickhouse: str, text: str) -> None:
    """It is read, and ClickHouse takes the SQL that it becomes."""
    client = connect(clickhouse)
    migrate(client)
    assert queries.runs(client, parse(text)).total >= 0
    client.close()


def test_the_page_names_every_field_and_function() -> None:
    """What the language knows stands in the table."""
    assert [name for name in FIELDS if f"`{name}`" not in PAGE] == []
    assert [name for name in FUNCTIONS if f"`{name}(METRIC)`" not in PAGE] == []
