"""ClickHouse: schema, writers, queries, and the embedded ClickHouse."""
