"""How long a curve takes through the HTTP API, beside a bare SELECT of as many rows, idle and while runs log.

The curves are fed straight to Kafka, some 120 million points, and stored by the stream worker as any others.
"""

from __future__ import annotations

import http.client
import json
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode, urlsplit

import numpy as np
from feed import Feed, Training
from load import Shape, training
from pipeline import Figures, Pipeline, arguments, pipeline, show
from store import settle, stored

from runwire_server.api.series import MEDIA_TYPE
from runwire_storage.schema import LEVELS

SERIES, MATRIX = "/api/series", "/api/runs/ranks-0/matrix"
COLUMNS = 1000
ROUNDS = 60
WARM_ROUNDS = 20
#: A tenth of what the pipeline is to take, points/s.
LOAD_RATE = 100_000.0
#: A pipeline slower than this is taken for stuck, points/s.
RATE_MIN = 20_000

Body = dict[str, Any]


@dataclass(frozen=True)
class Curves:
    """Runs that are filled in alike.

    Attributes:
        name: the runs are NAME-0, NAME-1, …
        runs, metrics, ranks: how many of each.
        steps: of each series.
    """

    name: str
    runs: int = 1
    metrics: int = 1
    ranks: int = 1
    steps: int = 1_000_000

    @property
    def series(self) -> list[Body]:
        """Return all of them, as the API names them."""
        return [
            {"run": f"{self.name}-{run}", "metric": f"m{metric}", "rank": rank}
            for run in range(self.runs)
            for metric in range(self.metrics)
            for rank in range(self.ranks)
        ]


LONG = Curves("long", steps=10_000_000)
MIDDLE = Curves("middle", steps=1_000_000)
SHORT = Curves("short", steps=100_000)
WIDE = Curves("wide", metrics=50, steps=200_000)
OVER = Curves("over", runs=100, steps=1_000_000)
RANKS = Curves("ranks", ranks=1000, steps=10_000)
ALL = (LONG, MIDDLE, SHORT, WIDE, OVER, RANKS)


@dataclass(frozen=True)
class Case:
    """A question.

    Attributes:
        name: what it is called.
        goal: how long it may take, ms.
        body: makes its body, each time another one if it likes.
        path: its route; that of the matrix is a GET, whose query is the body.
    """

    name: str
    goal: float
    body: Callable[[random.Random], Body]
    path: str = SERIES


def whole(curves: Curves) -> Callable[[random.Random], Body]:
    """Ask for all of it."""
    return lambda _random: {"series": curves.series, "lo": None, "hi": None, "columns": COLUMNS}


def zoom(curves: Curves) -> Callable[[random.Random], Body]:
    """Ask for a part anywhere, of 16 steps or all, every order of magnitude as likely."""

    def body(draw: random.Random) -> Body:
        width = round(16 * (curves.steps / 16) ** draw.random())
        lo = draw.randrange(curves.steps - width + 1)
        return {"series": curves.series, "lo": lo, "hi": lo + width, "columns": COLUMNS}

    return body


CASES = (
    Case("10 M steps", 20.0, whole(LONG)),
    Case("10 M steps, any zoom", 20.0, zoom(LONG)),
    Case("1 M steps", 20.0, whole(MIDDLE)),
    Case("100,000 steps", 20.0, whole(SHORT)),
    Case("50 metrics of a run", 200.0, whole(WIDE)),
    Case("100 runs of 1 M steps", 300.0, whole(OVER)),
    Case(
        "1,000 ranks over time",
        300.0,
        lambda _random: {"metric": "m0", "columns": COLUMNS},
        MATRIX,
    ),
)


class Connection:
    """A connection that is kept, as a browser keeps it."""

    def __init__(self, url: str) -> None:
        self._connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=60)

    def post(self, path: str, body: bytes, headers: dict[str, str]) -> tuple[float, bytes]:
        """Return how long the whole answer took, ms, and the answer."""
        return self._ask("POST", path, body, headers)

    def get(self, path: str) -> tuple[float, bytes]:
        """Return how long the whole answer took, ms, and the answer."""
        return self._ask("GET", path, None, {})

    def _ask(self, method: str, path: str, body: bytes | None, headers: dict[str, str]) -> tuple[float, bytes]:
        began = time.perf_counter()
        self._connection.request(method, path, body, headers)
        reply = self._connection.getresponse()
        answer = reply.read()
        took = 1000 * (time.perf_counter() - began)
        if reply.status != 200:
            raise RuntimeError(f"{path} answered {reply.status}: {answer[:500]!r}")
        return took, answer


@dataclass(frozen=True)
class Timed:
    """How long a question took.

    Attributes:
        api: through the API, ms, round by round.
        bare: a bare SELECT of as many rows, ms.
        bytes: the longest answer.
    """

    api: list[float]
    bare: list[float]
    bytes: int


