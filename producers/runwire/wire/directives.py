"""What people tell alerting: the rules to go by, alerts that somebody sees to, and what is to be silent for a while.

Each is a record of the topic `runwire.wire.DIRECTIVES`, which is compacted and has one partition: every alerting worker
reads all of it, and of one key the last holds.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

from runwire.errors import WireError
from runwire.wire.json import dumps
from runwire.wire.messages import VERSION, _choice, _natural, _record, _typed

#: The key of the one record of rules.
RULES = "rules"
#: Whoever directs may give so many characters as who they are, and as why.
BY_MAX, COMMENT_MAX = 200, 500


@dataclass(frozen=True)
class RuleSet:
    """All rules that were declared, in place of all that were before.

    Attributes:
        rules: the declarations, as `runwire_alerting.declarations` reads them.
        by: who applied them.
        at: when, microseconds since the epoch.
    """

    rules: list[dict[str, Any]]
    by: str
    at: int

    @property
    def key(self) -> str:
        """Return the record's key."""
        return RULES

    def encode(self) -> bytes:
        """Return the record's value."""
        return dumps({"v": VERSION, "type": "rules", **asdict(self)})


@dataclass(frozen=True)
class Acknowledgement:
    """Somebody sees to an episode of an alert: it is not repeated any more.

    Attributes:
        alert: its id.
        episode: which time that it fired.
        by: who.
        at: when, microseconds since the epoch.
        comment: what they say of it.
    """

    alert: str
    episode: int
    by: str
    at: int
    comment: str = ""

    @property
    def key(self) -> str:
        """Return the record's key."""
        return f"ack/{self.alert}"

    def encode(self) -> bytes:
        """Return the record's value."""
        return dumps({"v": VERSION, "type": "ack", **asdict(self)})


@dataclass(frozen=True)
class Silence:
    """Alerts of which nobody is told until ``until``; they are recorded all the same.

    Attributes:
        id: its own; a record with the same one replaces it, so it can be ended early.
        match: globs by what they are about: alert (an id), rule, run (id or name), project, host. All must fit.
        until: when it ends, microseconds since the epoch.
        by: who silenced them.
        at: when.
        comment: why.
    """

    id: str
    match: dict[str, str]
    until: int
    by: str
    at: int
    comment: str = ""

    @property
    def key(self) -> str:
        """Return the record's key."""
        return f"silence/{self.id}"

    def encode(self) -> bytes:
        """Return the record's value."""
        return dumps({"v": VERSION, "type": "silence", **asdict(self)})


Directive = RuleSet | Acknowledgement | Silence
MATCHED = ("alert", "rule", "run", "project", "host")


def parse_directive(value: bytes) -> Directive:
    """Read a record's value.

    Raises:
        WireError: it is no directive.
    """
    record = _record(value)
    kind: Literal["rules", "ack", "silence"] = _choice(record, "type", ("rules", "ack", "silence"))
    by, at = _typed(record, "by", str), _natural(record, "at")
    if kind == "rules":
        rules = _typed(record, "rules", list)
        if not all(isinstance(rule, dict) for rule in rules):
            raise WireError("rules is not a list of objects")
        return RuleSet(rules, by, at)
    if kind == "ack":
        comment = _typed({"comment": "", **record}, "comment", str)  # one of before has none
        return Acknowledgement(_typed(record, "alert", str), _natural(record, "episode"), by, at, comment)
    match = _typed(record, "match", dict)
    if not match or not all(key in MATCHED and isinstance(glob, str) for key, glob in match.items()):
        raise WireError(f"match is {match!r:.80}, expected globs by {', '.join(MATCHED)}")
    until = _natural(record, "until")
    return Silence(_typed(record, "id", str), match, until, by, at, _typed(record, "comment", str))
