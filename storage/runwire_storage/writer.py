"""Writing what the stream makes of a batch: points, buckets, tails, facts, alerts, tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from runwire.wire import Alert, TableRows, dumps
from runwire_storage import cells, values, version
from runwire_storage.names import Names
from runwire_storage.native import Column, fixed, low_cardinality, nullable, string_arrays, strings
from runwire_storage.rows import COUNTS, EXTREMES, Ints, Rows, Series, joined, odd
from runwire_storage.schema import LEVELS, POINTS_MIN
from runwire_storage.session import Session

#: The kind of a fact that is long.
TEXT = "text"

_TIME = "DateTime64(6, 'UTC')"


class Fact(NamedTuple):
    """One thing that is known of a run; the latest of (run, kind, key, rank) is what holds.

    Attributes:
        kind: run, config, summary, tag, metric, state or dropped; or TEXT, if it is long: of a table of its own.
        value: JSON.
        ts: microseconds since the epoch.
    """

    run: str
    rank: int
    kind: str
    key: str
    value: str
    ts: int
    seq: int


class Writer:
    """Inserts batches through a session; what a call was given is stored when it returns.

    Every method writes rows that identify themselves, so calling it twice changes nothing.
    """

    def __init__(self, session: Session) -> None:
        self._session = session

    def points(self, names: Sequence[Series], rows: Rows) -> None:
        """Insert POINTs, sorted by series, which are places in ``names``."""
        series = np.ascontiguousarray(rows["series"])
        starts = _starts(series)
        number, decimals = values.encode(np.ascontiguousarray(rows["value"]), starts)
        columns = {
            **_named(names, series, starts),
            "step": fixed("Int64", rows["position"]),
            "number": fixed("Int64", number),
            "decimals": fixed("Int8", decimals),
            "seq": fixed("UInt64", rows["seq"]),
        }
        self._insert("stored_points", columns, len(rows))

    def buckets(self, names: Sequence[Series], buckets: Sequence[Rows]) -> None:
        """Insert BUCKETs of each of LEVELS, those that are not too thin; their series are places in ``names``."""
        kept = [part.compress(part["count"] >= POINTS_MIN) for part in buckets]
        rows = joined(*kept)
        if not len(rows):
            return
        series = np.ascontiguousarray(rows["series"])
        bad = odd(rows)
        empty = rows["count"] == bad
        columns = {
            **_named(names, series, _starts(series)),
            "level": fixed("UInt8", np.repeat(np.array(LEVELS, np.uint8), [len(part) for part in kept])),
            "bucket": fixed("Int64", rows["position"]),
            **{name: fixed("UInt64", rows[name]) for name in COUNTS},
            "first_nonfinite_step": nullable("Int64", rows["first_nonfinite_step"], bad == 0),
            **{name: nullable("Float64", rows[name], empty) for name in (*EXTREMES, "sum")},
            **{f"{name}_step": nullable("Int64", rows[f"{name}_step"], empty) for name in EXTREMES},
            "version": fixed("UInt128", version.to_column(rows["version_high"], rows["version_low"])),
        }
        self._insert("stored_rollups", columns, len(rows))

    def totals(self, names: Sequence[Series], rows: Rows) -> None:
        """Insert TOTALs; their series are places in ``names``."""
        bad = odd(rows)
        empty = rows["count"] == bad
        columns = {
            **_named(names, rows["series"], np.arange(len(rows))),
            **{name: fixed("Int64", rows[name]) for name in ("first_step", "last_step")},
            "last": fixed("Float64", rows["last"]),
            **{name: fixed("UInt64", rows[name]) for name in COUNTS},
            "first_nonfinite_step": nullable("Int64", rows["first_nonfinite_step"], bad == 0),
            **{name: nullable("Float64", rows[name], empty) for name in ("min", "max", "sum")},
            **{f"{name}_step": nullable("Int64", rows[f"{name}_step"], empty) for name in ("min", "max")},
            "version": fixed("UInt128", version.to_column(rows["version_high"], rows["version_low"])),
        }
        self._insert("stored_series", columns, len(rows))

    def facts(self, facts: Sequence[Fact]) -> None:
        """Insert what is known of runs."""
        short = [fact for fact in facts if fact.kind != TEXT]
        keys = {"kind": _words([fact.kind for fact in short]), "key": strings(fact.key for fact in short)}
        self._insert("stored_facts", {**_said(short), **keys}, len(short))
        long = [fact for fact in facts if fact.kind == TEXT]
        self._insert("stored_texts", {**_said(long), "key": _words([fact.key for fact in long])}, len(long))

    def alerts(self, alerts: Sequence[Alert]) -> None:
        """Insert states of alerts."""
        columns = {
            **{
                name: strings(getattr(alert, name) for alert in alerts)
                for name in ("id", "metric", "name", "title", "text", "host")
            },
            **{
                name: _words([getattr(alert, name) for alert in alerts])
                for name in ("state", "rule", "severity", "run", "project")
            },
            "episode": fixed("UInt32", np.array([alert.episode for alert in alerts], np.uint32)),
            "rank": _optional("UInt32", np.uint32, [alert.rank for alert in alerts]),
            "step": _optional("Int64", np.int64, [alert.step for alert in alerts]),
            "value": _optional("Float64", np.float64, [alert.value for alert in alerts]),
            "before": strings(dumps(alert.before).decode() for alert in alerts),
            "caused_at": fixed(_TIME, np.array([_caused_at(alert) for alert in alerts], np.int64)),
            "fired_at": fixed(_TIME, np.array([alert.fired_at for alert in alerts], np.int64)),
            "resolved_at": _optional(_TIME, np.int64, [alert.resolved_at for alert in alerts]),
            "delivered_at": _optional(
                _TIME, np.int64, [min(alert.delivered_at.values(), default=None) for alert in alerts]
            ),
            "version": fixed("UInt64", np.array([alert.version for alert in alerts], np.uint64)),
        }
        self._insert("stored_alerts", columns, len(alerts))

    def tables(self, parts: Sequence[TableRows]) -> None:
        """Insert rows of tables, and what their tables are."""
        # As JSON a row, not as a Native block of texts: of those ClickHouse would take dots for levels and texts for
        # dates, and take twice as long.
        lines = [
            cells.pack(
                {**_table(part), "table": part.table, "row": row, "data": dict(zip(part.columns, told, strict=True))}
            )
            for part in parts
            for row, told in enumerate(part.rows, part.first)
        ]
        if lines:
            self._session.insert_json("stored_table_rows", lines)
        columns = {
            **{name: _words([getattr(part, name) for part in parts]) for name in ("run", "key")},
            "rank": fixed("UInt32", np.array([part.rank for part in parts], np.uint32)),
            "step": fixed("Int64", np.array([part.step for part in parts], np.int64)),
            "columns": string_arrays([part.columns for part in parts]),
            "rows": fixed("UInt64", np.array([part.total for part in parts], np.uint64)),
            "ts": fixed(_TIME, np.array([part.ts for part in parts], np.int64)),
            "seq": fixed("UInt64", np.array([part.table for part in parts], np.uint64)),
        }
        # Last: what the views show are the rows of the tables that are told here.
        self._insert("stored_tables", columns, len(parts))

    def _insert(self, table: str, columns: Mapping[str, Column], rows: int) -> None:
        if rows:
            self._session.insert(table, columns, rows)


def _named(names: Sequence[Series], series: Ints, starts: Ints) -> dict[str, Column]:
    """Return the columns run, metric and rank of rows.

    Args:
        names: the series.
        series: of each row, the place in them.
        starts: where each stretch of rows of one series begins.
    """
    known = names if isinstance(names, Names) else Names(names)
    return known.columns(series.take(starts), np.diff(starts, append=len(series)))


def _said(facts: Sequence[Fact]) -> dict[str, Column]:
    """Return the columns that every fact has."""
    return {
        "run": _words([fact.run for fact in facts]),
        "rank": fixed("UInt32", np.array([fact.rank for fact in facts], np.uint32)),
        "value": strings(fact.value for fact in facts),
        "ts": fixed(_TIME, np.array([fact.ts for fact in facts], np.int64)),
        "seq": fixed("UInt64", np.array([fact.seq for fact in facts], np.uint64)),
    }


def _table(part: TableRows) -> dict[str, Any]:
    return {"run": part.run, "key": part.key, "rank": part.rank, "step": part.step}


def _starts(series: Ints) -> Ints:
    """Return where each stretch of rows of one series begins."""
    changed = np.ones(len(series), np.bool_)
    np.not_equal(series[1:], series[:-1], out=changed[1:])
    return np.flatnonzero(changed)


def _codes(words: Sequence[str]) -> tuple[list[str], NDArray[np.int64]]:
    codes: dict[str, int] = {}
    numbers = [codes.setdefault(word, len(codes)) for word in words]
    return list(codes), np.array(numbers, np.int64)


def _words(words: Sequence[str]) -> Column:
    return low_cardinality(*_codes(words))


def _optional(kind: str, dtype: type[np.generic], values: Sequence[Any]) -> Column:
    filled = np.array([0 if value is None else value for value in values], dtype)
    return nullable(kind, filled, np.array([value is None for value in values], np.bool_))


def _caused_at(alert: Alert) -> int:
    return alert.fired_at if alert.caused_at is None else alert.caused_at
