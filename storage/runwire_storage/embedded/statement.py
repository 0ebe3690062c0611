"""Where an INSERT ends and its data begin, and which format a query names: a small reader of ClickHouse's tokens.

The engine takes the data of an INSERT apart from its text, so that they may be binary and need not be held whole.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from runwire_storage.embedded.errors import SYNTAX_ERROR, EngineError

#: The text of a statement, without the data of an INSERT, ends within so many bytes.
TEXT_BYTES_MAX = 1 << 20

# What is not closed goes on to the end, so that no text is read twice.
_TOKEN = re.compile(
    rb"""
      (?P<blank> \s+ | --[^\n]* | \#[ !][^\n]* | /\*.*?(?:\*/|\Z) )
    | (?P<quoted> '(?:[^'\\]|\\.|'')*(?:'|\Z) | `(?:[^`\\]|\\.|``)*(?:`|\Z) | "(?:[^"\\]|\\.|"")*(?:"|\Z)
        | \$(?P<tag>\w*)\$.*?(?:\$(?P=tag)\$|\Z) )
    | (?P<word> \w[\w$]* )
    | (?P<sign> . )
    """,
    re.VERBOSE | re.DOTALL,
)

_DEPTH = {b"(": 1, b")": -1}


@dataclass(frozen=True)
class Statement:
    """One statement.

    Attributes:
        text: the SQL; of an INSERT with data, what stands before FORMAT or VALUES.
        format: the format that it names for its result or, with ``data``, for these; None if it names none.
        data: what of the data of an INSERT stood behind its text; None for any other statement.
    """

    text: str
    format: str | None
    data: bytes | None


def read(query: bytes) -> Statement:
    """Take a statement apart; ``query`` may be cut anywhere within the data of an INSERT.

    Raises:
        EngineError: it is empty, not UTF-8, or an INSERT from a file.
    """
    tokens = (match for match in _TOKEN.finditer(query[:TEXT_BYTES_MAX]) if match.lastgroup != "blank")
    first = next(tokens, None)
    if first is None:
        raise EngineError.of(SYNTAX_ERROR, "SYNTAX_ERROR", "Empty query")
    if _word(first) != b"INSERT":
        return Statement(_decode(query), _format_of(tokens), None)
    return _insert(query, tokens)


def _insert(query: bytes, tokens: Iterator[re.Match[bytes]]) -> Statement:
    """Read on behind INSERT, but never into the data."""
    depth, before = 0, b""
    for token in tokens:
        word, sign = _word(token), token.group()
        if sign in _DEPTH:
            depth += _DEPTH[sign]
        elif word in {b"SELECT", b"WITH"} and (depth == 0 or before == b"("):
            return Statement(_decode(query), None, None)
        elif depth == 0 and word == b"INFILE" and before == b"FROM":
            raise EngineError.of(SYNTAX_ERROR, "SYNTAX_ERROR", "FROM INFILE is refused here: send the data as the body")
        elif depth == 0 and word == b"VALUES":
            return Statement(_decode(query[: token.start()]), "Values", query[token.end() :])
        elif depth == 0 and word == b"FORMAT" and (named := next(tokens, None)):
            return Statement(_decode(query[: token.start()]), _decode(named.group()), _behind(query, named.end()))
        before = word or sign
    return Statement(_decode(query), "Values", b"")


def _behind(query: bytes, end: int) -> bytes:
    """Return the data behind a format's name: blanks up to the end of that line are not part of them."""
    line = re.compile(rb"[ \t\f]*(?:\r?\n)?").match(query, end)
    return query[line.end() if line else end :]


def _format_of(tokens: Iterator[re.Match[bytes]]) -> str | None:
    """Return what stands behind the last FORMAT."""
    named, before = None, b""
    for token in tokens:
        if before == b"FORMAT" and token.lastgroup == "word":
            named = _decode(token.group())
        before = _word(token)
    return named


def _word(token: re.Match[bytes]) -> bytes:
    return token.group().upper() if token.lastgroup == "word" else b""


def _decode(text: bytes) -> str:
    try:
        return text.decode()
    except UnicodeDecodeError as error:
        raise EngineError.of(
            SYNTAX_ERROR, "SYNTAX_ERROR", f"the query is not UTF-8 at byte {error.start}: send it as UTF-8"
        ) from None
