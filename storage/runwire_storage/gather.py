"""How a run is gathered from what is known of it: facts of each rank, and where its series stand.

The view `runs` and the filter of runs are both made of these expressions, so a run is found by what it is shown as.
"""

from __future__ import annotations

from collections.abc import Sequence

from runwire.wire.names import SYSTEM
from runwire_storage.schema import TIME

#: What is known of runs, one row a fact or series, of which ``step`` is the last; of a fact what its rank said last. A
#: series' value has no time of its own, but one series holds the steps' times: its last is when the rank last logged,
#: unless a run logged there what is no time. What was measured beside a run says nothing of how far it is: its steps
#: are times.
_ROWS = f"""
    SELECT run, rank, kind, key, value, ts, seq, CAST(NULL, 'Nullable(Int64)') AS step
    FROM {{db}}.stored_facts FINAL
    WHERE run NOT IN (SELECT run FROM {{db}}.deleted) {{only}}
    UNION ALL
    SELECT
        run, rank, CAST(if(metric = '{TIME}', 'time', 'logged'), 'LowCardinality(String)') AS kind,
        {{key}} AS key, {{value}} AS value,
        toDateTime64(if(metric = '{TIME}' AND isFinite(last), last, 0), 6, 'UTC') AS ts, toUInt64(0) AS seq,
        last_step AS step
    FROM {{db}}.stored_series FINAL
    WHERE NOT startsWith(metric, '{SYSTEM}') AND run NOT IN (SELECT run FROM {{db}}.deleted) {{only}}
"""  # noqa: S608 - a constant
# What stands for a metric in the summary if its definition says so, over all ranks; nothing where that says "none".
_DEFINED = """
    UNION ALL
    SELECT
        run, rank, CAST('defined', 'LowCardinality(String)') AS kind, metric AS key,
        ifNull({value}, '') AS value, toDateTime64(0, 6, 'UTC') AS ts, toUInt64(0) AS seq,
        CAST(NULL, 'Nullable(Int64)') AS step
    FROM (
        SELECT
            stored_series.run AS run, toString(stored_series.metric) AS metric, min(stored_series.rank) AS rank,
            any(stands) AS stands,
            multiIf(stands = 'min', min(min), stands = 'max', max(max), stands = 'mean',
                sum(sum) / nullIf(sum(count - `nan` - pos_inf - neg_inf), 0), NULL) AS last
        FROM {{db}}.stored_series FINAL
        INNER JOIN (
            SELECT run, key AS metric, JSONExtractString(argMax(value, (ts, seq)), 'summary') AS stands
            FROM {{db}}.stored_facts FINAL
            WHERE kind = 'metric' {{only}}
            GROUP BY run, key
            HAVING stands IN ('min', 'max', 'mean', 'none')
        ) AS definitions ON definitions.run = stored_series.run AND definitions.metric = stored_series.metric
        WHERE stored_series.run NOT IN (SELECT run FROM {{db}}.deleted) {{only}}
        GROUP BY run, metric
    )
"""
_NUMBER = """multiIf(
            isNaN(last), '"NaN"',
            isInfinite(last), if(last > 0, '"Infinity"', '"-Infinity"'),
            match(toString(last), '^-?[0-9]+$'), concat(toString(last), '.0'),
            toString(last))"""
ROWS = (_ROWS + _DEFINED).format(db="{db}", only="{only}", key="toString(metric)", value=_NUMBER)
#: The same of runs that define nothing: they are most, and to look for what is not there takes as long as all else.
_ROWS_UNDEFINED = _ROWS.format(db="{db}", only="{only}", key="toString(metric)", value=_NUMBER)
#: The same, but for what `summary` alone is made of, which takes long to write down.
ROWS_BUT_SUMMARY = _ROWS.format(db="{db}", only="{only}", key="''", value="''")


def said(kind: str, key: str) -> str:
    """Return SQL for the last word, among ranks, on a fact: JSON, or nothing.

    Args:
        kind: of the fact.
        key: SQL for its key.
    """
    return f"argMaxIf(value, (ts, seq, value), kind = '{kind}' AND key = {key})"


def _told(key: str) -> str:
    """Return SQL for what a run's start said of itself, as text."""
    return f"JSONExtractString({said('run', repr(key))})"


def _has_state(state: str) -> str:
    return f"""countIf(kind = 'state' AND key = 'state' AND value = '"{state}"') > 0"""


def _lasts(items: str) -> str:
    """Return SQL for the last of each key's items, of an array of them that is sorted by key."""
    nexts = f"arrayPopFront(arrayPushBack(arrayMap(item -> item.1, {items}), NULL))"
    return f"arrayFilter((item, next) -> ifNull(item.1 != next, true), {items}, {nexts})"


def _object(items: str) -> str:
    """Return SQL for a JSON object of sorted (key, precedence, JSON): of equal keys the last counts."""
    last = f"arrayFilter(item -> item.3 != '', {_lasts(items)})"
    members = f"arrayMap(item -> concat(toJSONString(item.1), ':', item.3), {last})"
    return f"JSONExtract(concat('{{{{', arrayStringConcat({members}, ','), '}}}}'), 'JSON')"


