"""What ClickHouse holds: tables named ``stored_*``, and over them the views that people and queries read.

Every table is idempotent: a row is identified by its ORDER BY key, and of two rows with the same key the one with the
higher ``seq`` or ``version`` stays, so writing anything twice changes nothing. The views apply FINAL, so nobody need
know of it.
"""

from __future__ import annotations

from runwire_storage.values import SHIFT

DATABASE = "runwire"

#: log2 of the bucket widths, in steps; each level is four buckets of the one below, the lowest is made from points. So
#: a column of 2^k steps is never more than two buckets.
LEVELS = (6, 8, 10, 12, 14, 16, 18, 20)

#: A bucket with fewer points has no row: reading so few points costs less than keeping a row for them.
POINTS_MIN = 32

#: The metric under which the time of each step is kept, as seconds since the epoch: once a step, not once a point.
TIME = "_timestamp"

_SERIES_KEY = """run LowCardinality(String),
            metric LowCardinality(String),
            rank UInt32 CODEC(T64, ZSTD(1)),"""
_STEPS = "CODEC(DoubleDelta, ZSTD(1))"
_EXTREMES = ",\n            ".join(
    f"{name} Nullable(Float64) CODEC(ZSTD(1)), {name}_step Nullable(Int64) {_STEPS}"
    for name in ("first", "last", "min", "max")
)

