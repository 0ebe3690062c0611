"""Series over time: columns are stretches of time, and exact all the same.

The time of a step is a series like any other (`runwire_storage.schema.TIME`), with rollups of its own: they tell when
the steps of a bucket began and ended. A bucket whose steps all lie in one column belongs to it whole; one that crosses
an edge is taken apart into those one level finer, and at last into points. So no order is assumed: steps may be logged
late, twice, or in the time of another column. Within a column, first and last are so by step.

Of a series that was measured beside a run the steps are times already, in milliseconds: it is its own clock.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from clickhouse_connect.driver.client import Client
from numpy.typing import NDArray

from runwire.wire.names import is_system
from runwire_storage.cover import Part, Parts, level
from runwire_storage.queries.asking import reader, totals_and_expired
from runwire_storage.queries.columns import Columns, empty
from runwire_storage.queries.columns import columns as told
from runwire_storage.queries.views import View, view
from runwire_storage.reader import WHOLE, Reader
from runwire_storage.rollup import latest, reduce, roll_up
from runwire_storage.rows import BUCKET, Ints, Rows, Series, by_series, odd
from runwire_storage.schema import LEVELS, TIME

_MICROSECONDS = 1e6
#: In microseconds.
_MILLISECOND = 1000
_FINER = dict(zip(LEVELS, (0, *LEVELS), strict=False))

#: By level (0 for single steps), rising positions of a run and rank, and the column of time in which each lies.
_Placed = dict[int, tuple[Ints, Ints]]
#: Of rows: which have times at all, and which some without, and the first and the last time, in microseconds.
_Times = tuple[NDArray[np.bool_], NDArray[np.bool_], Ints, Ints]


def timeline(
    client: Client, names: Sequence[Series], *, lo: int | None = None, hi: int | None = None, columns: int = 1000
) -> list[Columns]:
    """Return the time ``lo <= ts < hi`` of each series in at most ``columns`` columns, exactly.

    Column c holds the points of the steps that were logged from ``c << level`` to before ``(c + 1) << level``
    microseconds since the epoch; of a step that was logged more than once, the last time counts.

    Args:
        client: of the store.
        names: run, metric and rank of each; a series that does not exist has no columns.
        lo: where the view begins, microseconds since the epoch; None for the beginning of each series' run and rank.
        hi: where it ends; None for the end of each series' run and rank, as it is now.
        columns: 1 to `COLUMNS_MAX`.

    Raises:
        ClickHouseError: the driver's own, where the store refuses or is away.
    """
    unique = list(dict.fromkeys(names))
    clocks = list(dict.fromkeys(map(_clock, unique)))
    known = list(dict.fromkeys([*unique, *clocks]))  # some are their own clocks
    totals, gone = totals_and_expired(client, known, {run for run, _, _ in clocks})
    asked = reader(client)
    spans = dict(_spans(clocks, [totals.get(known.index(clock)) for clock in clocks], lo, hi, columns))
    for clock, span in spans.items():
        if clocks[clock][0] in gone:
            spans[clock] = replace(span, exact=False)
    placed = _place(asked, clocks, spans)
    clock_of = {place: clocks.index(_clock(name)) for place, name in enumerate(unique)}
    wanted = {
        place: View(
            place, int(totals[place]["last_step"]), spans[clock].lo, spans[clock].hi, spans[clock].k, spans[clock].exact
        )
        for place, clock in clock_of.items()
        if place in totals and clock in spans
    }
    rows = _columns(asked, unique, {place: placed[clock_of[place]] for place in wanted}, columns)
    found = {place: told(asked, unique, its, rows[place]) for place, its in wanted.items() if place in rows}
    curves = {
        name: found.get(place) or empty(name, int(totals[place]["last_step"]) if place in totals else None)
        for place, name in enumerate(unique)
    }
    return [curves[name] for name in names]


def _clock(name: Series) -> Series:
    """Return the series that tells when the steps of a series were logged: itself, where its steps are times."""
    run, metric, rank = name
    return name if is_system(metric) else (run, TIME, rank)


def _spans(
    clocks: Sequence[Series], totals: Sequence[Any], lo: int | None, hi: int | None, columns: int
) -> Iterator[tuple[int, View]]:
    """Yield by clock, whose totals are told, the time that is asked for, as a view whose steps are microseconds."""
    for place, (clock, total) in enumerate(zip(clocks, totals, strict=True)):
        if total is None:
            continue
        if is_system(clock[1]):
            first, last = (int(total[name]) * _MILLISECOND for name in ("first_step", "last_step"))
        elif total["count"] > odd(total):
            first, last = (int(_microseconds(total[name])) for name in ("min", "max"))
        else:
            continue
        start = first if lo is None else lo
        end = last + 1 if hi is None else hi
        if start < end:
            yield place, View(place, int(total["last_step"]), start, end, level(start, end, columns))


def _microseconds(seconds: Any) -> Any:
    """Return times, seconds since the epoch, as the microseconds that they were logged with."""
    return np.rint(np.asarray(seconds) * _MICROSECONDS).astype(np.int64)


def _place(asked: Reader, clocks: Sequence[Series], spans: Mapping[int, View]) -> dict[int, _Placed]:
    """Tell for each clock which of its buckets and steps lie in which column."""
    totals = {int(row["series"]): row for row in asked.totals(clocks)}
    parts: dict[int, list[Part]] = {}
    for place, span in spans.items():
        first, end = int(totals[place]["first_step"]), int(totals[place]["last_step"]) + 1
        width = level(first, end, max(1, (span.hi - span.lo) >> span.k))
        parts[place] = [part for its in view(place, totals[place], first, end, width) for part in its.parts]
    found: dict[int, dict[int, list[tuple[Ints, Ints]]]] = {place: defaultdict(list) for place in spans}
    while parts:
        crossing: dict[int, list[Part]] = {}
        for at, rows in asked.by_level(clocks, parts).items():
            for place, own in by_series(rows, list(spans)):
                times = _own_times(own, at) if is_system(clocks[place][1]) else _told_times(own)
                whole, column, torn = _sort_out(times, spans[place])
                if at == LEVELS[0] and not spans[place].exact:
                    whole, torn = whole | torn, np.zeros_like(torn)  # its points have expired: it counts as it began
                found[place][at].append((own["position"][whole], column[whole]))
                crossing.setdefault(place, []).extend(_children(at, own["position"][torn]))
        parts = {place: some for place, some in crossing.items() if some}
    return {place: {at: _joined(pieces) for at, pieces in by_level.items()} for place, by_level in found.items()}


def _told_times(rows: Rows) -> _Times:
    """Return the times of a clock's buckets or steps as their values tell them."""
    if rows.dtype == BUCKET:
        timed, begin, end = rows["count"] > odd(rows), rows["min"], rows["max"]
        untimed = odd(rows) > 0
    else:
        timed, begin, end = np.isfinite(rows["value"]), rows["value"], rows["value"]
        untimed = ~timed
    return timed, untimed, _microseconds(np.where(timed, begin, 0)), _microseconds(np.where(timed, end, 0))


