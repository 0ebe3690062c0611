"""From a filter's text to its meaning: a recursive descent, one method a rule.

::

    or         = and {"or" and}
    and        = not {"and" not}
    not        = "not" not | "(" or ")" | test
    test       = ("isnan" | "has") "(" operand ")" | "tag" ":" value | operand operator value
               | operand "in" "(" value {"," value} ")"
    operand    = field | "config." key | "summary." key | function "(" name ["," "rank" "=" number] ")" | name
"""

from __future__ import annotations

import re
from datetime import datetime, timezone
from typing import NoReturn, get_args

from runwire.wire.names import RANK_MAX
from runwire_storage.queries.filter import literals
from runwire_storage.queries.filter.tokens import FilterError, Token, tokens
from runwire_storage.queries.filter.tree import (
    FIELDS,
    FUNCTIONS,
    Among,
    And,
    Compare,
    Condition,
    Config,
    Field,
    Has,
    IsNaN,
    Metric,
    Not,
    Operand,
    Operator,
    Or,
    SortKey,
    Summary,
    Type,
    Value,
)

__all__ = ["FilterError", "parse", "parse_operand", "parse_sort"]

_DEPTH_MAX = 50
_OPERATORS = get_args(Operator)
_ORDERED = ("<", "<=", ">", ">=")
_KEYWORDS = frozenset({"and", "or", "not", "in"})
_FIELDS_HINT = f"fields are {', '.join(FIELDS)}, config.KEY, summary.KEY, a metric, or min(METRIC)"
#: What a value may be, by the type of what it is compared with.
_EXPECTED = {
    "text": ("a text", "text with blanks or signs is quoted: 'like this'"),
    "tags": ("a tag", "text with blanks or signs is quoted: 'like this'"),
    "number": ("a number", "as 0.1, 1e-3 or inf; for NaN there is isnan(…)"),
    "duration": ("a duration", "as 90s, 15min, 2h, 1h30m or 3d"),
    "time": ("a time", "as 2026-11-24, 2026-11-24T10:30, today, or 2d ago; all in UTC"),
    "any": ("a number or a text", "as 0.1, adam or 'two words'; for NaN there is isnan(…)"),
}


def parse(text: str, now: datetime | None = None) -> Condition:
    """Return what a filter means; an empty one holds for every run.

    Args:
        text: the filter.
        now: what ``2d ago`` counts from; None for the clock's time.

    Raises:
        FilterError: it cannot be read.
    """
    parser = _Parser(text, now)
    if parser.token.kind == "end":
        return And(())
    found = parser.alternatives(0)
    parser.expect_end("and, or, or the end")
    return found


def parse_sort(text: str) -> list[SortKey]:
    """Return what to sort by: operands with commas between, a minus before those that descend.

    Raises:
        FilterError: it cannot be read.
    """
    parser = _Parser(text, None)
    keys: list[SortKey] = []
    while parser.token.kind != "end":
        if keys:
            parser.expect(",")
        descending = parser.take_minus()
        keys.append(SortKey(parser.operand(), descending))
    return keys


def parse_operand(text: str) -> Operand:
    """Return what a text alone names, as ``min(val/loss)``.

    Raises:
        FilterError: it names nothing.
    """
    parser = _Parser(text, None)
    found = parser.operand()
    parser.expect_end("the end")
    return found


