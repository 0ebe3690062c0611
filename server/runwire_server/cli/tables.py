"""Tables for people."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from rich.table import Table

from runwire.wire import dumps
from runwire.wire.artifacts import Entry
from runwire.wire.names import SYSTEM
from runwire_server.cli.output import escape

_STATES = {
    "running": "cyan",
    "finished": "green",
    "stopped": "yellow",
    "failed": "red",
    "crashed": "red",
    "firing": "red",
    "pending": "yellow",
    "acknowledged": "yellow",
    "silenced": "yellow",
    "resolved": "green",
}
_SUMMARY_MAX = 4
#: In a narrower terminal a run is one line only if its summary is one value.
_WIDE = 120
_MISSING = "–"
#: What is said of a run's machine in one line.
_PERCENTS = {"cpu": "CPU", "memory_percent": "memory", "disk/percent": "disk"}


def runs(found: Sequence[Mapping[str, Any]]) -> Table:
    """Return a table of runs."""
    most = _SUMMARY_MAX if shutil.get_terminal_size().columns >= _WIDE else 1
    table = _table("run", "name", "project", "state", "started", "took", "step", "summary", right={"took", "step"})
    for run in found:
        main = sorted(run["summary"].items(), key=lambda item: ("loss" not in item[0], item[0]))[:most]
        table.add_row(
            escape(run["id"]),
            escape(run["name"]),
            escape(run["project"]),
            _state(run["state"]),
            f"{ago(run['started_at'])} ago",
            span(_seconds(run["ended_at"] or run["seen_at"]) - _seconds(run["started_at"])),
            _MISSING if run["last_step"] is None else f"{run['last_step']:,}",
            escape("  ".join(f"{name} {value(item)}" for name, item in main)),
        )
    return table


def run(
    about: Mapping[str, Any],
    alerts_of: Sequence[Mapping[str, Any]],
    metrics: Sequence[Mapping[str, Any]],
    media: Sequence[Mapping[str, Any]],
) -> Iterator[Any]:
    """Yield what there is to say of a run."""
    project, host = escape(about["project"]) or _MISSING, escape(about["host"]) or "no known host"
    yield f"[bold]{escape(about['name'])}[/] ({escape(about['id'])}) in {project}: {_state(about['state'])}"
    ended = about["ended_at"]
    took = span(_seconds(ended or about["seen_at"]) - _seconds(about["started_at"]))
    yield f"[dim]started {about['started_at']}, {'took' if ended else 'so far'} {took}, on {host}[/]"
    said = {name: about[name] for name in ("entity", "group", "job_type", "commit", "notes")}
    for name, text in {**said, "machine": _machine(metrics)}.items():
        if text:
            yield f"[dim]{name.replace('_', ' ')}[/] {escape(text)}"
    if about["tags"]:
        yield f"[dim]tags[/] {escape(', '.join(about['tags']))}"
    yield from _trouble(about)
    for title in ("config", "summary"):
        if about[title]:
            table = _table(title, "", box_title=False)
            for name, item in sorted(flat(about[title]).items()):
                table.add_row(escape(name), escape(value(item)))
            yield table
    yield from map(_media, media)
    if alerts_of:
        yield alerts(alerts_of)


def _machine(metrics: Sequence[Mapping[str, Any]]) -> str:
    """Return the last figures of a run's machine in one line; nothing where none were measured."""
    last = {metric["metric"].removeprefix(SYSTEM): metric["last"] for metric in metrics if metric["axis"] == "time"}
    told = [f"{word} {last[name]:.0f} %" for name, word in _PERCENTS.items() if name in last]
    if "process/memory" in last:
        told.append(f"process {last['process/memory'] / 1e9:.2g} GB")
    busy = [value for name, value in last.items() if name.startswith("gpu/") and name.endswith("/utilisation")]
    if busy:
        told.append(f"{len(busy)} GPU{'s' if len(busy) > 1 else ''} {sum(busy) / len(busy):.0f} %")
    return ", ".join(told)


