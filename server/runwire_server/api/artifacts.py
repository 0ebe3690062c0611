"""`/api/artifacts`: what runs logged as artifacts, by its reference: project/name, project/name:version."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query, Request
from starlette.responses import Response
from typing_extensions import TypedDict

from runwire.wire.names import RANK_MAX
from runwire_server.api.params import Limit, RunId
from runwire_server.api.reply import json
from runwire_server.api.store import TheStore
from runwire_storage import queries
from runwire_storage.queries import Artifact, ArtifactOfRun, ArtifactVersion

router = APIRouter(tags=["artifacts"])

_Project = Annotated[str, Path(max_length=512, description="The project that it belongs to.")]
_Name = Annotated[str, Path(max_length=128, description="Its name.")]


class Artifacts(TypedDict):
    """Artifacts, by project and name."""

    artifacts: list[Artifact]


class Versions(TypedDict):
    """The versions of an artifact, the newest first."""

    versions: list[ArtifactVersion]


class OfRun(TypedDict):
    """What a run has logged and used."""

    artifacts: list[ArtifactOfRun]


@router.get("/api/artifacts", responses={200: {"model": Artifacts}})
def artifacts(
    request: Request,
    store: TheStore,
    project: str | None = None,
    type: str | None = None,  # noqa: A002 -- the field's word
    limit: Limit = 1000,
) -> Response:
    """List the artifacts."""
    return json(request, {"artifacts": store.ask(lambda client: queries.artifacts(client, project, type, limit))})


@router.get("/api/artifacts/{project:path}/{name}:{version}", responses={200: {"model": ArtifactVersion}})
def version(
    request: Request,
    store: TheStore,
    project: _Project,
    name: _Name,
    version: Annotated[str, Path(max_length=128, description="As v3; an alias; or the digest of its manifest.")],
) -> Response:
    """Show a version. Its manifest, which names its files, is `/api/files/{digest}`."""
    return json(request, store.ask(lambda client: queries.artifact_version(client, project, name, version)))


@router.get("/api/artifacts/{project:path}/{name}", responses={200: {"model": Versions}})
def artifact(request: Request, store: TheStore, project: _Project, name: _Name, limit: Limit = 1000) -> Response:
    """List the versions of an artifact, the newest first."""
    return json(request, {"versions": store.ask(lambda client: queries.artifact(client, project, name, limit))})


@router.get("/api/runs/{run}/artifacts", responses={200: {"model": OfRun}})
def of_run(
    request: Request,
    store: TheStore,
    run: RunId,
    *,
    rank: Annotated[int | None, Query(ge=0, le=RANK_MAX)] = None,
    seq: Annotated[int | None, Query(ge=0, lt=2**64, description="Its place in the rank's order.")] = None,
    limit: Limit = 1000,
) -> Response:
    """List the versions that a run has logged and used."""
    found = store.ask(lambda client: queries.artifacts_of_run(client, run, rank=rank, seq=seq, limit=limit))
    return json(request, {"artifacts": found})
