"""What ClickHouse holds: tables named ``stored_*``, and over them the views that people and queries read.

Every table is idempotent: a row is identified by its ORDER BY key, and of two rows with the same key the one with the
higher ``seq`` stays, so writing anything twice changes nothing. The views apply FINAL, so nobody need know of it.
"""

from __future__ import annotations

from runwire_storage.gather import RUNS

DATABASE = "runwire"

#: log2 of the bucket widths, in steps; each level is sixteen buckets of the one below, the lowest is made from points.
LEVELS = (6, 10, 14, 18)

TABLES = {
    "stored_points": """
        CREATE TABLE IF NOT EXISTS {db}.stored_points (
            run LowCardinality(String),
            metric LowCardinality(String),
            rank UInt32 CODEC(T64, ZSTD(1)),
            step Int64 CODEC(DoubleDelta, ZSTD(1)),
            ts DateTime64(6, 'UTC') CODEC(DoubleDelta, ZSTD(1)),
            value Float64 CODEC(ZSTD(1)),
            seq UInt64 CODEC(DoubleDelta, ZSTD(1))
        ) ENGINE = ReplacingMergeTree(seq) ORDER BY (run, metric, rank, step)
    """,
    "stored_rollups": """
        CREATE TABLE IF NOT EXISTS {db}.stored_rollups (
            run LowCardinality(String),
            metric LowCardinality(String),
            rank UInt32 CODEC(T64, ZSTD(1)),
            level UInt8,
            bucket Int64 CODEC(DoubleDelta, ZSTD(1)),
            count UInt64 CODEC(T64, ZSTD(1)),
            nan UInt64 CODEC(T64, ZSTD(1)),
            pos_inf UInt64 CODEC(T64, ZSTD(1)),
            neg_inf UInt64 CODEC(T64, ZSTD(1)),
            first_nonfinite_step Nullable(Int64),
            first Nullable(Float64), first_step Nullable(Int64),
            last Nullable(Float64), last_step Nullable(Int64),
            min Nullable(Float64), min_step Nullable(Int64),
            max Nullable(Float64), max_step Nullable(Int64),
            sum Nullable(Float64),
            seq UInt64 CODEC(DoubleDelta, ZSTD(1))
        ) ENGINE = ReplacingMergeTree(seq) ORDER BY (run, metric, rank, level, bucket)
    """,
    "stored_series": """
        CREATE TABLE IF NOT EXISTS {db}.stored_series (
            run LowCardinality(String),
            metric LowCardinality(String),
            rank UInt32,
            last_step Int64,
            last_ts DateTime64(6, 'UTC'),
            last Float64,
            seq UInt64
        ) ENGINE = ReplacingMergeTree(seq) ORDER BY (run, metric, rank)
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
            version UInt64
        ) ENGINE = ReplacingMergeTree(version) ORDER BY (run, id, episode)
    """,
}

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
    "points": """
        CREATE OR REPLACE VIEW {db}.points AS
        SELECT run, metric, rank, step, ts, value FROM {db}.stored_points FINAL
        WHERE run NOT IN (SELECT run FROM {db}.deleted)
    """,
    # A bare `nan` in SQL is the number: whoever asks the view need not know of quotes.
    "rollups": """
        CREATE OR REPLACE VIEW {db}.rollups AS
        SELECT * EXCEPT (seq, `nan`, pos_inf, neg_inf),
            `nan` AS nan_count, pos_inf AS pos_inf_count, neg_inf AS neg_inf_count
        FROM {db}.stored_rollups FINAL
        WHERE run NOT IN (SELECT run FROM {db}.deleted)
    """,
    "series": """
        CREATE OR REPLACE VIEW {db}.series AS
        SELECT run, metric, rank, last_step, last_ts, last FROM {db}.stored_series FINAL
        WHERE run NOT IN (SELECT run FROM {db}.deleted)
    """,
    "alerts": """
        CREATE OR REPLACE VIEW {db}.alerts AS
        SELECT
            run, rule, metric, rank, step, fired_at, resolved_at, state, severity, title, text, value, before,
            project, name, host, caused_at, delivered_at, id, episode
        FROM {db}.stored_alerts FINAL
        WHERE run NOT IN (SELECT run FROM {db}.deleted)
    """,
    "runs": RUNS,
}

#: Rises whenever TABLES or VIEWS change in a way that an older program could not live with.
VERSION = 1