TABLES = {
    # A value is `number` / 10^`decimals`, or where it has more decimals than a few, the float whose bits are `number`
    # less SHIFT: so both kinds lie as integers that share their high bits, which T64 leaves out. Small blocks, because
    # mostly the ends of many series are read. Steps and seqs count up by the same number again and again: so Delta,
    # which reads three times as fast as DoubleDelta, and ZSTD(3), for ZSTD(1) does not see that all of it repeats.
    # Eight parts a merge, where ClickHouse takes five: merging is two thirds of what a point costs it. And here as in
    # each table that every batch adds to: no statistics, which inserts and merges would make anew of every column and
    # no query of ours asks for.
    "stored_points": f"""
        CREATE TABLE IF NOT EXISTS {{db}}.stored_points (
            {_SERIES_KEY}
            step Int64 CODEC(Delta, ZSTD(3)),
            number Int64 CODEC(T64('bit'), ZSTD(1)),
            decimals Int8 CODEC(ZSTD(1)),
            seq UInt64 CODEC(Delta, ZSTD(3)),
            value Float64 ALIAS if(decimals < 0, reinterpretAsFloat64(number - {SHIFT}), number / intExp10(decimals))
        ) ENGINE = ReplacingMergeTree(seq) ORDER BY (run, metric, rank, step)
        SETTINGS index_granularity = 1024, min_compress_block_size = 32768, auto_statistics_types = '',
            merge_selector_base = 8
    """,
    # `version` is the sum of the seqs of the bucket's points: the more complete of two states has the higher. A view
    # wants all columns of a few rows: in compact parts they lie side by side, in one file instead of thirty.
    "stored_rollups": f"""
        CREATE TABLE IF NOT EXISTS {{db}}.stored_rollups (
            {_SERIES_KEY}
            level UInt8,
            bucket Int64 {_STEPS},
            count UInt64 CODEC(T64, ZSTD(1)),
            nan UInt64 CODEC(T64, ZSTD(1)),
            pos_inf UInt64 CODEC(T64, ZSTD(1)),
            neg_inf UInt64 CODEC(T64, ZSTD(1)),
            first_nonfinite_step Nullable(Int64) {_STEPS},
            {_EXTREMES},
            sum Nullable(Float64) CODEC(ZSTD(1)),
            version UInt128 CODEC(ZSTD(1))
        ) ENGINE = ReplacingMergeTree(version) ORDER BY (run, metric, level, rank, bucket)
        SETTINGS index_granularity = 1024, min_compress_block_size = 16384,
            min_rows_for_wide_part = 1000000000000, min_bytes_for_wide_part = 1000000000000000,
            auto_statistics_types = ''
    """,
    # A series' row replaces the one before it, so nearly each merge takes in the part that holds all series: eight
    # parts at once, as of points.
    "stored_series": f"""
        CREATE TABLE IF NOT EXISTS {{db}}.stored_series (
            {_SERIES_KEY}
            first_step Int64,
            last_step Int64,
            last Float64,
            count UInt64,
            nan UInt64,
            pos_inf UInt64,
            neg_inf UInt64,
            first_nonfinite_step Nullable(Int64),
            min Nullable(Float64), min_step Nullable(Int64),
            max Nullable(Float64), max_step Nullable(Int64),
            sum Nullable(Float64),
            version UInt128
        ) ENGINE = ReplacingMergeTree(version) ORDER BY (run, metric, rank)
        SETTINGS index_granularity = 8192, auto_statistics_types = '', merge_selector_base = 8
    """,
    # What was logged as a Table, the newest of each name and step; `seq` is that of the table's first message.
    "stored_tables": """
        CREATE TABLE IF NOT EXISTS {db}.stored_tables (
            run LowCardinality(String),
            key LowCardinality(String),
            rank UInt32,
            step Int64,
            columns Array(String),
            rows UInt64,
            ts DateTime64(6, 'UTC'),
            seq UInt64
        ) ENGINE = ReplacingMergeTree(seq) ORDER BY (run, key, rank, step)
    """,
    # The rows of every table that was logged, also of those that a newer one has taken the place of.
    "stored_table_rows": """
        CREATE TABLE IF NOT EXISTS {db}.stored_table_rows (
            run LowCardinality(String),
            key LowCardinality(String),
            rank UInt32,
            step Int64,
            table UInt64,
            row UInt64 CODEC(Delta, ZSTD(1)),
            data JSON
        ) ENGINE = ReplacingMergeTree ORDER BY (run, key, rank, step, table, row)
    """,
    # What was logged besides numbers and tables, of each name and step: some of `count` that were logged together.
    "stored_media": """
        CREATE TABLE IF NOT EXISTS {db}.stored_media (
            run LowCardinality(String),
            key LowCardinality(String),
            rank UInt32,
            step Int64,
            place UInt32,
            count UInt32,
            kind LowCardinality(String),
            format LowCardinality(String),
            digest String,
            size UInt64,
            caption String,
            data String CODEC(ZSTD(3)),
            ts DateTime64(6, 'UTC'),
            seq UInt64
        ) ENGINE = ReplacingMergeTree(seq) ORDER BY (run, key, rank, step, place)
    """,
    # Each logging of an artifact, as the `place`-th of its collection: what its versions, aliases and runs are told by.
    # Rows stay when their run is deleted: other runs use what it made, and numbers of versions are given once.
    "stored_artifacts": """
        CREATE TABLE IF NOT EXISTS {db}.stored_artifacts (
            project LowCardinality(String),
            name LowCardinality(String),
            run LowCardinality(String),
            rank UInt32,
            seq UInt64,
            place UInt64,
            version UInt32,
            digest String,
            type LowCardinality(String),
            description String,
            metadata String,
            aliases Array(String),
            files UInt64,
            size UInt64,
            ts DateTime64(6, 'UTC')
        ) ENGINE = ReplacingMergeTree(place) ORDER BY (project, name, run, rank, seq)
    """,
    "stored_facts": """
        CREATE TABLE IF NOT EXISTS {db}.stored_facts (
            run LowCardinality(String),
            rank UInt32,
            kind LowCardinality(String),
            key String,
            value String,
            ts DateTime64(6, 'UTC'),
            seq UInt64
        ) ENGINE = ReplacingMergeTree(seq) ORDER BY (run, kind, key, rank)
    """,
    # Facts that are long, and that no list of runs looks at: it would read all of them.
    "stored_texts": """
        CREATE TABLE IF NOT EXISTS {db}.stored_texts (
            run LowCardinality(String),
            rank UInt32,
            key LowCardinality(String),
            value String CODEC(ZSTD(3)),
            ts DateTime64(6, 'UTC'),
            seq UInt64
        ) ENGINE = ReplacingMergeTree(seq) ORDER BY (run, key, rank)
    """,
    # What the processes of runs print, a row a line; a line that was rewritten has a later row.
    "stored_console": """
        CREATE TABLE IF NOT EXISTS {db}.stored_console (
            run LowCardinality(String),
            rank UInt32,
            attempt UInt32,
            n UInt64 CODEC(Delta, ZSTD(1)),
            stream LowCardinality(String),
            ts DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)),
            text String CODEC(ZSTD(3)),
            seq UInt64 CODEC(Delta, ZSTD(1))
        ) ENGINE = ReplacingMergeTree(seq) ORDER BY (run, rank, attempt, n)
        SETTINGS auto_statistics_types = ''
    """,
    "stored_deletions": """
        CREATE TABLE IF NOT EXISTS {db}.stored_deletions (
            run LowCardinality(String),
            seq UInt64,
            deleted Bool,
            at DateTime64(6, 'UTC')
        ) ENGINE = ReplacingMergeTree(seq) ORDER BY run
    """,
    "stored_alerts": """
        CREATE TABLE IF NOT EXISTS {db}.stored_alerts (
            id String,
            episode UInt32,
            state LowCardinality(String),
            rule LowCardinality(String),
            severity LowCardinality(String),
            run LowCardinality(String),
            project LowCardinality(String),
            name String,
            rank Nullable(UInt32),
            metric String,
            step Nullable(Int64),
            value Nullable(Float64),
            before String,
            title String,
            text String,
            host String,
            caused_at DateTime64(6, 'UTC'),
            fired_at DateTime64(6, 'UTC'),
            resolved_at Nullable(DateTime64(6, 'UTC')),
            delivered_at Nullable(DateTime64(6, 'UTC')),
            version UInt64,
            ranks String,
            part_of String,
            details String
        ) ENGINE = ReplacingMergeTree(version) ORDER BY (run, id, episode)
    """,
}

