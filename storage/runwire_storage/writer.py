"""Writing what the stream makes of a batch: points, buckets, tails, facts, alerts, tables, media, artifacts,
console output.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from runwire.wire import Alert, ConsoleLines, MediaItem, TableRows, dumps
from runwire_storage import cells, values, version
from runwire_storage.artifacts import Numbered
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


class Shown(NamedTuple):
    """One of a run's media; the latest of (run, key, rank, step, place) is what holds.

    Attributes:
        ts: when it was logged, microseconds since the epoch.
    """

    run: str
    rank: int
    ts: int
    seq: int
    item: MediaItem


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
                for name in ("id", "metric", "name", "title", "text", "host", "ranks", "part_of")
            },
            **{
                name: _words([getattr(alert, name) for alert in alerts])
                for name in ("rule", "severity", "run", "project")
            },
            "state": _words([alert.standing for alert in alerts]),
            "details": strings(dumps({name: getattr(alert, name) for name in _DETAILS}).decode() for alert in alerts),
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

    def media(self, shown: Sequence[Shown]) -> None:
        """Insert what runs logged besides numbers and tables."""
        items = [one.item for one in shown]
        columns = {
            "run": _words([one.run for one in shown]),
            "rank": fixed("UInt32", np.array([one.rank for one in shown], np.uint32)),
            **{name: _words([getattr(item, name) for item in items]) for name in ("key", "kind", "format")},
            "step": fixed("Int64", np.array([item.step for item in items], np.int64)),
            "place": fixed("UInt32", np.array([item.index for item in items], np.uint32)),
            "count": fixed("UInt32", np.array([item.count for item in items], np.uint32)),
            **{name: strings(getattr(item, name) for item in items) for name in ("digest", "caption")},
            "size": fixed("UInt64", np.array([item.size for item in items], np.uint64)),
            "data": strings(dumps(item.data).decode() for item in items),
            "ts": fixed(_TIME, np.array([one.ts for one in shown], np.int64)),
            "seq": fixed("UInt64", np.array([one.seq for one in shown], np.uint64)),
        }
        self._insert("stored_media", columns, len(shown))

    def artifacts(self, rows: Sequence[Numbered]) -> None:
        """Insert artifacts that were logged, each with its place and its version."""
        logged = [row.logged for row in rows]
        columns = {
            **{name: _words([getattr(one, name) for one in logged]) for name in ("project", "name", "run", "type")},
            **{name: strings(getattr(one, name) for one in logged) for name in ("digest", "description")},
            "metadata": strings(dumps(one.metadata).decode() for one in logged),
            "aliases": string_arrays([one.aliases for one in logged]),
            "rank": fixed("UInt32", np.array([one.rank for one in logged], np.uint32)),
            "version": fixed("UInt32", np.array([row.version for row in rows], np.uint32)),
            "place": fixed("UInt64", np.array([row.place for row in rows], np.uint64)),
            **{
                name: fixed("UInt64", np.array([getattr(one, name) for one in logged], np.uint64))
                for name in ("seq", "files", "size")
            },
            "ts": fixed(_TIME, np.array([one.ts for one in logged], np.int64)),
        }
        self._insert("stored_artifacts", columns, len(rows))

    def console(self, messages: Sequence[ConsoleLines]) -> None:
        """Insert lines of console output."""
        rows = [(message, line) for message in messages for line in message.lines]
        columns = {
            "run": _words([message.run for message, _ in rows]),
            "rank": fixed("UInt32", np.array([message.rank for message, _ in rows], np.uint32)),
            "attempt": fixed("UInt32", np.array([message.attempt for message, _ in rows], np.uint32)),
            "n": fixed("UInt64", np.array([line.n for _, line in rows], np.uint64)),
            "stream": _words([line.stream for _, line in rows]),
            "ts": fixed(_TIME, np.array([line.ts for _, line in rows], np.int64)),
            "text": strings(line.text for _, line in rows),
            "seq": fixed("UInt64", np.array([message.seq(line) for message, line in rows], np.uint64)),
        }
        self._insert("stored_console", columns, len(rows))

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


#: Of an alert, what is told of one and never asked for over many.
_DETAILS = (
    "kind", "over_at", "mode", "cascade", "flaps", "held_until", "kept_until", "silenced_until", "acknowledged_at",
    "acknowledged_by", "told_at", "stop_asked_at", "stop_heard_at", "stop_obeyed_at",
)  # fmt: skip


def _caused_at(alert: Alert) -> int:
    return alert.fired_at if alert.caused_at is None else alert.caused_at
