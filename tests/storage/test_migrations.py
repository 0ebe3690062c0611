"""Bringing a store to the schema, and what happens when that is not possible."""

from __future__ import annotations

import struct
import threading

import pytest
from clickhouse_connect.driver.client import Client
from embedded_process import Embedded

from runwire_storage.migrations import SchemaError, migrate, stored_version
from runwire_storage.schema import TABLES, VERSION, VIEWS
from runwire_storage.values import SHIFT

#: As schema version 2 made it.
_POINTS_2 = """
    CREATE TABLE stored_points (
        run LowCardinality(String),
        metric LowCardinality(String),
        rank UInt32 CODEC(T64, ZSTD(1)),
        step Int64 CODEC(DoubleDelta, ZSTD(1)),
        number Int64 CODEC(T64('bit'), ZSTD(1)),
        decimals Int8 CODEC(ZSTD(1)),
        seq UInt64 CODEC(DoubleDelta, ZSTD(1)),
        value Float64 ALIAS if(
            decimals < 0, reinterpretAsFloat64(number - 94575592174780416), number / intExp10(decimals)
        )
    ) ENGINE = ReplacingMergeTree(seq) ORDER BY (run, metric, rank, step)
    SETTINGS index_granularity = 1024, min_compress_block_size = 16384
"""
#: Of floats that a codec or a conversion might change: NaNs with payload and sign, -0.0, subnormals, infinity, ends.
_BITS = (
    0x7FF8000000000000, 0x7FF0000000000001, -0x7FFFFFFFFFFFF, -0x8000000000000000, 1, 0x000FFFFFFFFFFFFF,
    0x7FF0000000000000, 0x7FEFFFFFFFFFFFFF, 0x3FF199999999999A, 0x3FB99999A0000000,
)  # fmt: skip


def test_migrating_makes_tables_and_views_and_twice_changes_nothing(embedded: Embedded, database: str) -> None:
    """After a migration all is there, data survive the next, and the version is told once."""
    client = embedded.client(database=database)
    names = {row[0] for row in client.query("SHOW TABLES").result_rows}
    assert names == {*TABLES, *VIEWS, "runs", "schema_version"}
    names = "run, metric, rank, step, number, decimals, seq"
    client.command(f"INSERT INTO stored_points ({names}) VALUES ('r', 'm', 0, 1, 5, 1, 1)")
    migrate(client, database)
    assert client.query("SELECT run, step, value FROM points").result_rows == [("r", 1, 0.5)]
    assert client.query("SELECT version FROM schema_version").result_rows == [(VERSION,)]
    client.close()