def ask(up: Pipeline, case: Case, rounds: int) -> Timed:
    """Ask a case's questions one after the other, each of them bare, too."""
    server, store = Connection(up.server), Connection(up.clickhouse)
    draw = random.Random(case.name)
    headers = {"Content-Type": "application/json", "Accept": MEDIA_TYPE}
    timed = Timed([], [], 0)
    size = 0
    for number in range(-WARM_ROUNDS, rounds):
        body = case.body(draw)
        if case.path == SERIES:
            took, answer = server.post(case.path, json.dumps(body).encode(), headers)
            sql = bare(body, answer)
        else:
            took, answer = server.get(f"{case.path}?{urlencode(body)}")
            sql = bare_matrix(answer)
        alone, _ = store.post("/", sql.encode(), {})
        if number >= 0:
            size = max(size, len(answer))
            timed.api.append(took)
            timed.bare.append(alone)
    return Timed(timed.api, timed.bare, size)


def bare(body: Body, answer: bytes) -> str:
    """Return a SELECT of as many rows as an answer's columns are made of, from where they are."""
    told = json.loads(answer[8 : 8 + int.from_bytes(answer[4:8], "little")])["series"]
    runs, metrics = sorted({one["run"] for one in told}), sorted({one["metric"] for one in told})
    where = f"run IN {_words(runs)} AND metric IN {_words(metrics)}"
    k = max(one["level"] for one in told)
    rows = sum(one["n"] << max(0, one["level"] - _source(k)) for one in told)
    lo = body["lo"] or 0
    if k < LEVELS[0]:
        return (
            f"SELECT step, value FROM runwire.points WHERE {where} AND step >= {lo} LIMIT {rows << k} FORMAT RowBinary"
        )
    level = _source(k)
    where += f" AND level = {level} AND bucket >= {lo >> level}"
    return f"SELECT * FROM runwire.rollups WHERE {where} LIMIT {rows} FORMAT RowBinary"


def bare_matrix(answer: bytes) -> str:
    """Return a SELECT of the rows that a matrix' means are made of."""
    told = json.loads(answer)
    level = _source(told["level"])
    end = told["start"] + (len(told["mean"][0]) << told["level"])
    where = f"run = '{told['run']}' AND metric = '{told['metric']}' AND level = {level}"
    where += f" AND bucket >= {told['start'] >> level} AND bucket < {end >> level}"
    return f"SELECT * FROM runwire.rollups WHERE {where} FORMAT RowBinary"


def _source(k: int) -> int:
    """Return the coarsest stored level that is fine enough for columns of 2^k steps; k where only points are."""
    return max((level for level in LEVELS if level <= k), default=k)


def _words(words: Sequence[str]) -> str:
    return "(" + ", ".join(f"'{word}'" for word in words) + ")"


def fill(up: Pipeline, curves: Sequence[Curves]) -> None:
    """Have the pipeline store the curves, and wait until they are merged."""
    with Feed(up.kafka) as feed:
        for one in curves:
            names = [f"m{number}" for number in range(one.metrics)]
            for run in range(one.runs):
                for rank in range(one.ranks):
                    Training(feed, f"{one.name}-{run}", names, rank).log_noise(one.steps)
    client = up.store()
    for one in curves:
        points = len(one.series) * one.steps
        stored(client, f"{one.name}-", len(one.series), one.steps - 1, 60 + points / RATE_MIN)
    settle(client)


def main() -> None:
    """Measure and print."""
    parser = arguments(__doc__)
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="of each question")
    parser.add_argument("--load", type=float, default=LOAD_RATE, metavar="POINTS/S", help="what is logged meanwhile")
    args = parser.parse_args()
    with pipeline() as up:
        fill(up, ALL)
        idle = [ask(up, case, args.rounds) for case in CASES]
        with training(up, "load", Shape(rate=args.load)) as load:
            load.log(10**9)
            loaded = [ask(up, case, args.rounds) for case in CASES]
            load.kill()
    rows = [
        (
            case.name,
            case.goal,
            *np.quantile(alone.api, (0.5, 0.95)).tolist(),
            *np.quantile(beside.api, (0.5, 0.95)).tolist(),
            float(np.median(alone.bare)),
            float(np.median(alone.api) / np.median(alone.bare)),
            alone.bytes / 1000,
        )
        for case, alone, beside in zip(CASES, idle, loaded, strict=True)
    ]
    show(
        args.json,
        Figures(
            f"Queries of {COLUMNS:,} columns, ms",
            ("question", "goal", "p50", "p95", "p50, loaded", "p95, loaded", "bare p50", "ratio", "most kB"),
            rows,
            f"Loaded: while {args.load:,.0f} points/s are logged. Bare: ClickHouse alone, as many rows of the same "
            "view, idle; the ratio is of p50.",
        ),
    )


if __name__ == "__main__":
    main()
