"""A filter's words, signs and quoted texts."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from runwire_storage.queries.errors import QueryError

#: Longer filters are machines' work, and SQL is there for them.
LENGTH_MAX = 4000

_TOKEN = re.compile(
    r"""
      (?P<blank> \s+ )
    | (?P<quoted> "(?:[^"\\]|\\.)*" | '(?:[^'\\]|\\.)*' | `(?:[^`\\]|\\.)*` )
    | (?P<sign> <= | >= | != | == | [=<>~(),:] )
    | (?P<number> [+-]?\.?\d[\w.:+/%-]* )        # also a duration, a time, or a name that begins with a digit
    | (?P<word> [^\W\d][\w./-]* | [+-]inf(?:inity)?\b )
    | (?P<minus> - )
    """,
    re.VERBOSE | re.DOTALL | re.IGNORECASE,
)

Kind = Literal["quoted", "sign", "number", "word", "minus", "end"]


class FilterError(QueryError):
    """A filter, a sort order or a metric's name in them that cannot be read.

    Attributes:
        position: where, in characters from 0.
    """

    def __init__(self, message: str, hint: str, position: int) -> None:
        super().__init__(message, hint)
        self.position = position


@dataclass(frozen=True)
class Token:
    """A piece of the text.

    Attributes:
        text: what it says; without quotes and escapes, if it was quoted.
        quote: the sign that it was quoted by, else empty.
        start, end: its place in the text.
    """

    kind: Kind
    text: str
    start: int
    end: int
    quote: str = ""

    def __str__(self) -> str:
        """Return it as an error message names it."""
        return "the end" if self.kind == "end" else f"{self.quote}{self.text}{self.quote}" if self.quote else self.text

    @property
    def keyword(self) -> str:
        """The word in lower case, if it stands bare; else nothing."""
        return self.text.lower() if self.kind == "word" else ""


def tokens(text: str) -> list[Token]:
    """Return the tokens of a text, the last of which is its end.

    Raises:
        FilterError: a sign that means nothing, a quote that does not end, or too long a text.
    """
    if len(text) > LENGTH_MAX:
        raise FilterError(f"the filter has {len(text)} characters", f"at most {LENGTH_MAX} are read: use SQL", 0)
    found, place = [], 0
    while place < len(text):
        match = _TOKEN.match(text, place)
        if match is None:
            raise _unreadable(text, place)
        if match.lastgroup != "blank":
            found.append(_token(match))
        place = match.end()
    return [*found, Token("end", "", place, place)]


def _token(match: re.Match[str]) -> Token:
    text = match.group()
    kind: Kind = match.lastgroup  # type: ignore[assignment]  # the pattern's groups are these
    if kind != "quoted":
        return Token(kind, text, match.start(), match.end())
    return Token(kind, re.sub(r"\\(.)", r"\1", text[1:-1], flags=re.DOTALL), match.start(), match.end(), text[0])


def _unreadable(text: str, place: int) -> FilterError:
    sign = text[place]
    if sign in "\"'`":
        return FilterError(f"at {place + 1}: the quote {sign} is not closed", f"end it with {sign}", place)
    return FilterError(
        f"at {place + 1}: {sign!r} means nothing here", 'a name or text with such signs is quoted: "like this"', place
    )
