"""What a round of alerting came to, as tables and as JSON."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from rich import box
from rich.table import Table

from faults.alerts.plan import WEIGHTS
from faults.alerts.rounds import Outcome
from faults.alerts.verdict import Verdict

_COLUMNS = {
    "runs": "runs",
    "alerts": "alerts",
    "transitions": "transitions",
    "requests": "requests",
    "again": "taken again",
    "lost": "lost",
    "rekeyed": "under another key",
    "unlogged": "not in the history",
    "backwards": "end before begin",
    "unsigned": "unsigned",
    "missing": "not as it happened",
}


def complaints(outcome: Outcome) -> list[str]:
    """Return what is wrong, in words."""
    return [*outcome.wrong, *outcome.total.examples]


def table(outcome: Outcome) -> Table:
    """Return what came of each kind of story, and of all."""
    out = Table(box=box.MARKDOWN)
    out.add_column("what the runs did", no_wrap=True)
    for name in _COLUMNS.values():
        out.add_column(name, justify="right", no_wrap=True)
    for kind, found in outcome.verdicts.items():
        _add(out, kind, found)
    _add(out, "all", outcome.total)
    return out


def summary(outcome: Outcome) -> str:
    """Return the rest of what is to be told."""
    happened = [f"{kind} ×{outcome.faults[kind]}" for kind in WEIGHTS if outcome.faults[kind]]
    told = f"{sum(outcome.faults.values())} faults ({', '.join(happened)}), {outcome.seconds / 60:.1f} minutes."
    return f"{told} {'Nothing is wrong.' if outcome.good else 'WRONG.'}"


def as_json(seed: int, outcome: Outcome) -> dict[str, Any]:
    """Return all of it as plain data."""
    return {
        "seed": seed,
        "seconds": round(outcome.seconds, 1),
        "faults": dict(outcome.faults),
        "total": asdict(outcome.total),
        "stories": {kind: asdict(found) for kind, found in outcome.verdicts.items()},
        "wrong": outcome.wrong,
    }


def _add(out: Table, name: str, found: Verdict) -> None:
    out.add_row(name, *(f"{getattr(found, column):,}" for column in _COLUMNS))
