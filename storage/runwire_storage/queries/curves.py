"""Series in as many columns as one has pixels, exact at every zoom (M4: first, last, min, max of each column)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from clickhouse_connect.driver.client import Client

from runwire_storage.queries.asking import ENDS, reader, totals_and_expired
from runwire_storage.queries.columns import Columns, columns, empty
from runwire_storage.queries.views import View, view, views
from runwire_storage.reader import Reader
from runwire_storage.rows import Series, by_series


def series(
    client: Client, names: Sequence[Series], lo: int | None = None, hi: int | None = None, columns: int = 1000
) -> list[Columns]:
    """Return the steps ``lo <= step < hi`` of each series in at most ``columns`` columns, exactly.

    What is read grows with the number of columns, not with the length of the run.

    Args:
        client: of the store.
        names: run, metric and rank of each; a series that does not exist has no columns.
        lo: where the view begins; None for each series' own beginning.
        hi: where it ends; None for each series' own end, as it is now.
        columns: 1 to `COLUMNS_MAX`; a view across step 0 takes two at least.

    Raises:
        ClickHouseError: the driver's own, where the store refuses or is away.
    """
    unique = list(dict.fromkeys(names))
    totals, gone = totals_and_expired(client, unique, {run for run, _, _ in unique}, ENDS)
    wanted = _to_be_had(gone, unique, list(views(totals, lo, hi, columns)))
    found = dict(zip(unique, _curves(reader(client), unique, totals, wanted), strict=True))
    return [found[name] for name in names]


def against(
    client: Client,
    names: Sequence[Series],
    x: str,
    *,
    lo: int | None = None,
    hi: int | None = None,
    columns: int = 1000,
) -> list[tuple[Columns, Columns]]:
    """Return series as `series` does, each with another metric of the same run and rank in the very same columns.

    A column is a stretch of steps, and says which values ``x`` had in it: where that rises with the steps, as epochs
    and tokens do, it goes from x's first to x's last. Where columns are single steps, the pairs are the points.

    Args:
        client: of the store.
        names: as for `series`.
        x: the metric of the other axis.
        lo: where the view begins, a step.
        hi: where it ends, a step.
        columns: as for `series`.

    Raises:
        ClickHouseError: the driver's own, where the store refuses or is away.
    """
    unique = list(dict.fromkeys(names))
    both = unique + [(run, x, rank) for run, _, rank in unique]
    totals, gone = totals_and_expired(client, both, {run for run, _, _ in unique}, ENDS)
    own = {place: total for place, total in totals.items() if place < len(unique)}
    wanted = list(views(own, lo, hi, columns))
    for its in list(wanted):
        other = its.place + len(unique)
        if other in totals:
            wanted += view(other, totals[other], its.lo, its.hi, its.k)
    found = _curves(reader(client), both, totals, _to_be_had(gone, both, wanted))
    pairs = dict(zip(unique, zip(found[: len(unique)], found[len(unique) :], strict=True), strict=True))
    return [pairs[name] for name in names]


def _to_be_had(gone: Collection[str], names: Sequence[Series], wanted: Sequence[View]) -> list[View]:
    """Return the views, those of runs whose points have gone in whole buckets."""
    return [its.whole_buckets() if its.cuts and names[its.place][0] in gone else its for its in wanted]


def _curves(asked: Reader, names: Sequence[Series], totals: Mapping[int, Any], wanted: Iterable[View]) -> list[Columns]:
    by_width: dict[int, list[View]] = defaultdict(list)
    for its in wanted:
        by_width[its.k].append(its)
    found: dict[int, Columns] = {}
    for k, same in by_width.items():
        rows = asked.columns(names, {its.place: its.parts for its in same}, k)
        of = {its.place: its for its in same}
        for place, own in by_series(rows, list(of)):
            found[place] = columns(asked, names, of[place], own)
    return [
        found.get(place) or empty(name, int(totals[place]["last_step"]) if place in totals else None)
        for place, name in enumerate(names)
    ]