#: And `runs`, which `runwire_storage.gather` describes.
VIEWS = {
    # Every view below leaves these runs out, whatever is still stored of them or still comes.
    "deleted": """
        CREATE OR REPLACE VIEW {db}.deleted AS SELECT run FROM {db}.stored_deletions FINAL WHERE deleted
    """,
    # A run that starts again under the id of one that was deleted is shown: its start has the higher seq.
    "restarts": """
        CREATE MATERIALIZED VIEW IF NOT EXISTS {db}.restarts TO {db}.stored_deletions AS
        SELECT run, seq, false AS deleted, now64(6, 'UTC') AS at FROM {db}.stored_facts
        WHERE kind = 'run' AND key = 'started_at' AND run IN (SELECT run FROM {db}.stored_deletions)
    """,
    "points": f"""
        CREATE OR REPLACE VIEW {{db}}.points AS
        SELECT run, metric, rank, step, value FROM {{db}}.stored_points FINAL
        WHERE metric != '{TIME}' AND run NOT IN (SELECT run FROM {{db}}.deleted)
    """,  # noqa: S608 - a constant
    # When each step was logged; of a step that was logged more than once, the last time. What a run logged there may be
    # no time at all.
    "steps": f"""
        CREATE OR REPLACE VIEW {{db}}.steps AS
        SELECT run, rank, step,
            fromUnixTimestamp64Micro(toInt64(round(if(isFinite(value * 1e6), value, 0) * 1e6)), 'UTC') AS ts
        FROM {{db}}.stored_points FINAL
        WHERE metric = '{TIME}' AND run NOT IN (SELECT run FROM {{db}}.deleted)
    """,  # noqa: S608 - a constant
    # A bare `nan` in SQL is the number: whoever asks the view need not know of quotes.
    "rollups": f"""
        CREATE OR REPLACE VIEW {{db}}.rollups AS
        SELECT * EXCEPT (version, `nan`, pos_inf, neg_inf),
            `nan` AS nan_count, pos_inf AS pos_inf_count, neg_inf AS neg_inf_count
        FROM {{db}}.stored_rollups FINAL
        WHERE metric != '{TIME}' AND run NOT IN (SELECT run FROM {{db}}.deleted)
    """,  # noqa: S608 - a constant
    "series": f"""
        CREATE OR REPLACE VIEW {{db}}.series AS
        SELECT
            run, metric, rank, first_step, last_step, last, count,
            `nan` AS nan_count, pos_inf AS pos_inf_count, neg_inf AS neg_inf_count, first_nonfinite_step,
            min, min_step, max, max_step, sum / (count - `nan` - pos_inf - neg_inf) AS mean
        FROM {{db}}.stored_series FINAL
        WHERE metric != '{TIME}' AND run NOT IN (SELECT run FROM {{db}}.deleted)
    """,  # noqa: S608 - a constant
    "tables": """
        CREATE OR REPLACE VIEW {db}.tables AS
        SELECT run, key AS name, rank, step, ts, rows, columns FROM {db}.stored_tables FINAL
        WHERE run NOT IN (SELECT run FROM {db}.deleted)
    """,
    "table_rows": """
        CREATE OR REPLACE VIEW {db}.table_rows AS
        SELECT run, key AS name, rank, step, row, data FROM {db}.stored_table_rows FINAL
        WHERE (run, key, rank, step, table) IN (SELECT run, key, rank, step, seq FROM {db}.stored_tables FINAL)
            AND run NOT IN (SELECT run FROM {db}.deleted)
    """,
    # Of fewer that were logged again at a step those before have no successors: they are told by their count.
    "media": """
        CREATE OR REPLACE VIEW {db}.media AS
        SELECT run, key AS name, rank, step, place, ts, kind, format, digest, size, caption, data
        FROM {db}.stored_media FINAL
        WHERE (run, key, rank, step, count) IN (
                SELECT run, key, rank, step, argMax(count, seq) FROM {db}.stored_media GROUP BY run, key, rank, step
            ) AND run NOT IN (SELECT run FROM {db}.deleted)
    """,
    # What the last logging of a version says of it counts, but for who made it, and when.
    "artifacts": """
        CREATE OR REPLACE VIEW {db}.artifacts AS
        SELECT
            project, name, version, argMax(type, place) AS type, argMax(description, place) AS description,
            argMax(metadata, place) AS metadata, any(digest) AS digest,
            any(files) AS files, any(size) AS size, argMin(run, place) AS run, argMin(ts, place) AS created_at
        FROM {db}.stored_artifacts FINAL
        GROUP BY project, name, version
    """,
    # An alias is where it was put last, in the order of the collection's log.
    "artifact_aliases": """
        CREATE OR REPLACE VIEW {db}.artifact_aliases AS
        SELECT project, name, alias, argMax(version, place) AS version
        FROM (
            SELECT project, name, version, place, arrayJoin(arrayPushFront(aliases, 'latest')) AS alias
            FROM {db}.stored_artifacts FINAL
        )
        GROUP BY project, name, alias
    """,
    "artifact_runs": """
        CREATE OR REPLACE VIEW {db}.artifact_runs AS
        SELECT run, rank, seq, 'logged' AS action, project, name, version, ts FROM {db}.stored_artifacts FINAL
        WHERE run NOT IN (SELECT run FROM {db}.deleted)
        UNION ALL
        SELECT
            run, rank, seq, 'used' AS action,
            CAST(JSONExtractString(value, 'project'), 'LowCardinality(String)') AS project,
            CAST(JSONExtractString(value, 'name'), 'LowCardinality(String)') AS name,
            toUInt32(JSONExtractUInt(value, 'version')) AS version, ts
        FROM {db}.stored_facts FINAL
        WHERE kind = 'artifact' AND run NOT IN (SELECT run FROM {db}.deleted)
    """,
    "texts": """
        CREATE OR REPLACE VIEW {db}.texts AS
        SELECT run, rank, key, value, ts FROM {db}.stored_texts FINAL
        WHERE run NOT IN (SELECT run FROM {db}.deleted)
    """,
    "console": """
        CREATE OR REPLACE VIEW {db}.console AS
        SELECT run, rank, attempt, n, stream, ts, text FROM {db}.stored_console FINAL
        WHERE run NOT IN (SELECT run FROM {db}.deleted)
    """,
    "alerts": """
        CREATE OR REPLACE VIEW {db}.alerts AS
        SELECT
            run, rule, metric, rank, step, fired_at, resolved_at, state, severity, title, text, value, before,
            project, name, host, caused_at, delivered_at, id, episode, ranks, part_of, details
        FROM {db}.stored_alerts FINAL
        WHERE run NOT IN (SELECT run FROM {db}.deleted)
    """,
}

