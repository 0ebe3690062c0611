"""Bringing a store to the schema, and what happens when that is not possible."""

from __future__ import annotations

import threading

import pytest
from embedded_process import Embedded

from runwire_storage.migrations import SchemaError, migrate, stored_version
from runwire_storage.schema import TABLES, VERSION, VIEWS


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
