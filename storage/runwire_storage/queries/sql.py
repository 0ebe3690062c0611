"""A user's own SQL: read-only, and within limits, both held by the engine itself."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import Error

from runwire_storage.queries.errors import SqlError

#: What follows the reason: the error's name; and in it, what a parser might have read instead.
_END = re.compile(r"\. \([A-Z_]+\)|\. Expected one of: ")
#: The driver asks for a format behind the statement.
_ASKED = re.compile(r"\s*FORMAT Native\s*$")

_SYNTAX, _FORMAT = 62, -62
_REFUSED = ("refused, for queries here may only read: {reason}", "write by logging, read by SELECT")
_UNKNOWN = ("{reason}", "the views are points, series, rollups, runs and alerts; DESCRIBE points lists its columns")
_ADVICE = {
    _SYNTAX: ("no valid SQL: {reason}", "ClickHouse's SQL, one statement: SELECT … FROM points WHERE run = '…'"),
    _FORMAT: ("no valid SQL: {reason}", "leave FORMAT out: the reply's format is the caller's"),
    **dict.fromkeys((47, 60, 81), _UNKNOWN),
    159: ("stopped after {seconds} s", "filter by run and metric: that is the order in which points lie"),
    **dict.fromkeys((164, 291, 497), _REFUSED),
    241: ("it needs more memory than a query may take: {reason}", "aggregate over fewer rows or groups"),
    396: ("the result is larger than {size}", "add a LIMIT, aggregate, or ask for fewer columns"),
}


@dataclass(frozen=True)
class Limits:
    """What one query may take.

    Attributes:
        seconds: how long it may run.
        rows: how many rows its result may have.
        result_bytes: how many bytes its result may have.
    """

    seconds: int = 30
    rows: int = 10_000
    result_bytes: int = 16 << 20


@dataclass(frozen=True)
class Table:
    """A result.

    Attributes:
        columns: name and ClickHouse type of each; of an empty result they may be missing.
        rows: a tuple of values each.
        seconds: how long it took.
    """

    columns: Sequence[tuple[str, str]]
    rows: Sequence[Sequence[Any]]
    seconds: float


def read_only_sql(client: Client, sql: str, limits: Limits) -> Table:
    """Run one statement that only reads. Names without a database are those of the client's.

    Raises:
        SqlError: it would do more than read, is no SQL, fails, or asks for more than ``limits`` allow.
        ClickHouseError: the driver's own, where the store is away.
    """
    if not sql.strip().strip(";"):
        raise SqlError("there is no statement", "give one, as SELECT count() FROM points")
    started = time.perf_counter()
    settings = {
        "readonly": 1,
        "max_execution_time": limits.seconds,
        "max_result_rows": limits.rows,
        "max_result_bytes": limits.result_bytes,
        "result_overflow_mode": "throw",
        # A key of JSON may hold values of several types: they are grouped all the same.
        "allow_suspicious_types_in_group_by": 1,
        "allow_suspicious_types_in_order_by": 1,
    }
    try:
        result = client.query(sql, settings=settings)
    except Error as error:
        if error.code is None:
            raise
        raise SqlError(*_explain(error.code, str(error), limits), error.code) from error
    columns = [(name, kind.name) for name, kind in zip(result.column_names, result.column_types, strict=True)]
    return Table(columns, result.result_rows, time.perf_counter() - started)


def _explain(code: int, text: str, limits: Limits) -> tuple[str, str]:
    """Return what is wrong and what to do, from what the engine said."""
    reason = _ASKED.sub("", " ".join(_END.split(text.rpartition("DB::Exception: ")[2])[0].split()))
    if code == _SYNTAX and "(FORMAT)" in reason:
        code = _FORMAT
    message, hint = _ADVICE.get(code, ("{reason}", "see ClickHouse's documentation of its SQL"))
    size = f"{limits.rows} rows or {limits.result_bytes >> 20} MiB"
    return message.format(reason=reason, size=size, seconds=limits.seconds), hint
