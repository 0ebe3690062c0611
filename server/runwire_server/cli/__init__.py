"""The command line: ``runwire …``.

A command's module imports what the command needs when it runs, so that ``runwire stream`` does not carry a web server
and ``runwire runs`` starts at once. Exit codes: 0 done, 1 failed, 2 asked for what cannot be had.
"""

from __future__ import annotations

from runwire_server.cli import (
    alerts,
    artifacts,
    console,
    dead_letters,
    delete,
    demo,
    export,
    files,
    importance,
    imports,
    login,
    notifiers,
    pipeline,
    programs,
    ranks,
    retention,
    rules,
    runs,
    sql,
    stop,
    sync,
    table,
    topics,
)
from runwire_server.cli.app import app

__all__ = ["app"]

_VIEW, _KEEP, _PIPELINE, _PROGRAMS, _KAFKA = "Look", "Keep", "Pipeline", "Programs by themselves", "Kafka"

app.command(rich_help_panel=_PIPELINE, epilog="example: runwire up -d --alert-webhook https://example.org/hook")(
    pipeline.up
)
app.command(rich_help_panel=_PIPELINE, epilog="example: runwire down")(pipeline.down)
app.command(rich_help_panel=_PIPELINE, epilog="example: runwire status --json")(pipeline.status)
app.command(rich_help_panel=_PIPELINE, epilog="example: runwire login --server https://runwire.example.org")(
    login.login
)
app.command(rich_help_panel=_PIPELINE, epilog="example: runwire demo --json demo.json")(demo.demo)
app.command(rich_help_panel=_PIPELINE, epilog="example: RUNWIRE_KAFKA=kafka.lab:9092 runwire sync", **sync.RAW)(
    sync.sync
)

app.command(
    rich_help_panel=_VIEW,
    epilog="example: runwire runs 'min(val/loss) < 0.1 and config.lr >= 1e-3 and tag:prod' --sort -val/acc -n 50",
)(runs.runs)
app.command(rich_help_panel=_VIEW, epilog="example: runwire show brisk-otter --metric train/loss")(runs.show)
app.command(rich_help_panel=_VIEW, epilog="example: runwire ranks brisk-otter step_seconds")(ranks.ranks)
app.command(rich_help_panel=_VIEW, epilog="example: runwire export brisk-otter -m 'val/*' -o val.parquet")(
    export.export
)
app.command(rich_help_panel=_VIEW, epilog="example: runwire importance 'project = digits' --target 'min(val/loss)'")(
    importance.importance
)
app.command(rich_help_panel=_VIEW, epilog="example: runwire table brisk-otter predictions -n 50")(table.table)
app.command(rich_help_panel=_VIEW, epilog="example: runwire console brisk-otter --rank 3 --follow")(console.console)
app.command(
    rich_help_panel=_VIEW,
    epilog='example: runwire sql "SELECT metric, max(step) FROM points GROUP BY metric" --json',
)(sql.sql)

app.command(rich_help_panel=_KEEP, epilog="example: runwire stop brisk-otter --reason 'the loss is flat'")(stop.stop)
app.command(rich_help_panel=_KEEP, epilog="example: runwire delete brisk-otter --yes")(delete.delete)
app.command(
    rich_help_panel=_KEEP,
    epilog="example: runwire retention --points-older-than 90d 'project = digits and not tag:keep' --dry-run",
)(retention.retention)

app.command(rich_help_panel=_PROGRAMS, epilog="example: runwire kafka --port 9092")(programs.kafka)
app.command(rich_help_panel=_PROGRAMS, epilog="example: runwire clickhouse --port 8123")(programs.clickhouse)
app.command(
    rich_help_panel=_PROGRAMS,
    epilog="example: runwire stream --kafka kafka.lab:9092 --clickhouse http://clickhouse.lab:8123",
)(programs.stream)
app.command(
    rich_help_panel=_PROGRAMS,
    epilog="example: runwire alerting --kafka kafka.lab:9092 --alert-webhook https://example.org/hook",
)(programs.alerting)
app.command(
    rich_help_panel=_PROGRAMS, epilog="example: runwire server --clickhouse http://clickhouse.lab:8123 --port 7601"
)(programs.server)

alerts.alerts.command("test-route", epilog="example: runwire alerts test-route nights --file alerts.yaml")(
    notifiers.try_route
)
app.add_typer(alerts.alerts, name="alerts", rich_help_panel=_VIEW)
app.add_typer(artifacts.artifacts, name="artifacts", rich_help_panel=_VIEW)
app.add_typer(rules.rules, name="rules", rich_help_panel=_KEEP)
app.add_typer(imports.imports, name="import", rich_help_panel=_KEEP)
app.add_typer(files.files, name="files", rich_help_panel=_KEEP)
app.add_typer(topics.topics, name="topics", rich_help_panel=_KAFKA)
app.add_typer(dead_letters.dead_letter, name="dead-letter", rich_help_panel=_KAFKA)


@app.command(rich_help_panel=_PIPELINE, epilog="example: runwire version")
def version() -> None:
    """Say which Runwire this is."""
    from importlib.metadata import version as installed  # noqa: PLC0415 - as all that only one command needs

    from runwire_server.cli.output import say  # noqa: PLC0415

    say(f"runwire {installed('runwire')}")
