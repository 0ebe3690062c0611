"""Records of what people tell alerting: read as they were written, and refused with the reason where they are none."""

from __future__ import annotations

import pytest

from runwire.errors import WireError
from runwire.wire import Acknowledgement, RuleSet, Silence, dumps, parse_directive
from runwire.wire.directives import Directive

DIRECTIVES = [
    RuleSet([{"name": "crash", "for": 30.0}], "ann", 5),
    Acknowledgement("1f0c", 3, "ann", 5, "on it"),
    Silence("s1", {"run": "a*", "host": "h"}, 9, "ann", 5, "why"),
]


@pytest.mark.parametrize("directive", DIRECTIVES)
def test_a_directive_comes_back_as_it_was(directive: Directive) -> None:
    """Each kind, with all of its fields."""
    assert parse_directive(directive.encode()) == directive


def test_an_acknowledgement_of_before_comments_had_none() -> None:
    """The topic is kept for ever: what older programs wrote is read."""
    whole = {"v": 1, "type": "ack", "alert": "1f0c", "episode": 3, "by": "ann", "at": 5}
    assert parse_directive(dumps(whole)) == Acknowledgement("1f0c", 3, "ann", 5)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"type": "odd"}, "type is 'odd'"), ({"v": 2}, "version 2"), ({"by": 1}, "by is 1"), ({"at": -1}, "at is -1"),
        ({"match": {}}, "match is {}"), ({"match": {"odd": "x"}}, "expected globs by"), ({"until": "x"}, "until is"),
        ({"type": "rules", "rules": [1]}, "not a list of objects"), ({"type": "ack", "alert": None}, "alert is None"),
    ],
)  # fmt: skip
def test_what_is_no_directive_is_refused_with_the_reason(change: dict[str, object], reason: str) -> None:
    """Whatever it lacks or has too much of."""
    whole = {"v": 1, "type": "silence", "id": "s", "match": {"run": "x"}, "until": 9, "by": "a", "at": 1, "comment": ""}
    parse_directive(dumps(whole))
    with pytest.raises(WireError, match=reason):
        parse_directive(dumps({**whole, **change}))
