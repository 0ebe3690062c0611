"""What the store holds of a run, beside what was logged: counted, not asserted, for a table tells all of it.

ClickHouse is read from aside, past our own reading code, and rollups are computed point by point.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import brute
import known
from feed import Store
from known import Bits, Identity

from faults import beside, cells
from faults.tally import Tally
from faults.trainings import Attempt, Training
from runwire_storage.schema import TIME


@dataclass
class Verdict(Tally):
    """How a run's data came out.

    Attributes:
        logged: values for which log() returned.
        points: what is to be stored of them.
        lost: points that are missing, without having been said to be dropped.
        doubled: points that are there twice.
        altered: points with another value, or that nobody logged.
        buckets: rollup rows that are to be there.
        wrong_buckets: of these, those that are missing or differ, and such as are not to be there.
        wrong_totals: series of which the store knows something else as a whole.
        dropped: rows that the run itself says were dropped, for the disk was full.
    """

    logged: int = 0
    points: int = 0
    lost: int = 0
    doubled: int = 0
    altered: int = 0
    buckets: int = 0
    wrong_buckets: int = 0
    wrong_totals: int = 0
    dropped: int = 0

    @property
    def wrong(self) -> int:
        """How much is wrong."""
        return self.lost + self.doubled + self.altered + self.wrong_buckets + self.wrong_totals


def of(store: Store, server: str, trainings: Sequence[Training], dropped: int | None = None) -> Verdict:
    """Compare what is stored of a run with what its ranks logged.

    Args:
        store: where it is stored.
        server: who keeps the files.
        trainings: all ranks of the run.
        dropped: how many rows the run says were dropped; None where nothing may be.
    """
    run = trainings[0].rank.run
    verdict = Verdict(dropped=dropped or 0)
    rows = store.client.query(
        "SELECT metric, rank, step, reinterpretAsUInt64(value) FROM runwire.points WHERE run = {run:String}",
        {"run": run},
    ).result_rows
    stored: dict[Identity, Bits] = {(metric, rank, step): value for metric, rank, step, value in rows}
    twice = Counter(tuple(row[:3]) for row in rows)
    verdict.doubled = verdict.note("doubled", (one for one, count in twice.items() if count > 1))
    expected: dict[Identity, Bits] = {}
    for training in trainings:
        expected |= _expected(training, stored)
        verdict.logged += sum(len(values) for attempt in training.attempts for _, values in attempt.logged())
    verdict.points = len(expected)
    missing = expected.keys() - stored.keys()
    if dropped is None:
        verdict.lost = verdict.note(f"lost of {run}", sorted(missing))
    else:
        _judge_dropped(verdict, trainings, missing, dropped)
    verdict.altered = verdict.note(
        f"altered of {run}",
        ((one, hex(value), hex(expected.get(one, 0))) for one, value in stored.items() if expected.get(one) != value),
    )
    _judge_summaries(verdict, store, run)
    _judge_tables(verdict, store, trainings, all_of_it=dropped is None)
    if dropped is None:
        findings = beside.compare(store, server, trainings)
        verdict.lost += sum(verdict.note(what, found) for what, found in findings.lost)
        verdict.altered += sum(verdict.note(what, found) for what, found in findings.strange)
    return verdict


def fingerprint(store: Store, run: str) -> tuple[int, ...]:
    """Return a number that tells whether what is stored of a run is still the same."""
    sql = "SELECT count(), groupBitXor(cityHash64(*)) FROM runwire.{} WHERE run = {{run:String}}"
    tables = ("points", "rollups", "series", "tables", "media", "console")
    return tuple(n for table in tables for n in store.client.query(sql.format(table), {"run": run}).result_rows[0])


def _expected(training: Training, stored: dict[Identity, Bits]) -> dict[Identity, Bits]:
    """Return what is to be stored: of one (metric, rank, step) what was logged last.

    A row that was on its way when its process was killed counts if some of it is stored: then all of it must be.
    """
    expected: dict[Identity, Bits] = {}
    later: dict[Identity, Bits] = {}
    for attempt in reversed(training.attempts):
        mine = _points(attempt, attempt.logged())
        doubtful = attempt.doubtful()
        if doubtful is not None:
            row = _points(attempt, [doubtful])
            seen = (one for one, value in row.items() if one not in later and mine.get(one) != value)
            if any(stored.get(one) == row[one] for one in seen):
                mine |= row
        later = mine | later
    expected |= later
    return expected


def _points(attempt: Attempt, rows: Sequence[known.Row]) -> dict[Identity, Bits]:
    return known.points(iter(rows), attempt.rank.rank)


def _judge_dropped(verdict: Verdict, trainings: Sequence[Training], missing: set[Identity], dropped: int) -> None:
    """On a disk that was full no step comes twice, so a row is there, or all of it is missing and was told of."""
    gone = {(rank, step) for _, rank, step in missing}
    whole = set()
    for training in trainings:
        for attempt in training.attempts:
            for step, values in attempt.logged():
                if all((metric, training.rank.rank, step) in missing for metric in values):
                    whole.add((training.rank.rank, step))
    torn = {one for one in missing if one[1:] not in whole}
    verdict.lost = verdict.note("part of a row lost", sorted(torn))
    if len(gone) != dropped:
        run = trainings[0].rank.run
        verdict.lost += verdict.note(
            f"{len(gone)} rows of {run} are missing, {dropped} were told of", range(abs(len(gone) - dropped))
        )


def _judge_summaries(verdict: Verdict, store: Store, run: str) -> None:
    """Rollups and totals must be what brute force makes of the stored points, which are known to be right."""
    rows = store.client.query(
        "SELECT metric, rank, step, reinterpretAsUInt64(value), seq FROM runwire.stored_points FINAL "
        f"WHERE run = {{run:String}} AND metric != '{TIME}'",
        {"run": run},
    ).result_rows
    points = [((run, metric, rank), step, known.number(value), seq) for metric, rank, step, value, seq in rows]
    wanted = brute.rollups(points)
    verdict.buckets = len(wanted)
    verdict.wrong_buckets = verdict.note("wrong bucket", _differing(store.rollups(run), wanted))
    verdict.wrong_totals = verdict.note("wrong total", _differing(store.totals(run), brute.totals(points)))


def _judge_tables(verdict: Verdict, store: Store, trainings: Sequence[Training], *, all_of_it: bool) -> None:
    """Of one rank and step the table that was logged last must be there, whole, unless a disk was full.

    One that was on its way when its process was killed may be there, or not, or its first rows alone.
    """
    run = trainings[0].rank.run
    rows = store.client.query(
        "SELECT rank, step, row, toJSONString(data) FROM runwire.table_rows WHERE run = {run:String} ORDER BY row",
        {"run": run},
    ).result_rows
    stored: dict[tuple[int, int], list[list[Any]]] = {}
    twice = Counter(tuple(row[:3]) for row in rows)
    verdict.doubled += verdict.note("row of a table doubled", (one for one, count in twice.items() if count > 1))
    for rank, step, _, data in rows:
        told = json.loads(data)
        stored.setdefault((rank, step), []).append([told[name] for name in cells.COLUMNS])
    allowed: dict[tuple[int, int], list[list[list[Any]]]] = {}
    for training in trainings:
        rank = training.rank.rank
        for attempt in training.attempts:
            begun, returned = attempt.ledger.read()
            for step, whole in attempt.tables(range(1, returned + 1)):
                allowed[rank, step] = [whole]
            for step, whole in attempt.tables(range(returned + 1, begun + 1)):
                allowed.setdefault((rank, step), [[]]).extend(whole[:count] for count in range(1, len(whole) + 1))
    verdict.logged += sum(len(ways[0]) * len(cells.COLUMNS) for ways in allowed.values())
    if all_of_it:
        missing = (one for one, ways in allowed.items() if stored.get(one, []) not in ways)
        verdict.lost += verdict.note(f"table of {run} lost, or not as it was logged", sorted(missing))
    else:
        strange = (
            one
            for one, there in stored.items()
            if not any(all(row in way for row in there) for way in allowed.get(one, []))
        )
        verdict.altered += verdict.note(f"table of {run} altered", sorted(strange))
    verdict.altered += verdict.note(f"table of {run} that nobody logged", stored.keys() - allowed.keys())


def _differing(stored: Mapping[Any, Any], wanted: Mapping[Any, Any]) -> Iterator[tuple[Any, Any, Any]]:
    """Yield the keys under which not the same stands, with what is stored and what is wanted."""
    for key in stored.keys() | wanted.keys():
        if stored.get(key) != wanted.get(key):
            yield key, stored.get(key), wanted.get(key)
