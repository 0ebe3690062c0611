"""Sets of ranks as text: ``0-511,513``, as Slurm and the kernel write lists of nodes and processors."""

from __future__ import annotations

from collections.abc import Iterable


def text(ranks: Iterable[int]) -> str:
    """Return a set of ranks as text."""
    spans: list[list[int]] = []
    for rank in sorted(set(ranks)):
        if spans and rank == spans[-1][1] + 1:
            spans[-1][1] = rank
        else:
            spans.append([rank, rank])
    return ",".join(f"{first}-{last}" if last > first else str(first) for first, last in spans)


def parse(told: str) -> set[int]:
    """Return the ranks of a text that `text` made; those of anything else are none."""
    found: set[int] = set()
    for span in told.split(","):
        first, _, last = span.partition("-")
        if first.isdecimal() and (last or first).isdecimal():
            found.update(range(int(first), int(last or first) + 1))
    return found