def _media(one: Mapping[str, Any]) -> str:
    """Return a line about what a run logged by a name."""
    steps, rank = one["steps"], f", rank {one['rank']}" if one["rank"] else ""
    at = f"step {steps[0]:,}" if len(steps) == 1 else f"{len(steps):,} steps, the last {steps[-1]:,}"
    return f"[dim]{escape(one['kind'])}[/] {escape(one['name'])} [dim]at {at}{rank}[/]"


def _trouble(about: Mapping[str, Any]) -> Iterator[str]:
    """Yield what was in a run's way."""
    if about["stop"]:
        by, reason = about["stop"].get("by"), about["stop"].get("reason") or "no reason given"
        how = f"{value(by)} asked it to stop" if by else "an end was planned"
        yield f"[yellow]{escape(f'{how}: {value(reason, 400)}')}[/]"
    if about["dropped_rows"]:
        yield f"[red]{about['dropped_rows']:,} rows could not be kept: a disk was full or damaged[/]"
    if about["exception"]:
        yield f"[red]{escape(value(about['exception'], 400))}[/]"


def alerts(found: Sequence[Mapping[str, Any]]) -> Table:
    """Return a table of alerts."""
    table = _table("id", "fired", "state", "rule", "run", "metric", "ranks", "step", "what", right={"step"})
    for alert in found:
        table.add_row(
            escape(alert["id"][:8]),
            f"{ago(alert['fired_at'])} ago",
            _state(alert["state"]),
            escape(alert["rule"]) + (" [dim]follows[/]" if alert["part_of"] else ""),
            escape(alert["run"]),
            escape(alert["metric"]) or _MISSING,
            escape(alert["ranks"]) or (_MISSING if alert["rank"] is None else str(alert["rank"])),
            _MISSING if alert["step"] is None else f"{alert['step']:,}",
            escape(alert["title"]),
        )
    return table


def alert(episodes: Sequence[Mapping[str, Any]], said: Mapping[str, Any]) -> Iterator[Any]:
    """Yield what is known of an alert, of its last episode the most, and what people said of that."""
    last = episodes[0]
    comment = (said.get("acknowledged") or {}).get("comment")
    details = last["details"]
    yield f"{_state(last['state'])} [bold]{escape(last['title'])}[/]"
    yield escape(last["text"])
    table = _table("", "")
    told = {
        "alert": f"{last['id']}, episode {last['episode']}",
        "rule": _rule(last) + (", observed" if details.get("mode") == "observe" else ""),
        "run": f"{last['run']} {last['name']}",
        "first offender": f"rank {last['rank']} on {last['host'] or 'unknown host'}",
        "ranks": last["ranks"],
        "fired": f"{last['fired_at']} ({ago(last['fired_at'])} ago)",
        "resolved": last["resolved_at"],
        "follows from": last["part_of"],
        "seen to by": details.get("acknowledged_by"),
        "who says": comment,
        "silenced until": _moment(details.get("silenced_until")),
        "asked to stop": _moment(details.get("stop_asked_at")),
        "knows of it since": _moment(details.get("stop_heard_at")),
        "stopped": _moment(details.get("stop_obeyed_at")),
    }
    for name, words in told.items():
        if words:
            table.add_row(name, escape(str(words)))
    yield table
    if details.get("cascade"):
        followed = _table("then", "run", "ranks", "alert")
        for one in details["cascade"]:
            followed.add_row(*(escape(str(one[name])) for name in ("rule", "run", "ranks", "id")))
        yield followed
    if said.get("silences"):
        yield silences(said["silences"])
    if len(episodes) > 1:
        yield alerts(episodes[1:])


def _rule(alert: Mapping[str, Any]) -> str:
    kind = "" if alert["kind"] == alert["rule"] else f", of kind {alert['kind']}"
    return f"{alert['rule']}{kind} ({alert['severity']})"


