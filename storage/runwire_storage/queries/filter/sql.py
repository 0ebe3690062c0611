"""A filter as SQL: which columns a run must be gathered with, and the condition over them. Every value is bound."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any

from clickhouse_connect.driver.client import Client

from runwire_storage.gather import COLUMNS, ROWS_BUT_SUMMARY
from runwire_storage.queries.filter.tree import (
    Among,
    And,
    Condition,
    Config,
    Field,
    Has,
    IsNaN,
    Metric,
    Not,
    Operand,
    Or,
    SortKey,
    Summary,
    Value,
)
from runwire_storage.schema import DATABASE

#: What a query with this SQL is run under: numbers are read to the bit.
SETTINGS = {"precise_float_parsing": 1}

#: What is not finite, as JSON.
_NAMED = ('"NaN"', '"Infinity"', '"-Infinity"')
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_FINITE = "(count - nan_count - pos_inf_count - neg_inf_count)"
#: Of the rows of `series` that `{where}` picks, one a rank; NULL, or a count of 0, where it picks none. A mean of
#: several ranks is that of all their points.
_AGGREGATES = {
    "last": "argMinOrNullIf(last, rank, {where})",
    "min": "minOrNullIf(min, {where})",
    "max": "maxOrNullIf(max, {where})",
    "mean": f"if(countIf({{where}}) = 1, anyOrNullIf(mean, {{where}}), "
    f"sumOrNullIf(mean * {_FINITE}, {{where}}) / sumOrNullIf({_FINITE}, {{where}}))",
    "count": "sumIf(count, {where})",
    "nonfinite": "sumIf(nan_count + pos_inf_count + neg_inf_count, {where})",
    # The first point itself: `series` tells where it stands, not its value.
    "first": "argMinOrNullIf(value, rank, {where})",
}


@dataclass(frozen=True)
class _Sight:
    """An operand as SQL: what it is as a number and as a text, each NULL where it is none, and whether it is there."""

    number: str = "CAST(NULL, 'Nullable(Float64)')"
    text: str = "CAST(NULL, 'Nullable(String)')"
    there: str = "true"


def selection(client: Client) -> Selection:
    """Return a selection for a store.

    Raises:
        ClickHouseError: the driver's own, where the store refuses or is away.
    """
    rows = client.query(f"SELECT 1 FROM {DATABASE}.stored_facts WHERE kind = 'metric' LIMIT 1").result_rows  # noqa: S608
    return Selection(defined=bool(rows))


class Selection:
    """Gathers what a condition and sort keys need to know of each run, and says it as one SELECT.

    Args:
        defined: whether any run says what stands for a metric in its summary: to look for it takes its time.
    """

    def __init__(self, *, defined: bool) -> None:
        self._defined = defined
        self.parameters: dict[str, Any] = {}
        self._facts: dict[str, str] = {"id": COLUMNS["id"]}
        self._metrics: dict[str, str] = {}
        self._firsts: dict[str, str] = {}
        self._names: dict[str, list[str]] = {"metrics": [], "firsts": []}
        self._seen: dict[Operand, _Sight] = {}

    def condition(self, condition: Condition) -> str:
        """Return SQL that is 1 where the condition holds, else 0; never NULL."""
        if isinstance(condition, (And, Or)):
            parts = [self.condition(part) for part in condition.conditions]
            return f"({(' AND ' if isinstance(condition, And) else ' OR ').join(parts)})" if parts else "true"
        if isinstance(condition, Not):
            return f"NOT {self.condition(condition.condition)}"
        if isinstance(condition, Among):
            same = [self._compare(condition.operand, "=", value) for value in condition.values]
            return f"({' OR '.join(same)})"
        if isinstance(condition, IsNaN):
            return f"ifNull(isNaN({self.sight(condition.operand).number}), false)"
        if isinstance(condition, Has):
            return f"({self.sight(condition.operand).there})"
        return self._compare(condition.operand, condition.operator, condition.value)

    def order(self, keys: Sequence[SortKey]) -> str:
        """Return SQL to order by: what a run lacks comes last, then NaN; at last the id decides."""
        parts = []
        for key in keys:
            sight = self.sight(key.operand)
            way = "DESC" if key.descending else "ASC"
            kinds = (sight.number, f"nullIf({sight.text}, '')") if key.operand.type == "any" else (sight.number,)
            if key.operand.type in {"text", "tags"}:
                kinds = (f"nullIf({sight.text}, '')",)
            parts += [f"{sql} {way} NULLS LAST" for sql in kinds]
        return ", ".join([*parts, "id"])

    def select(self, columns: str, condition: str) -> str:
        """Return a SELECT of ``columns`` from the runs for which ``condition`` holds, one row a run."""
        gathered = ", ".join(f"{sql} AS `{name}`" for name, sql in self._facts.items())
        rows = ROWS_BUT_SUMMARY.format(db=DATABASE, only="")
        return f"""
            SELECT {columns} FROM (SELECT {gathered} FROM ({rows}) GROUP BY run) AS gathered
            {self._joined("metrics", self._metrics, f"{DATABASE}.series WHERE {self._among('metrics')}")}
            {self._joined("firsts", self._firsts, self._first_points())}
            WHERE {condition}
        """  # noqa: S608 - all of it is ours; values are bound

    def sight(self, operand: Operand) -> _Sight:
        """Return an operand as SQL over the columns that `select` gathers for it."""
        if operand not in self._seen:
            see = {Field: self._field, Config: self._config, Summary: self._summary, Metric: self._metric}
            self._seen[operand] = see[type(operand)](operand)  # type: ignore[operator]  # each takes its own
        return self._seen[operand]

    def _field(self, field: Field) -> _Sight:
        if field.type == "text":
            column = self._fact(field.name)
            return _Sight(text=column, there=f"{column} != ''")
        if field.name == "tag":
            column = self._fact("tags")
            return _Sight(text=f"arrayStringConcat({column}, ',')", there=f"notEmpty({column})")
        if field.name in {"started", "ended"}:
            number = f"toUnixTimestamp64Micro({self._fact(f'{field.name}_at')})"
        elif field.name == "duration":
            started, ended, seen = (self._fact(f"{name}_at") for name in ("started", "ended", "seen"))
            end = f"toUnixTimestamp64Micro(ifNull({ended}, {seen}))"
            number = f"({end} - toUnixTimestamp64Micro({started})) / 1000000"
        else:
            number = self._fact(field.name)
        return _Sight(number=number, there=f"isNotNull({number})")

    def _config(self, config: Config) -> _Sight:
        return _json(self._said("config", config.key))

    def _summary(self, summary: Summary) -> _Sight:
        said = _json(self._said("summary", summary.key))
        last = self._stands(summary.key)
        return _Sight(f"if({said.there}, {said.number}, {last})", said.text, f"({said.there} OR isNotNull({last}))")

    def _stands(self, metric: str) -> str:
        """Return what stands for a metric in the summary: its last value, unless its definition says otherwise."""
        if not self._defined:
            return self._aggregate("last", metric, None)
        stands = f"JSONExtractString(ifNull({self._said('metric', metric)}, ''), 'summary')"
        last = self._aggregate("last", metric, None)
        others = (f"{stands} = '{one}', {self._aggregate(one, metric, None)}" for one in ("min", "max", "mean"))
        return f"multiIf({', '.join(others)}, {stands} = 'none', NULL, {last})"

    def _metric(self, metric: Metric) -> _Sight:
        number = self._aggregate(metric.function, metric.name, metric.rank)
        if metric.function in {"count", "nonfinite"}:
            return _Sight(number=number, there=f"{number} > 0")
        return _Sight(number=number, there=f"isNotNull({number})")

    def _compare(self, operand: Operand, operator: str, value: Value) -> str:
        sight = self.sight(operand)
        if isinstance(value, str):
            if operand.type == "tags":
                return self._tagged(operator, value)
            if operator == "~":
                return f"ifNull(match({sight.text}, {self._bind(value, 'String')}), false)"
            return f"ifNull({sight.text} {operator} {self._bind(value, 'String')}, false)"
        if isinstance(value, datetime):
            bound = self._bind((value - _EPOCH) // timedelta(microseconds=1), "Int64")
        else:
            bound = self._bind(value, "Float64")
        both = f"{sight.number} {operator} {bound}"
        return f"ifNull({both}{f' AND NOT isNaN({sight.number})' if operator == '!=' else ''}, false)"

    def _tagged(self, operator: str, value: str) -> str:
        bound = self._bind(value, "String")
        return f"arrayExists(tag -> match(tag, {bound}), tags)" if operator == "~" else f"has(tags, {bound})"

    def _fact(self, column: str) -> str:
        self._facts[column] = COLUMNS[column]
        return f"`{column}`"  # one is called as a keyword is

    def _said(self, kind: str, key: str) -> str:
        name = f"said{len(self._facts)}"
        where = f"kind = '{kind}' AND key = {self._bind(key, 'String')}"
        self._facts[name] = f"argMaxOrNullIf(value, (ts, seq, value), {where})"
        return name

    def _aggregate(self, function: str, metric: str, rank: int | None) -> str:
        source, columns = ("firsts", self._firsts) if function == "first" else ("metrics", self._metrics)
        bound = self._bind(metric, "String")
        self._names[source].append(bound)
        where = f"metric = {bound}" + (f" AND rank = {self._bind(rank, 'UInt32')}" if rank is not None else "")
        name = f"{source}{len(columns)}"
        columns[name] = _AGGREGATES[function].format(where=where)
        return name

    def _among(self, source: str) -> str:
        return f"metric IN ({', '.join(self._names[source])})"

    def _first_points(self) -> str:
        return f"""{DATABASE}.points WHERE (run, metric, rank, step) IN (
            SELECT run, metric, rank, first_step FROM {DATABASE}.series WHERE {self._among("firsts")})"""  # noqa: S608

    @staticmethod
    def _joined(source: str, columns: dict[str, str], where: str) -> str:
        if not columns:
            return ""
        selected = ", ".join(f"{sql} AS {name}" for name, sql in columns.items())
        return f"LEFT JOIN (SELECT run, {selected} FROM {where} GROUP BY run) AS {source} ON {source}.run = id"  # noqa: S608

    def _bind(self, value: Any, kind: str) -> str:
        name = f"p{len(self.parameters)}"
        self.parameters[name] = value
        return f"{{{name}:{kind}}}"


def _json(column: str) -> _Sight:
    """See a column of JSON, or NULL: a value is a number, one of those that are not finite by its name, or a text."""
    named = "', '".join(_NAMED)
    number = f"toFloat64OrNull(if({column} IN ('{named}'), trim(BOTH '\"' FROM {column}), {column}))"
    text = f"if(startsWith({column}, '\"'), JSONExtractString({column}), {column})"
    return _Sight(number, f"if(isNull({number}), {text}, NULL)", f"isNotNull({column})")