def test_many_programs_may_migrate_at_once(embedded: Embedded) -> None:
    """Programs that start together neither fail nor leave half of the schema."""
    failures: list[Exception] = []

    def start() -> None:
        client = embedded.client()
        try:
            migrate(client, "test_together")
        except Exception as error:  # noqa: BLE001 - whatever it is, the test shows it
            failures.append(error)
        finally:
            client.close()

    threads = [threading.Thread(target=start) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    client = embedded.client()
    assert stored_version(client, "test_together") == VERSION
    assert (
        client.command("SELECT count() FROM system.tables WHERE database = 'test_together'")
        == len(TABLES) + len(VIEWS) + 2
    )
    client.command("DROP DATABASE test_together SYNC")
    client.close()


def test_a_newer_schema_is_left_alone(embedded: Embedded, database: str) -> None:
    """A program that is too old says so, and changes nothing."""
    client = embedded.client(database=database)
    client.command(f"INSERT INTO schema_version (version) VALUES ({VERSION + 1})")
    client.command("DROP VIEW runs")
    with pytest.raises(SchemaError, match=f"schema version {VERSION + 1}.*upgrade Runwire"):
        migrate(client, database)
    assert client.command("EXISTS TABLE runs") == 0
    client.close()


def test_a_schema_of_before_the_first_release_is_refused(embedded: Embedded, database: str) -> None:
    """Its tables are others; what to do instead is said, and nothing is changed."""
    client = embedded.client(database=database)
    client.command("TRUNCATE TABLE schema_version")
    client.command("INSERT INTO schema_version (version) VALUES (1)")
    with pytest.raises(SchemaError, match=r"schema version 1, of a Runwire before the first release.*new home"):
        migrate(client, database)
    client.close()


def test_a_store_of_version_2_comes_along_with_its_points_to_the_bit(embedded: Embedded, database: str) -> None:
    """Its table becomes that of a new store; its points are read, replaced and merged with new ones as before."""
    client = embedded.client(database=database)
    declared = _declared(client)
    _back_to_version_2(client)
    client.command("INSERT INTO schema_version (version) VALUES (2)")
    insert = "INSERT INTO stored_points (run, metric, rank, step, number, decimals, seq) VALUES"
    old = dict(enumerate(_BITS * 500, -2500))
    client.command(f"{insert} {', '.join(_row(step, bits, 1) for step, bits in old.items())}")

    migrate(client, database)

    assert _declared(client) == declared
    assert stored_version(client, database) == VERSION
    bits = "SELECT step, reinterpretAsInt64(value) FROM points WHERE run = 'r' ORDER BY step"
    assert dict(client.query(bits).result_rows) == old
    new = dict(enumerate(reversed(_BITS * 500)))
    client.command(f"{insert} {', '.join(_row(step, bits, 2) for step, bits in new.items())}")
    for _ in ("before", "after merging"):
        assert dict(client.query(bits).result_rows) == old | new
        client.command("OPTIMIZE TABLE stored_points FINAL")
    client.close()


def test_a_store_of_version_3_comes_along(embedded: Embedded, database: str) -> None:
    """Its tables become those of a new store, and what is known of a series is read, and replaced, as before."""
    client = embedded.client(database=database)
    declared = _declared(client)
    _back_to_version_3(client)
    assert _declared(client) != declared
    client.command("INSERT INTO schema_version (version) VALUES (3)")
    insert = "INSERT INTO stored_series (run, metric, rank, last_step, last, count, version) VALUES"
    client.command(f"{insert} ('r', 'm', 0, 7, 0.5, 8, 100)")

    migrate(client, database)

    assert _declared(client) == declared
    assert stored_version(client, database) == VERSION
    last = "SELECT last_step, last, count FROM series WHERE run = 'r'"
    assert client.query(last).result_rows == [(7, 0.5, 8)]
    client.command(f"{insert} ('r', 'm', 0, 8, 0.25, 9, 200)")
    for _ in ("before", "after merging"):
        assert client.query(last).result_rows == [(8, 0.25, 9)]
        client.command("OPTIMIZE TABLE stored_series FINAL")
    client.close()


def test_a_store_of_version_4_comes_along(embedded: Embedded, database: str) -> None:
    """It gets the table and the view that it lacks, and what it holds is read as before."""
    client = embedded.client(database=database)
    client.command("TRUNCATE TABLE schema_version")
    client.command("INSERT INTO schema_version (version) VALUES (4)")
    client.command("DROP VIEW media")
    client.command("DROP TABLE stored_media SYNC")
    client.command(
        "INSERT INTO stored_tables (run, key, rank, step, columns, rows, seq) VALUES ('r', 't', 0, 1, [], 2, 3)"
    )

    migrate(client, database)

    assert stored_version(client, database) == VERSION
    assert client.query("SELECT count() FROM media").result_rows == [(0,)]
    assert client.query("SELECT name, step, rows FROM tables").result_rows == [("t", 1, 2)]
    client.close()


def test_a_migration_that_an_earlier_program_began_is_completed(embedded: Embedded, database: str) -> None:
    """A program of version 2 that was killed while it made tables leaves no version: they are altered all the same."""
    client = embedded.client(database=database)
    declared = _declared(client)
    _back_to_version_2(client)
    migrate(client, database)
    assert _declared(client) == declared
    client.close()


def _declared(client: Client) -> dict[str, str]:
    """Return how the tables are declared that an older version made otherwise."""
    tables = ("stored_points", "stored_rollups", "stored_series")
    return {table: str(client.command(f"SHOW CREATE TABLE {table}")) for table in tables}


def _back_to_version_2(client: Client) -> None:
    """Make the tables those of version 2, untold."""
    _back_to_version_3(client)
    client.command("DROP TABLE stored_points SYNC")
    client.command(_POINTS_2)


def _back_to_version_3(client: Client) -> None:
    """Make the tables those of version 3, untold."""
    client.command("TRUNCATE TABLE schema_version")
    client.command("ALTER TABLE stored_rollups RESET SETTING auto_statistics_types")
    client.command("ALTER TABLE stored_series RESET SETTING auto_statistics_types, merge_selector_base")


def _row(step: int, bits: int, seq: int) -> str:
    (number,) = struct.unpack("<q", struct.pack("<Q", bits + SHIFT & 2**64 - 1))
    return f"('r', 'm', 0, {step}, {number}, -1, {seq})"
