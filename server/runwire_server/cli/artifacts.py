"""`runwire artifacts`: what runs logged as artifacts, and their files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from runwire.artifacts import Artifact
from runwire.artifacts.reference import Reference
from runwire.artifacts.remote import Remote as Files
from runwire_server.cli.options import Home, Json, Server, address
from runwire_server.cli.output import print_json, say
from runwire_server.cli.output import show as print_rich
from runwire_server.cli.remote import Remote

artifacts = typer.Typer(help="Look at artifacts, and fetch their files.", no_args_is_help=True)

_Version = Annotated[
    str, typer.Argument(metavar="PROJECT/NAME[:VERSION]", help="As digits/model:v3, digits/model:best, digits/model.")
]


@artifacts.command("list", epilog="example: runwire artifacts list digits --type model")
def list_(
    project: Annotated[str | None, typer.Argument(help="Only of this project. [default: all]")] = None,
    home: Home = None,
    server: Server = None,
    *,
    type: Annotated[str | None, typer.Option(help="Only of this type.")] = None,  # noqa: A002 - the field's word
    limit: Annotated[int, typer.Option("-n", min=1, max=100_000, help="At most so many.")] = 1000,
    json: Json = False,
) -> None:
    """List artifacts, each with its latest version."""
    found = Remote(server, home).get("artifacts", project=project, type=type, limit=limit)["artifacts"]
    if json:
        print_json(found)
    elif not found:
        say("there is no artifact: run.log_artifact() makes one")
    else:
        from runwire_server.cli import tables  # noqa: PLC0415 - loads rich

        print_rich(tables.artifacts(found))


@artifacts.command(epilog="example: runwire artifacts show digits/model:best")
def show(version: _Version, home: Home = None, server: Server = None, *, json: Json = False) -> None:
    """Show a version, with its files and who made and used it; or without one the versions that there are."""
    remote, reference = Remote(server, home), Reference.parse(version)
    if ":" in version.rpartition("/")[2]:
        told = _told(remote, reference)
        files = _artifact(told, server, home).files()
        if json:
            print_json({**told, "manifest": [entry._asdict() for entry in files]})
            return
        from runwire_server.cli import tables  # noqa: PLC0415 - loads rich

        print_rich(*tables.version(told, files))
        return
    found = remote.get("artifacts", reference.project, reference.name)["versions"]
    if json:
        print_json(found)
        return
    from runwire_server.cli import tables  # noqa: PLC0415 - loads rich

    print_rich(tables.versions(found))


@artifacts.command(epilog="example: runwire artifacts get digits/model:v3 -o model")
def get(
    version: _Version,
    home: Home = None,
    server: Server = None,
    *,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="The folder. [default: artifacts/NAME:VERSION]")
    ] = None,
    json: Json = False,
) -> None:
    """Fetch a version's files, each checked by its content; those that are there already are left."""
    told = _told(Remote(server, home), Reference.parse(version))
    folder = _artifact(told, server, home).download(output)
    if json:
        print_json({"folder": str(folder), "version": told["version"], "files": told["files"], "size": told["size"]})
    else:
        say(f"{told['files']:,} files of {told['project']}/{told['name']}:v{told['version']} are in {folder}")


def _told(remote: Remote, reference: Reference) -> dict[str, Any]:
    told: dict[str, Any] = remote.get("artifacts", reference.project, f"{reference.name}:{reference.word}")
    return told


def _artifact(told: dict[str, Any], server: str | None, home: Path | None) -> Artifact:
    """Return a version as a training process has it, which knows how to fetch its files."""
    return Artifact.fetched(told, Files(address("server", server, home)))
