"""What the store knows of collections of artifacts, as whoever numbers their versions has to know it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, TypeAlias

from clickhouse_connect.driver.client import Client

from runwire.wire import LoggedArtifact
from runwire_storage.schema import DATABASE
from runwire_storage.session import Session

#: Project and name.
Collection: TypeAlias = tuple[str, str]


class Numbered(NamedTuple):
    """An artifact that was logged, as the ``place``-th of its collection, counted from 1, and which version it is."""

    logged: LoggedArtifact
    place: int
    version: int


@dataclass
class Known:
    """What is known of a collection, as far as it was asked for.

    Attributes:
        places: how many messages it has.
        next_version: the number of its next version.
        versions: by digest.
        messages: run, rank and seq of those that are stored.
    """

    places: int = 0
    next_version: int = 0
    versions: dict[str, int] = field(default_factory=dict)
    messages: set[tuple[str, int, int]] = field(default_factory=set)


class Collections:
    """Asks the store, each time anew: others may have written to it."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def known(self, logged: Sequence[LoggedArtifact]) -> dict[Collection, Known]:
        """Return what the store knows of the collections of artifacts, as to their content and messages.

        Raises:
            StorageError: ClickHouse refused the query.
        """
        return self._session.run(lambda client: _known(client, logged))


_FROM = f"FROM {DATABASE}.stored_artifacts FINAL WHERE"


def _known(client: Client, logged: Sequence[LoggedArtifact]) -> dict[Collection, Known]:
    found = {(one.project, one.name): Known() for one in logged}
    named = sorted(found)
    sql = f"""
        SELECT project, name, max(place), max(version) + 1 {_FROM}
        (project, name) IN {{named:Array(Tuple(String, String))}} GROUP BY project, name
    """
    for project, name, places, next_version in client.query(sql, {"named": named}).result_rows:
        found[project, name] = Known(places, next_version)
    sql = f"""
        SELECT project, name, digest, min(version) {_FROM}
        (project, name) IN {{named:Array(Tuple(String, String))}} AND digest IN {{digests:Array(String)}}
        GROUP BY project, name, digest
    """
    digests = sorted({one.digest for one in logged})
    for project, name, digest, version in client.query(sql, {"named": named, "digests": digests}).result_rows:
        found[project, name].versions[digest] = version
    sql = f"""
        SELECT project, name, run, rank, seq {_FROM}
        (project, name) IN {{named:Array(Tuple(String, String))}}
        AND run IN {{runs:Array(String)}} AND seq IN {{seqs:Array(UInt64)}}
    """
    asked = {"named": named, "runs": sorted({one.run for one in logged}), "seqs": sorted({one.seq for one in logged})}
    for project, name, *message in client.query(sql, asked).result_rows:
        run, rank, seq = message
        found[project, name].messages.add((run, rank, seq))
    return found