_CONFIG = "arraySort(groupArrayIf((key, (1, toUnixTimestamp64Micro(ts), seq), value), kind = 'config'))"
_SUMMARY = """arraySort(groupArrayIf((key, if(kind = 'summary',
            (1, toUnixTimestamp64Micro(ts), seq),
            (0, if(kind = 'defined', 1, -toInt64(rank)), toUInt64(0))), value),
            kind IN ('summary', 'logged', 'defined')))"""
# Of each tag the last word among ranks says whether it is there.
_TAG = "arraySort(groupArrayIf((key, toUnixTimestamp64Micro(ts), seq, value), kind = 'tag'))"
_TAGS = f"arrayMap(tag -> tag.1, arrayFilter(tag -> tag.4 != 'false', {_lasts(_TAG)}))"
# The worst of its ranks.
_STATE = f"""multiIf(
            {_has_state("crashed")}, 'crashed', {_has_state("failed")}, 'failed',
            {_has_state("running")}, 'running', {_has_state("stopped")}, 'stopped',
            {_has_state("finished")}, 'finished', 'running')"""
# A start that does not say a name says a made-up one beside: what an earlier attempt said is not to be hidden by it.
_NAME, _DEFAULT_NAME, _PROJECT = _told("name"), _told("default_name"), _told("project")
# What was last said of a stop, among ranks; a rank that starts anew says null.
_STOP = "argMaxIf(value, (ts, seq), kind = 'state' AND key = 'stop' AND value != 'null')"
_STARTED = "minIf(toInt64OrNull(value), kind = 'run' AND key = 'started_at')"

#: A run's columns, as aggregates over its `ROWS`. `config` and `summary` are JSON: `config.lr` reads a key; to compute
#: with it, `config.lr::Float64`. In `summary` stands the last value of each metric, of the lowest rank that logged it,
#: or what its definition says, under whatever the run itself said of that key; what is not finite is "NaN", "Infinity",
#: "-Infinity". `exit_code` is the last that is not 0, if a rank has such; `command`, `exception` and `stop` are JSON as
#: it was sent.
COLUMNS = {
    "id": "run",
    "project": f"if({_PROJECT} = '', 'default', {_PROJECT})",
    "name": f"multiIf({_NAME} != '', {_NAME}, {_DEFAULT_NAME} != '', {_DEFAULT_NAME}, run)",
    "entity": _told("entity"),
    "group": _told("group"),
    "job_type": _told("job_type"),
    "notes": _told("notes"),
    "commit": f"JSONExtractString({said('run', repr('git'))}, 'commit')",
    "state": _STATE,
    "config": _object(_CONFIG),
    "summary": _object(_SUMMARY),
    "tags": _TAGS,
    "host": _told("host"),
    "command": said("run", "'command'"),
    "ranks": "uniqExact(rank)",
    "last_step": "max(step)",
    "started_at": f"""coalesce(fromUnixTimestamp64Micro({_STARTED}, 'UTC'),
            minIf(ts, kind NOT IN ('logged', 'defined')))""",
    "ended_at": f"if({_STATE} = 'running', NULL, maxIf(ts, kind = 'state' AND key = 'state'))",
    "seen_at": "max(ts)",
    "exit_code": """toInt64OrNull(argMaxIf(value, (value NOT IN ('0', 'null'), ts, seq),
            kind = 'state' AND key = 'exit_code'))""",
    "exception": "argMaxIf(value, (ts, seq), kind = 'state' AND key = 'exception' AND value != 'null')",
    "stop": _STOP,
    "stop_reason": f"JSONExtractString({_STOP}, 'reason')",
    "time_limit_at": f"""fromUnixTimestamp64Micro(toInt64OrNull({said("run", "'time_limit_at'")}), 'UTC')""",
    "dropped_rows": "sumIf(JSONExtractUInt(value, 'rows'), kind = 'dropped')",
}

#: One pass over facts and last values, one group a run.
RUNS = f"""
    CREATE OR REPLACE VIEW {{db}}.runs AS
    SELECT
        {", ".join(f"{sql} AS `{name}`" for name, sql in COLUMNS.items())}
    FROM ({ROWS.format(db="{db}", only="")})
    GROUP BY run
"""  # noqa: S608 - no part of it comes from outside


#: SQL that has a row if one of the runs ``{ids:Array(String)}`` says what stands for a metric.
DEFINES = "SELECT 1 FROM {db}.stored_facts WHERE kind = 'metric' AND run IN {ids:Array(String)} LIMIT 1"


def gathered(columns: Sequence[str], database: str, *, defined: bool) -> str:
    """Return SQL for some columns of the runs ``{ids:Array(String)}``, of which alone it reads, unlike the view.

    Args:
        columns: of COLUMNS.
        database: where the tables are.
        defined: whether one of the runs defines metrics.
    """
    rows = ROWS_BUT_SUMMARY if "summary" not in columns else ROWS if defined else _ROWS_UNDEFINED
    rows = rows.format(db=database, only="AND run IN {ids:Array(String)}")
    selected = ", ".join(f"{COLUMNS[name]} AS `{name}`" for name in columns).format()
    return f"SELECT {selected} FROM ({rows}) GROUP BY run"  # noqa: S608 - no part of it comes from outside
