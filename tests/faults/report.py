"""What the rounds came to, as a table and as JSON."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from functools import reduce
from operator import add
from typing import Any

from rich import box
from rich.table import Table

from faults.plan import WEIGHTS
from faults.rounds import Outcome
from faults.verdict import Verdict

_COLUMNS = ("times", "rounds", "values logged", "points", "lost", "doubled", "altered", "buckets", "wrong buckets")


def line(outcome: Outcome) -> str:
    """Return a round in a line."""
    total = outcome.verdict
    counted = sorted((kind, count) for kind, count in outcome.faults.items() if count)
    faults = ", ".join(f"{kind} ×{count}" if count > 1 else kind for kind, count in counted)
    found = "good" if outcome.good else "[bold red]WRONG[/]"
    return f"round {outcome.number}: {found}, {total.points:,} points, {outcome.seconds:.0f} s ({faults})"


def complaints(outcome: Outcome) -> list[str]:
    """Return what is wrong with a round, in words."""
    return [*outcome.wrong, *outcome.verdict.examples]


def table(outcomes: Sequence[Outcome]) -> Table:
    """Return what came of each kind of fault, that is of the rounds in which it was, and of all rounds."""
    out = Table(box=box.MARKDOWN)
    out.add_column("fault", no_wrap=True)
    for name in _COLUMNS:
        out.add_column(name, justify="right", no_wrap=True)
    for kind in WEIGHTS:
        its = [outcome for outcome in outcomes if outcome.faults[kind]]
        _add(out, kind, sum(outcome.faults[kind] for outcome in its), its)
    _add(out, "all", sum(sum(outcome.faults.values()) for outcome in outcomes), outcomes)
    return out


def summary(outcomes: Sequence[Outcome]) -> str:
    """Return the rest of what is to be told, in a sentence or two."""
    total = _total(outcomes)
    bad = [str(outcome.number) for outcome in outcomes if not outcome.good]
    seconds = sum(outcome.seconds for outcome in outcomes)
    told = f"{total.dropped:,} rows were dropped by a full disk, and said to be. {seconds / 60:.0f} minutes."
    return f"{told} Wrong: {', '.join(bad)}." if bad else f"{told} Nothing is wrong."


def as_json(seed: int, disk: str, outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """Return all of it as plain data."""
    rounds = [
        {
            "round": outcome.number,
            "seconds": round(outcome.seconds, 1),
            "faults": dict(outcome.faults),
            **asdict(outcome.verdict),
            "wrong": outcome.wrong,
        }
        for outcome in outcomes
    ]
    total = asdict(_total(outcomes))
    del total["examples"]
    return {"seed": seed, "small_disk": disk, "total": total, "rounds": rounds}


def _add(out: Table, kind: str, times: int, its: Sequence[Outcome]) -> None:
    total = _total(its)
    numbers = (
        times,
        len(its),
        total.logged,
        total.points,
        total.lost,
        total.doubled,
        total.altered,
        total.buckets,
        total.wrong_buckets + total.wrong_totals,
    )
    out.add_row(kind, *(f"{number:,}" for number in numbers))


def _total(outcomes: Iterable[Outcome]) -> Verdict:
    return reduce(add, (outcome.verdict for outcome in outcomes), Verdict())
