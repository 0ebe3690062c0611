"""Fixtures of the store: a real embedded ClickHouse, and a client of one that holds the schema."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from clickhouse_connect.driver.client import Client
from embedded_process import Embedded

from runwire_storage.client import connect
from runwire_storage.migrations import migrate
from runwire_storage.schema import DATABASE


@pytest.fixture(scope="session")
def embedded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Embedded]:
    with Embedded(tmp_path_factory.mktemp("clickhouse")) as embedded:
        yield embedded


@pytest.fixture(scope="module")
def client(embedded: Embedded) -> Iterator[Client]:
    """A client of the product's own database, with the schema in it."""
    client = connect(embedded.url)
    migrate(client)
    client.database = DATABASE
    yield client
    client.close()


@pytest.fixture
def database(embedded: Embedded) -> Iterator[str]:
    """A database of the test's own with the schema in it."""
    name = "test_schema"
    client = embedded.client()
    migrate(client, name)
    yield name
    client.command(f"DROP DATABASE {name} SYNC")
    client.close()


@pytest.fixture
def store(embedded: Embedded, database: str) -> Iterator[Client]:
    client = embedded.client(database=database)
    yield client
    client.close()
