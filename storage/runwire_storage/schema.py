"""What ClickHouse holds: tables named ``stored_*``, and over them the views that people and queries read.

Every table is idempotent: a row is identified by its ORDER BY key, and of two rows with the same key the one with the
higher ``seq`` stays, so writing anything twice changes nothing. The views apply FINAL, so nobody need know of it.
"""

from __future__ import annotations

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

VIEWS: dict[str, str] = {}
