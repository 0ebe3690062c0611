"""What no query may do, and what a read-only one may not, beyond what the engine itself forbids.

Privileges (`config`) keep every query from files, URLs and other servers, and ``readonly`` keeps a read-only one from
writing. Left open by both, and closed here: INTO OUTFILE, which the engine's client side carries out; the function
``file()``, which as a library the engine lets read any file; and session commands and KILL in a read-only query.
The engine's own parser says what a query is, so there is no spelling that this module reads otherwise.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from runwire_storage.embedded.errors import READONLY, SYNTAX_ERROR, EngineError

_TREE = re.compile(r"(?: *[A-Z][^\n]*\n)+")
_REFUSED = re.compile(
    r"^ *(?:(?:Function|Identifier) file(?![\w.])|Function python\b|ColumnsApplyTransformer)", re.MULTILINE
)


class Classifier(Protocol):
    """The part of a chDB connection that says what a text would do."""

    def classify_query(self, sql: str, target_database: str = "") -> dict[str, Any]:
        """Return the statement's class and the number of statements."""


def check(connection: Classifier, text: str) -> str:
    """Return the class that the engine gives to ``text``: READ_ONLY, MUTATING, …, UNKNOWN if it cannot be parsed.

    Raises:
        EngineError: it is more than one statement, or writes its result into a file.
    """
    report = connection.classify_query(text, "")
    if report["statement_count"] > 1:
        raise EngineError.of(SYNTAX_ERROR, "SYNTAX_ERROR", "more than one statement: send each as its own request")
    kind: str = report["query_class"].name
    if kind in {"CONTROL", "UNKNOWN"} and "outfile" in text.lower():
        raise EngineError.of(READONLY, "READONLY", "INTO OUTFILE is refused here: the result is the response's body")
    return kind


def check_readonly(kind: str, text: str, parameters: Mapping[str, str], explain: Callable[[str], str]) -> None:
    """Refuse what a read-only query may not do though the engine would let it.

    Args:
        kind: what `check` said.
        text: the query.
        parameters: its bound parameters.
        explain: runs a query in the same session and returns its result as TabSeparated text.

    Raises:
        EngineError: it is refused; or it cannot be parsed.
    """
    if kind not in {"READ_ONLY", "UNKNOWN"}:
        raise EngineError.of(READONLY, "READONLY", "Cannot execute this query in readonly mode: it does more than read")
    if "identifier" in text.lower() and any(value == "file" or "\\" in value for value in parameters.values()):
        raise EngineError.of(READONLY, "READONLY", "a name bound in readonly mode must be plain, and not `file`")
    # A name can be spelled only by itself or with escapes; most queries have neither and are spared the second parse.
    if not ("file" in text or "python" in text or "\\" in text):
        return
    tree = explain(f"EXPLAIN AST {text}")
    if not _TREE.fullmatch(tree) or _REFUSED.search(tree):
        raise EngineError.of(
            READONLY,
            "READONLY",
            "readonly mode refuses the functions file() and python(), and columns, aliases and APPLY that could stand "
            "for them: use other names",
        )
