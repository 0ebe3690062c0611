"""What the demo prints."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.progress import Progress, SpinnerColumn, TextColumn

from runwire_server.cli import plot, tables

_CONSOLE = Console(highlight=False)


def say(text: str) -> None:
    """Print a line."""
    _CONSOLE.print(escape(text))


@contextmanager
def progress(name: str) -> Iterator[Callable[[], None]]:
    """Show how many steps a training has taken; yields what to call at each."""
    columns = (SpinnerColumn(), TextColumn("{task.description}: {task.completed:,.0f} steps"))
    with Progress(*columns, console=_CONSOLE, transient=True) as shown:
        task = shown.add_task(name, total=None)
        yield lambda: shown.advance(task)


def show(
    runs: Sequence[Mapping[str, Any]],
    curves: Sequence[Mapping[str, Any]],
    alert: Mapping[str, Any],
    server: str,
    home: Path,
) -> None:
    """Print both runs, their losses, the alert, and where to look."""
    _CONSOLE.print()
    _CONSOLE.print(tables.runs(runs))
    for about, curve in zip(runs, curves, strict=True):
        _CONSOLE.print(f"\n[bold]{escape(about['name'])}[/]")
        print(plot.chart(curve))  # noqa: T201 -- drawn as it is, not marked up
    before = ", ".join(f"{value:.4g}" for _, value in alert["before"])
    _CONSOLE.print(f"\n[bold red]alert[/] {escape(alert['title'])}")
    _CONSOLE.print(f"  run {alert['run']} ({escape(alert['name'])}), rank {alert['rank']}, step {alert['step']:,}")
    _CONSOLE.print(f"  the values before: {before}")
    _CONSOLE.print(f"  fired {seconds_after(alert) * 1000:.0f} ms after the value was logged")
    here = "" if home == Path.home() / ".runwire" else f" --home {home}"
    _CONSOLE.print(f"\n[bold]Look:[/]  {server}/r/{runs[1]['id']}   (the page, live)")
    for command in (f"show {runs[1]['id']}", "alerts ls", f'sql "{_SQL}"'):
        _CONSOLE.print(f"       runwire {escape(command)}{here}")
    _CONSOLE.print(f"[bold]Stop:[/]  runwire down{here}")


_SQL = "SELECT run, metric, count(), max(step) FROM points GROUP BY run, metric"


def as_json(runs: Sequence[Mapping[str, Any]], alert: Mapping[str, Any], server: str) -> dict[str, Any]:
    """Return the same as data."""
    return {
        "runs": list(runs),
        "alert": {**alert, "seconds_after": seconds_after(alert)},
        "server": server,
    }


def seconds_after(alert: Mapping[str, Any]) -> float:
    """Return how long after its cause an alert fired."""
    fired, caused = (datetime.fromisoformat(alert[key].replace("Z", "+00:00")) for key in ("fired_at", "caused_at"))
    return (fired - caused).total_seconds()