#: What a store of an earlier version needs besides TABLES and VIEWS, by the version that it makes; again is harmless.
#: Parts that are there stay as they are, are read as they are, and become as they are to be when they are merged.
UPGRADES = {
    3: (
        """
        ALTER TABLE {db}.stored_points
            MODIFY COLUMN step Int64 CODEC(Delta, ZSTD(3)),
            MODIFY COLUMN seq UInt64 CODEC(Delta, ZSTD(3)),
            MODIFY SETTING min_compress_block_size = 32768, auto_statistics_types = '', merge_selector_base = 8
        """,
    ),
    4: (
        "ALTER TABLE {db}.stored_rollups MODIFY SETTING auto_statistics_types = ''",
        "ALTER TABLE {db}.stored_series MODIFY SETTING auto_statistics_types = '', merge_selector_base = 8",
    ),
    6: (
        """
        ALTER TABLE {db}.stored_alerts
            ADD COLUMN IF NOT EXISTS ranks String,
            ADD COLUMN IF NOT EXISTS part_of String,
            ADD COLUMN IF NOT EXISTS details String
        """,
    ),
}

#: The first version whose stores can be brought to this one.
VERSION_MIN = 2
#: Rises whenever TABLES change, or VIEWS do in a way that an older program could not live with.
VERSION = 6