class _Parser:
    def __init__(self, text: str, now: datetime | None) -> None:
        self._tokens = tokens(text)
        self._place = 0
        self._now = now or datetime.now(timezone.utc)

    @property
    def token(self) -> Token:
        return self._tokens[self._place]

    @property
    def _next(self) -> Token:
        return self._tokens[min(self._place + 1, len(self._tokens) - 1)]

    def alternatives(self, depth: int) -> Condition:
        found = [self._all(depth)]
        while self._take("or"):
            found.append(self._all(depth))
        return found[0] if len(found) == 1 else Or(tuple(found))

    def operand(self) -> Operand:
        token = self.token
        word = token.keyword
        if word in FUNCTIONS and self._next.text == "(" and self._next.kind == "sign":
            return self._metric(word)
        if word in _KEYWORDS or token.kind not in {"word", "number", "quoted"} or token.quote == "'":
            self._fail("a field or a metric", _FIELDS_HINT)
        name = self._name()
        if token.kind == "quoted":
            return Summary(name)
        if (field := "tag" if word == "tags" else word) in FIELDS:
            return Field(field)
        for prefix, kind in (("config.", Config), ("summary.", Summary)):
            if name.startswith(prefix):
                if name == prefix:
                    self._fail(f"a key after {prefix}", f"as {prefix}lr, or {prefix}`two words`")
                return kind(name.removeprefix(prefix))
        return Summary(name)

    def take_minus(self) -> bool:
        token = self.token
        if token.kind == "minus":
            self._advance()
            return True
        if token.kind in {"number", "word"} and token.text.startswith("-"):  # a name that begins with a digit, or -inf
            self._tokens[self._place] = Token("word", token.text[1:], token.start + 1, token.end)
            return True
        return False

    def expect(self, sign: str) -> None:
        if not self._take(sign):
            self._fail(f"{sign}")

    def expect_end(self, expected: str) -> None:
        if self.token.kind != "end":
            self._fail(expected, "quote names and texts that hold blanks or signs")

    def _all(self, depth: int) -> Condition:
        found = [self._one(depth)]
        while self._take("and"):
            found.append(self._one(depth))
        return found[0] if len(found) == 1 else And(tuple(found))

    def _one(self, depth: int) -> Condition:
        if depth > _DEPTH_MAX:
            self._fail("fewer parentheses", f"at most {_DEPTH_MAX} within each other are read")
        if self._take("not"):
            return Not(self._one(depth + 1))
        if self._take("("):
            found = self.alternatives(depth + 1)
            self.expect(")")
            return found
        return self._test()

    def _test(self) -> Condition:
        token = self.token
        if token.keyword in {"isnan", "has"} and self._next.text == "(" and self._next.kind == "sign":
            self._advance(2)
            operand = self.operand()
            if token.keyword == "isnan" and operand.type not in {"number", "any"}:
                self._fail("a number in isnan", "as isnan(val/loss)")
            self.expect(")")
            return IsNaN(operand) if token.keyword == "isnan" else Has(operand)
        operand = self.operand()
        if isinstance(operand, Field) and operand.type == "tags" and self._take(":"):
            return Compare(operand, "=", self._value("tags"))
        if self._take("in"):
            return Among(operand, self._values(operand.type))
        operator = self._operator(operand.type)
        return Compare(operand, operator, self._value(operand.type, operator))

    def _operator(self, kind: Type) -> Operator:
        token = self.token
        sign = "=" if token.text == "==" else token.text
        if token.kind != "sign" or sign not in _OPERATORS:
            self._fail(f"one of {' '.join(_OPERATORS)} in", _FIELDS_HINT)
        if kind in {"text", "tags"} and sign in _ORDERED:
            self._fail("= != ~ or in: this is text", "only numbers, durations and times are less or greater")
        if kind == "tags" and sign == "!=":
            self._fail("= ~ or in: a run has several tags", "write not tag:prod")
        if kind in {"number", "time", "duration"} and sign == "~":
            self._fail("a comparison: ~ searches text", "as <, >= or =")
        self._advance()
        return sign  # type: ignore[return-value]  # one of them

    def _values(self, kind: Type) -> tuple[Value, ...]:
        self.expect("(")
        found = [self._value(kind)]
        while self._take(","):
            found.append(self._value(kind))
        self.expect(")")
        return tuple(found)

    def _value(self, kind: Type, operator: Operator = "=") -> Value:
        token = self.token
        if token.kind not in {"word", "number", "quoted"} or token.quote == "`":
            self._fail(*_EXPECTED[kind])
        value: Value | None = None
        if operator == "~":
            value = self._pattern(token)
        elif kind in {"text", "tags"}:
            value = token.text
        elif kind == "time":
            value = self._time(token)
        elif kind == "duration":
            value = self._duration(token)
        else:
            value = None if token.quote else literals.number(token.text)
            if value is None and kind == "any" and operator in _ORDERED:
                kind = "number"
            elif value is None and kind == "any" and token.keyword != "nan":
                value = token.text
        if value is None:
            self._fail(*_EXPECTED[kind])
        self._advance()
        return value

    def _time(self, token: Token) -> datetime | None:
        seconds = self._duration(token)
        if seconds is not None and self._next.keyword == "ago":
            self._advance()
            return literals.ago(seconds, self._now)
        return literals.time(token.text, self._now)

    def _duration(self, token: Token) -> float | None:
        """Read ``2d``, or ``2 days``: then the token in turn is the unit."""
        if (amount := literals.number(token.text)) is not None and (unit := literals.unit(self._next.keyword)):
            self._advance()
            return literals.duration(f"{token.text}{unit}") if amount >= 0 else None
        return literals.duration(token.text)

    def _metric(self, function: str) -> Metric:
        self._advance(2)
        token = self.token
        if token.kind not in {"word", "number", "quoted"} or token.quote == "'":
            self._fail("a metric", f"as {function}(val/loss)")
        name, rank = self._name(), None
        if self._take(","):
            if not self._take("rank"):
                self._fail("rank", f"as {function}({name}, rank=1)")
            self.expect("=")
            rank = self._rank()
        self.expect(")")
        return Metric(function, name, rank)

    def _rank(self) -> int:
        text = self.token.text
        if not re.fullmatch("[0-9]{1,10}", text) or int(text) > RANK_MAX:
            self._fail("a rank", f"a whole number from 0 to {RANK_MAX}")
        self._advance()
        return int(text)

    def _name(self) -> str:
        """Read a name; what is quoted right behind a dot belongs to it: config.`two words`."""
        token = self.token
        self._advance()
        behind = self.token
        if token.text.endswith(".") and token.kind != "quoted" and behind.kind == "quoted" and behind.quote != "'":
            if behind.start == token.end:
                self._advance()
                return token.text + behind.text
        elif token.kind == "quoted" and not token.text:
            self._place -= 1
            self._fail("a name that is not empty", _FIELDS_HINT)
        return token.text

    def _pattern(self, token: Token) -> str:
        try:
            re.compile(token.text)
        except (re.error, OverflowError, RecursionError) as error:
            self._fail("a pattern", f"{token.text!r} is no regular expression: {error}")
        return token.text

    def _take(self, word: str) -> bool:
        token = self.token
        if (token.kind == "sign" and token.text == word) or token.keyword == word:
            self._advance()
            return True
        return False

    def _advance(self, by: int = 1) -> None:
        self._place = min(self._place + by, len(self._tokens) - 1)

    def _fail(self, expected: str, hint: str = "docs/queries.md has the language") -> NoReturn:
        before = self._tokens[self._place - 1] if self._place else None
        after = f" after {before}" if before else ""
        raise FilterError(
            f"at {self.token.start + 1}: expected {expected}{after}, found {self.token}", hint, self.token.start
        )
