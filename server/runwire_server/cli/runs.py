"""`runwire runs` and `runwire show`."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from runwire_server.cli.options import Home, Json, Server
from runwire_server.cli.output import print_json, say
from runwire_server.cli.output import show as print_rich
from runwire_server.cli.remote import Remote

RunWord = Annotated[str, typer.Argument(metavar="RUN", help="A run's id, a prefix that only one has, or its name.")]


def runs(
    where: Annotated[
        str | None,
        typer.Argument(metavar="[FILTER]", help="Only runs for which this holds, as 'state = failed and tag:prod'."),
    ] = None,
    home: Home = None,
    server: Server = None,
    *,
    sort: Annotated[
        str | None,
        typer.Option(metavar="KEYS", help="As -max(val/acc),name: a minus descends. [default: -started]"),
    ] = None,
    project: Annotated[str | None, typer.Option(help="Only runs of this project.")] = None,
    state: Annotated[
        str | None, typer.Option(help="Only those: running, finished, stopped, failed or crashed.")
    ] = None,
    limit: Annotated[int, typer.Option("-n", min=1, max=100_000, help="At most so many, the first.")] = 100,
    offset: Annotated[int, typer.Option(min=0, help="Leave out so many before them.")] = 0,
    json: Json = False,
) -> None:
    """List runs, or those that a filter lets through; docs/queries.md has its language."""
    asked = {"q": where, "sort": sort, "project": project, "state": state, "limit": limit, "offset": offset}
    answer = Remote(server, home).get("runs", **asked)
    found, total = answer["runs"], answer["total"]
    if json:
        print_json(found)
    elif not found:
        say("no runs" if not total else f"no more runs: there are {total:,}")
    else:
        from runwire_server.cli import tables  # noqa: PLC0415 - loads rich

        print_rich(tables.runs(found))
        if total > len(found):
            say(f"{len(found):,} of {total:,} runs: -n and --offset show others")


def show(
    run: RunWord,
    home: Home = None,
    server: Server = None,
    *,
    metric: Annotated[
        list[str] | None, typer.Option("--metric", "-m", help="Plot this; may be repeated. [default: the main ones]")
    ] = None,
    json: Json = False,
) -> None:
    """Show a run: state, config, summary, its alerts and artifacts, and a plot of its main metrics."""
    remote = Remote(server, home)
    about = remote.get("runs", run)
    metrics = remote.get("runs", about["id"], "metrics")["metrics"]
    alerts = remote.get("alerts", run=about["id"])["alerts"]
    media = remote.get("runs", about["id"], "media")["media"]
    artifacts = remote.get("runs", about["id"], "artifacts")["artifacts"]
    if json:
        print_json({**about, "metrics": metrics, "alerts": alerts, "media": media, "artifacts": artifacts})
        return
    from runwire_server.cli import plot, tables  # noqa: PLC0415 - load rich and plotext

    curves = _curves(remote, about["id"], plot.main(metrics, metric))
    print_rich(*tables.run(about, alerts, metrics, media))
    if artifacts:
        print_rich(tables.artifacts_of_run(artifacts))
    for curve in curves:
        say("")
        say(plot.chart(curve))


def _curves(remote: Remote, run: str, metrics: list[dict[str, Any]]) -> list[Any]:
    if not metrics:
        return []
    wanted = [{"run": run, "metric": found["metric"], "rank": found["ranks"][0]} for found in metrics]
    curves: list[Any] = remote.post("series", body={"series": wanted, "columns": 120})["series"]
    return curves