def silences(found: Sequence[Mapping[str, Any]]) -> Table:
    """Return a table of silences."""
    table = _table("silence", "what", "until", "by", "why")
    for one in found:
        what = " ".join(f"{name}={glob}" for name, glob in one["match"].items())
        table.add_row(
            *(escape(str(words)) for words in (one["id"], what, _moment(one["until"]), one["by"])),
            escape(one["comment"]),
        )
    return table


def _moment(ts: int | None) -> str | None:
    return None if ts is None else datetime.fromtimestamp(ts / 1e6).astimezone().isoformat(" ", "seconds")


def rules(found: Sequence[Mapping[str, Any]]) -> Table:
    """Return a table of rules."""
    table = _table("rule", "kind", "on", "where", "params", "then")
    for one in found:
        where = {name: told for name, told in one["where"].items() if told}
        then = [str(next(iter(action.items()))) if action != {"stop": True} else "stop" for action in one["actions"]]
        table.add_row(
            escape(one["name"]),
            escape(one["kind"]),
            ("observe" if one["mode"] == "observe" else "yes") if one["enabled"] else "[dim]no[/]",
            escape(" ".join(f"{name}={value(told)}" for name, told in where.items())) or _MISSING,
            escape(" ".join(f"{name}={value(told)}" for name, told in one["params"].items())) or _MISSING,
            escape(", ".join(then)) or _MISSING,
        )
    return table


def logged(found: Sequence[Mapping[str, Any]]) -> Table:
    """Return a table of the tables that a run logged."""
    table = _table("table", "step", "rank", "rows", "columns", right={"step", "rank", "rows"})
    for one in found:
        columns = escape(", ".join(one["columns"]))
        table.add_row(escape(one["name"]), f"{one['step']:,}", str(one["rank"]), f"{one['rows']:,}", columns)
    return table


def cells(columns: Sequence[str], found: Sequence[Sequence[Any]]) -> Table:
    """Return rows of a table that a run logged; a column of numbers stands on the right."""
    numbers = {
        name
        for place, name in enumerate(columns)
        if all(isinstance(row[place], (int, float)) and not isinstance(row[place], bool) for row in found)
    }
    table = _table(*columns, right=numbers)
    for row in found:
        table.add_row(*(escape(value(cell)) for cell in row))
    return table


def artifacts(found: Sequence[Mapping[str, Any]]) -> Table:
    """Return a table of artifacts."""
    right = {"versions", "files", "size"}
    table = _table("artifact", "type", "versions", "latest", "logged", "files", "size", right=right)
    for one in found:
        table.add_row(
            escape(f"{one['project']}/{one['name']}"),
            escape(one["type"]),
            f"{one['versions']:,}",
            f"v{one['version']}",
            f"{ago(one['created_at'])} ago",
            f"{one['files']:,}",
            size(one["size"]),
        )
    return table


def artifacts_of_run(found: Sequence[Mapping[str, Any]]) -> Table:
    """Return a table of the versions that a run has logged and used."""
    table = _table("artifact", "", "type", "files", "size", right={"files", "size"})
    for one in found:
        name = escape(f"{one['project']}/{one['name']}:v{one['version']}")
        table.add_row(name, one["action"], escape(one["type"]), f"{one['files']:,}", size(one["size"]))
    return table


def versions(found: Sequence[Mapping[str, Any]]) -> Table:
    """Return a table of an artifact's versions."""
    table = _table("version", "aliases", "logged", "by", "files", "size", "used by", right={"files", "size"})
    for one in found:
        table.add_row(
            f"v{one['version']}",
            escape(", ".join(one["aliases"])),
            f"{ago(one['created_at'])} ago",
            escape(one["run"]),
            f"{one['files']:,}",
            size(one["size"]),
            escape(", ".join(one["used_by"])),
        )
    return table


