"""Listing runs of a store that holds ten thousand: filtered, sorted, a page of fifty."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

from clickhouse_connect.driver.client import Client
from pipeline import Figures, arguments, pipeline, show

from runwire_storage import queries
from runwire_storage.client import connect
from runwire_storage.queries.filter import parse, parse_sort
from runwire_storage.schema import DATABASE

RUNS = 10_000
METRICS = 10
KEYS = 20

#: A filter, and what to sort by.
QUERIES = (
    ("", ""),
    ("state = finished", "-last(m1)"),
    ("min(m0) < 0.1", ""),
    ("config.k3 >= 0.5", "config.k4"),
    ("min(m0) < 0.1 and config.k3 >= 1e-3 and state = finished and tag:prod", "-m1"),
)

_RUN = "concat('run-', toString(intDiv(number, {per})))"
_TIME = "fromUnixTimestamp64Micro(1700000000000000 + intDiv(number, {per}) * 1000000, 'UTC')"
_RANDOM = "round(cityHash64(number) % 100000 / 100000, 5)"
#: Of each run's facts of a kind: how many, the key and the value of the n-th as SQL over ``number``.
_FACTS = (
    ("config", KEYS, f"concat('k', toString(number % {KEYS}))", f"toString({_RANDOM})"),
    ("tag", 2, "['prod', 'baseline'][1 + number % 2]", "if(cityHash64(number) % 4, 'true', 'false')"),
    ("state", 2, "['state', 'exit_code'][1 + number % 2]", """if(number % 2, '0', '"finished"')"""),
    ("run", 4, "['project', 'name', 'host', 'started_at'][1 + number % 4]", """[
        '"vision"', concat('"otter-', toString(intDiv(number, 4)), '"'), '"gpu1"',
        toString(1700000000000000 + intDiv(number, 4) * 1000000)][1 + number % 4]"""),
)  # fmt: skip


def fill(client: Client) -> None:
    """Store what ten thousand runs of one rank would have left: their facts and where their series stand."""
    for kind, per, key, value in _FACTS:
        client.command(
            f"INSERT INTO stored_facts SELECT {_RUN}, 0, '{kind}', {key}, {value}, {_TIME}, number "
            f"FROM numbers({RUNS * per})".format(per=per)
        )
    named = "run, metric, rank, first_step, last_step, last, count, min, min_step, max, max_step, sum, version"
    client.command(
        f"INSERT INTO stored_series ({named}) SELECT {_RUN}, concat('m', toString(number % {METRICS})), 0, 0, 999, "
        f"{_RANDOM} AS last, 1000, last / 2, 1, last * 2, 2, last * 1000, 1 FROM numbers({RUNS * METRICS})".format(
            per=METRICS
        )
    )


def median_ms(call: Callable[[], object], rounds: int) -> float:
    """Return the median of what calls take, after one that warms up."""
    call()
    taken = []
    for _ in range(rounds):
        began = time.perf_counter()
        call()
        taken.append(time.perf_counter() - began)
    return statistics.median(taken) * 1000


def main() -> None:
    """Measure and print."""
    parser = arguments(__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    args = parser.parse_args()
    table = []
    with pipeline() as up:
        client = connect(up.clickhouse)
        client.database = DATABASE
        fill(client)
        counted = "SELECT (SELECT count() FROM stored_facts FINAL) + (SELECT count() FROM stored_series FINAL)"
        least = median_ms(lambda: client.query(counted), args.rounds)
        table.append(("(the same rows, counted)", "", RUNS * METRICS, "", least, 1.0))
        for text, sort in QUERIES:
            for brief in (True, False):

                def ask(text: str = text, sort: str = sort, brief: bool = brief) -> queries.Page:  # noqa: FBT001
                    return queries.runs(client, parse(text), parse_sort(sort), limit=50, brief=brief)

                took = median_ms(ask, args.rounds)
                table.append((text or "(all)", sort, ask().total, "brief" if brief else "whole", took, took / least))
    columns = ("filter", "sort", "found", "rows", "p50, ms", "times the count")
    show(args.json, Figures(f"A page of 50 of {RUNS:,} runs", columns, table))


if __name__ == "__main__":
    main()
