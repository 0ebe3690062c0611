"""Artifacts: which there are, their versions, and which runs made and used them."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from clickhouse_connect.driver.client import Client
from typing_extensions import TypedDict

from runwire.wire import loads
from runwire.wire.artifacts import DIGEST, LATEST, VERSION_WORD
from runwire_storage.queries.errors import NoSuchArtifactError
from runwire_storage.schema import DATABASE

_VERSIONS_SHOWN = 5


class Artifact(TypedDict):
    """A collection: how many versions it has; and of the one that is `latest` its number and what it is."""

    project: str
    name: str
    versions: int
    version: int
    type: str
    description: str
    files: int
    size: int
    created_at: datetime


class ArtifactVersion(TypedDict):
    """A version: ``digest`` is that of its manifest, ``run`` the one that made it, ``used_by`` those that use it."""

    project: str
    name: str
    version: int
    aliases: list[str]
    type: str
    description: str
    metadata: dict[str, Any]
    digest: str
    files: int
    size: int
    run: str
    created_at: datetime
    used_by: list[str]


class ArtifactOfRun(TypedDict):
    """A version that a run has logged or used, as ``action`` says, when, and as what in the order of run and rank."""

    action: str
    rank: int
    seq: int
    project: str
    name: str
    version: int
    type: str
    files: int
    size: int
    ts: datetime


def artifacts(
    client: Client,
    project: str | None = None,
    type: str | None = None,  # noqa: A002 -- the field's word
    limit: int = 1000,
) -> list[Artifact]:
    """Return the artifacts there are, by project and name.

    Args:
        client: of the store.
        project: only those of it; None for all.
        type: only those whose latest version is of it; None for all.
        limit: at most so many.

    Raises:
        ClickHouseError: the driver's own, where the store refuses or is away.
    """
    wanted = {key: value for key, value in (("project", project), ("type", type)) if value is not None}
    where = " AND ".join(f"{key} = {{{key}:String}}" for key in wanted) or "true"
    sql = f"""
        SELECT project, name, versions, latest.version AS version, type, description, files, size, created_at
        FROM (SELECT project, name, version FROM {DATABASE}.artifact_aliases WHERE alias = '{LATEST}') AS latest
        INNER JOIN {DATABASE}.artifacts AS this USING (project, name, version)
        INNER JOIN (
            SELECT project, name, count() AS versions FROM {DATABASE}.artifacts GROUP BY project, name
        ) AS counted USING (project, name)
        WHERE {where} ORDER BY project, name LIMIT {{limit:UInt64}}
    """  # noqa: S608 - constants
    found: list[Any] = list(client.query(sql, {**wanted, "limit": limit}).named_results())
    return found


def artifact(client: Client, project: str, name: str, limit: int = 1000) -> list[ArtifactVersion]:
    """Return the versions of an artifact, the newest first.

    Args:
        client: of the store.
        project: whose.
        name: of the artifact.
        limit: at most so many.

    Raises:
        NoSuchArtifactError: there is none called so.
        ClickHouseError: the driver's own, where the store refuses or is away.
    """
    found = _versions(client, project, name, "ORDER BY version DESC LIMIT {limit:UInt64}", limit=limit)
    if not found:
        raise _no_artifact(client, project, name)
    return found


def artifact_version(client: Client, project: str, name: str, word: str) -> ArtifactVersion:
    """Return a version of an artifact.

    Args:
        client: of the store.
        project: whose.
        name: of the artifact.
        word: its number, as v3; an alias; or the digest of its manifest.

    Raises:
        NoSuchArtifactError: there is none.
        ClickHouseError: the driver's own, where the store refuses or is away.
    """
    if number := VERSION_WORD.fullmatch(word):
        found = _versions(client, project, name, "AND version = {number:UInt64}", number=int(number[1]))
    elif DIGEST.fullmatch(word):
        found = _versions(client, project, name, "AND digest = {digest:String}", digest=word)
    else:
        aliased = f"""AND version IN (
            SELECT version FROM {DATABASE}.artifact_aliases
            WHERE project = {{project:String}} AND name = {{name:String}} AND alias = {{alias:String}}
        )"""  # noqa: S608 - constants
        found = _versions(client, project, name, aliased, alias=word)
    if not found:
        raise _no_version(client, project, name, word)
    return found[0]


def artifacts_of_run(
    client: Client, run: str, *, rank: int | None = None, seq: int | None = None, limit: int = 1000
) -> list[ArtifactOfRun]:
    """Return the versions that a run has logged and used, in the order in which it did.

    Args:
        client: of the store.
        run: its id.
        rank: only what this rank did; None for all.
        seq: only what has this place in the rank's order.
        limit: at most so many.

    Raises:
        ClickHouseError: the driver's own, where the store refuses or is away.
    """
    wanted = {key: value for key, value in (("rank", rank), ("seq", seq)) if value is not None}
    where = "".join(f" AND {key} = {{{key}:UInt64}}" for key in wanted)
    sql = f"""
        SELECT action, rank, seq, project, name, version, type, files, size, ts
        FROM {DATABASE}.artifact_runs AS done LEFT JOIN {DATABASE}.artifacts AS it USING (project, name, version)
        WHERE done.run = {{run:String}}{where} ORDER BY ts, project, name, version LIMIT {{limit:UInt64}}
    """  # noqa: S608 - constants
    found: list[Any] = list(client.query(sql, {"run": run, **wanted, "limit": limit}).named_results())
    return found


def _versions(client: Client, project: str, name: str, further: str, **told: Any) -> list[ArtifactVersion]:
    of = "project = {project:String} AND name = {name:String}"
    sql = f"""
        SELECT project, name, version, aliases, type, description, metadata, digest, files, size, run, created_at,
            used_by
        FROM {DATABASE}.artifacts
        LEFT JOIN (
            SELECT version, arraySort(groupArray(alias)) AS aliases FROM {DATABASE}.artifact_aliases
            WHERE {of} GROUP BY version
        ) AS named USING (version)
        LEFT JOIN (
            SELECT version, arraySort(groupUniqArray(toString(run))) AS used_by FROM {DATABASE}.artifact_runs
            WHERE {of} AND action = 'used' GROUP BY version
        ) AS used USING (version)
        WHERE {of} {further}
    """  # noqa: S608 - constants
    found: list[Any] = list(client.query(sql, {"project": project, "name": name, **told}).named_results())
    for row in found:
        row["metadata"] = loads(row["metadata"])
    return found


def _no_artifact(client: Client, project: str, name: str) -> NoSuchArtifactError:
    sql = f"SELECT DISTINCT project, name FROM {DATABASE}.stored_artifacts ORDER BY project, name"  # noqa: S608 - a constant
    rows = client.query(sql).result_rows
    own = [its for of, its in rows if of == project]
    near = difflib.get_close_matches(name, own, 3, 0.5) or [f"{of}/{its}" for of, its in rows if its == name][:3]
    near = near or difflib.get_close_matches(f"{project}/{name}", [f"{of}/{its}" for of, its in rows], 3)
    return NoSuchArtifactError(
        f"Artifact not found: project {project!r} has no artifact {name!r}",
        f"near: {_listed(near)}" if near else f"it has {_listed(own[:3])}" if own else "log_artifact() makes one",
    )


def _no_version(client: Client, project: str, name: str, word: str) -> NoSuchArtifactError:
    sql = f"""
        SELECT alias FROM {DATABASE}.artifact_aliases WHERE project = {{project:String}} AND name = {{name:String}}
        ORDER BY alias
    """  # noqa: S608 - a constant
    aliases = [alias for (alias,) in client.query(sql, {"project": project, "name": name}).result_rows]
    if not aliases:
        return _no_artifact(client, project, name)
    newest = artifact(client, project, name, _VERSIONS_SHOWN)
    numbers = [f"v{version['version']}" for version in newest]
    near = difflib.get_close_matches(word, aliases, 3, 0.5) or aliases[:3]
    what = f"content {word:.12}…" if DIGEST.fullmatch(word) else f"version {word!r}"
    return NoSuchArtifactError(
        f"Artifact not found: {project}/{name} has no {what}",
        f"its newest: {_listed(numbers)}; its aliases: {_listed(near)}",
    )


def _listed(words: Iterable[str]) -> str:
    return ", ".join(dict.fromkeys(words))