def _own_times(rows: Rows, at: int) -> _Times:
    """Return the times of buckets or steps that are times themselves."""
    begin = (rows["position"] << at) * _MILLISECOND
    end = (((rows["position"] + 1) << at) - 1) * _MILLISECOND
    return np.ones(len(rows), np.bool_), np.zeros(len(rows), np.bool_), begin, end


def _sort_out(times: _Times, span: View) -> tuple[NDArray[np.bool_], Ints, NDArray[np.bool_]]:
    """Return which rows lie in one column whole, that column, and which must be looked at more closely."""
    timed, untimed, begin, end = times
    touched = timed & (end >= span.lo) & (begin < span.hi)
    column = begin >> span.k
    whole = touched & ~untimed & (begin >= span.lo) & (end < span.hi) & (column == end >> span.k)
    return whole, column, touched & ~whole


def _children(at: int, positions: Ints) -> Iterator[Part]:
    """Yield what buckets of a level are made of."""
    if not len(positions):
        return
    below = _FINER[at]
    breaks = np.flatnonzero(np.diff(positions) != 1) + 1
    for run in np.split(positions, breaks):
        yield Part(below, int(run[0]) << (at - below), ((int(run[-1]) + 1) << (at - below)) - 1)


def _joined(pieces: Sequence[tuple[Ints, Ints]]) -> tuple[Ints, Ints]:
    positions = np.concatenate([piece[0] for piece in pieces])
    order = np.argsort(positions, kind="stable")
    return positions[order], np.concatenate([piece[1] for piece in pieces])[order]


def _columns(asked: Reader, names: Sequence[Series], placed: Mapping[int, _Placed], columns: int) -> dict[int, Rows]:
    """Return by series one BUCKET a column, whose position is the column."""
    parts: Parts = {
        place: [
            Part(at, int(run[0]), int(run[-1]))
            for at, (positions, _) in by_level.items()
            if len(positions)
            for run in np.split(positions, np.flatnonzero(np.diff(positions) != 1) + 1)
        ]
        for place, by_level in placed.items()
    }
    # Each column of each series is rolled up like a series of its own.
    bases = {
        place: min((int(found.min()) for _, found in by_level.values() if len(found)), default=0)
        for place, by_level in placed.items()
    }
    room = columns + 2
    by_level = asked.by_level(names, parts)
    for at, rows in by_level.items():
        for place, own in by_series(rows, list(placed)):
            positions, its = placed[place][at]
            own["series"] = place * room + its[np.searchsorted(positions, own["position"])] - bases[place]
        by_level[at] = latest(rows)
    rows = roll_up(by_level, WHOLE)
    rows["position"] = 0  # below zero and above
    rows = reduce(rows, 0)
    out = {}
    edges = np.searchsorted(
        np.ascontiguousarray(rows["series"]), [(place * room, (place + 1) * room) for place in placed]
    )
    for place, (start, end) in zip(placed, edges.tolist(), strict=True):
        own = rows[start:end]
        own["position"] = own["series"] - place * room + bases[place]
        out[place] = own
    return out