def version(one: Mapping[str, Any], files: Sequence[Entry]) -> Iterator[Any]:
    """Yield what there is to say of a version of an artifact."""
    aliases = escape(", ".join(one["aliases"]))
    yield f"[bold]{escape(one['project'])}/{escape(one['name'])}:v{one['version']}[/] {aliases}"
    yield f"[dim]{escape(one['type'])}, logged {one['created_at']} by {escape(one['run'])}[/]"
    if one["description"]:
        yield escape(one["description"])
    for name, item in sorted(flat(one["metadata"]).items()):
        yield f"[dim]{escape(name)}[/] {escape(value(item))}"
    if one["used_by"]:
        yield f"[dim]used by[/] {escape(', '.join(one['used_by']))}"
    table = _table("file", "size", "sha256", right={"size"})
    for entry in files:
        table.add_row(escape(entry.path), size(entry.size), entry.digest[:12])
    yield table


def importance(found: Sequence[Mapping[str, Any]]) -> Table:
    """Return a table of parameters and how much they matter."""
    numbers = ("fANOVA", "PED-ANOVA", "correlation", "p", "runs")
    table = _table("parameter", "kind", "values", *numbers, right={"values", *numbers})
    for one in found:
        table.add_row(
            escape(one["key"]),
            one["kind"],
            f"{one['distinct']:,}" + (f" (+{one['missing']:,} missing)" if one["missing"] else ""),
            *(f"{one[name]:.2f} ± {one[f'{name}_spread']:.2f}" for name in ("fanova", "ped_anova")),
            _MISSING if one["correlation"] is None else f"{one['correlation']:+.2f}",
            _MISSING if one["p"] is None else f"{one['p']:.1g}",
            f"{one['n']:,}",
        )
    return table


def rows(columns: Sequence[Mapping[str, str]], found: Sequence[Sequence[Any]]) -> Table:
    """Return a query's result as a table."""
    numbers = {
        column["name"] for column in columns if any(kind in column["type"] for kind in ("Int", "Float", "Decimal"))
    }
    table = _table(*(column["name"] for column in columns), right=numbers)
    for row in found:
        table.add_row(*(escape(item if isinstance(item, str) else dumps(item).decode()) for item in row))
    return table


def flat(nested: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return a nested mapping's leaves by dotted names."""
    leaves: dict[str, Any] = {}
    for name, item in nested.items():
        if isinstance(item, Mapping) and item:
            leaves |= flat(item, f"{prefix}{name}.")
        else:
            leaves[f"{prefix}{name}"] = item
    return leaves


def value(item: Any, longest: int = 80) -> str:
    """Return a value of config or summary in few words."""
    if isinstance(item, float):
        return f"{item:.5g}"
    text = item if isinstance(item, str) else dumps(item).decode()
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


def size(count: int) -> str:
    """Return a number of bytes in one unit."""
    for unit, name in ((10**9, "GB"), (10**6, "MB"), (10**3, "kB")):
        if count >= unit:
            return f"{count / unit:.1f} {name}"
    return f"{count} B"


def ago(moment: str) -> str:
    """Return how long ago a time was."""
    return span(time.time() - _seconds(moment))


def span(seconds: float) -> str:
    """Return a stretch of time in one unit."""
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds / size:.0f} {unit}"
    return f"{max(seconds, 0):.0f} s"


def _seconds(moment: str) -> float:
    return datetime.fromisoformat(moment.replace("Z", "+00:00")).timestamp()


def _state(state: str) -> str:
    return f"[{_STATES.get(state, 'default')}]{escape(state)}[/]"


def outliers(found: Sequence[Mapping[str, Any]]) -> Table:
    """Return a table of the ranks that differ from the others."""
    units = {"nonfinite": "values", "behind": "steps"}
    table = _table("rank", "why", "by", "since step", right={"rank", "by", "since step"})
    for one in found:
        by = f"{one['score']:,.4g} {units.get(one['why'], 'σ')}"
        table.add_row(str(one["rank"]), one["why"], by, f"{one['step']:,}")
    return table


def _table(*columns: str, right: set[str] | None = None, box_title: bool = True) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim" if box_title else "bold")
    for column in columns:
        table.add_column(escape(column), justify="right" if column in (right or ()) else "left", overflow="fold")
    return table
