"""The filter language of runs: ``min(val/loss) < 0.1 and config.lr >= 1e-3 and state = finished and tag:prod``.

A text goes through these modules, in this order::

    tokens   its words, signs and quoted texts, each with its place
    parser   what they mean together; says what it expected where they mean nothing
    literals numbers, durations and times, as people write them
    tree     the meaning, typed
    sql      ClickHouse's SQL for it, with every value bound

docs/queries.md is the language's description.
"""

from __future__ import annotations

from runwire_storage.queries.filter.parser import parse, parse_operand, parse_sort
from runwire_storage.queries.filter.tokens import FilterError
from runwire_storage.queries.filter.tree import And, Compare, Condition, Field, Operand, SortKey

__all__ = [
    "And",
    "Compare",
    "Condition",
    "Field",
    "FilterError",
    "Operand",
    "SortKey",
    "parse",
    "parse_operand",
    "parse_sort",
]
