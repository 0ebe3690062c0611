"""Brings a ClickHouse to this program's schema. Every program that needs the schema calls `migrate` when it starts.

Safe when several start at once: each statement is one that ClickHouse itself makes atomic and that changes nothing when
repeated (CREATE … IF NOT EXISTS, CREATE OR REPLACE VIEW, an ALTER to what is so already, a row that equals the one
already there).
"""

from __future__ import annotations

from clickhouse_connect.driver.client import Client

from runwire_storage.errors import StorageError
from runwire_storage.gather import RUNS
from runwire_storage.schema import DATABASE, TABLES, UPGRADES, VERSION, VERSION_MIN, VIEWS

_VERSION_TABLE = """
    CREATE TABLE IF NOT EXISTS {db}.schema_version (
        version UInt32,
        migrated_at DateTime64(6, 'UTC') DEFAULT now64(6)
    ) ENGINE = ReplacingMergeTree ORDER BY version
"""


class SchemaError(StorageError):
    """The store holds a schema that this program does not know."""


def migrate(client: Client, database: str = DATABASE) -> None:
    """Create the database, its tables and its views, as far as they are not there, and alter older tables.

    Args:
        client: of the store, with the right to create; it need not name a database.
        database: what to call the database.

    Raises:
        SchemaError: a newer Runwire made the schema that is there, or one of before the first release.
        ClickHouseError: the driver's own, where the store refuses or is away.
    """
    client.command(f"CREATE DATABASE IF NOT EXISTS {database}")
    client.command(_VERSION_TABLE.format(db=database))
    stored = stored_version(client, database)
    if stored > VERSION:
        raise SchemaError(
            f"the database {database} has schema version {stored}, made by a newer Runwire; this one knows version "
            f"{VERSION}: upgrade Runwire, or use another ClickHouse"
        )
    if 0 < stored < VERSION_MIN:
        raise SchemaError(
            f"the database {database} has schema version {stored}, of a Runwire before the first release; this one "
            f"knows version {VERSION}: begin with a new home, or drop that database"
        )
    for statement in TABLES.values():
        client.command(statement.format(db=database))
    # Also where no version is told: an earlier program may have begun to make the tables, and been killed.
    for version, statements in UPGRADES.items():
        for statement in statements if stored < version else ():
            client.command(statement.format(db=database))
    for statement in (*VIEWS.values(), RUNS):
        client.command(statement.format(db=database))
    # Last: whoever reads the version may rely on all that belongs to it.
    if stored < VERSION:
        client.command(f"INSERT INTO {database}.schema_version (version) VALUES ({VERSION})")  # noqa: S608


def stored_version(client: Client, database: str = DATABASE) -> int:
    """Return the version of the schema that the store holds, 0 before the first migration is complete."""
    rows = client.query(f"SELECT max(version) FROM {database}.schema_version").result_rows  # noqa: S608
    return int(rows[0][0])
