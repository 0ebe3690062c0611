"""Reading back what a worker needs to go on where another stopped: tails, and what open buckets are made of."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from runwire_storage.rows import BUCKET, POINT, TAIL, Ints, Rows, Series
from runwire_storage.schema import DATABASE, LEVELS
from runwire_storage.session import Session

#: So many series or buckets are named in one query.
_KEYS_MAX = 5_000

# The series are looked up by primary key: intDiv by a constant is a function of step that ClickHouse can invert, so
# only the granules of the wanted buckets are read. It rounds towards zero, so a bucket below zero may lie under two
# quotients; the join then picks what is truly in the bucket.
_WANTED = """
    WITH wanted AS (
        SELECT k.1 AS run, k.2 AS metric, k.3 AS rank, k.4 AS bucket, k.5 AS number
        FROM (SELECT arrayJoin(%(keys)s::Array(Tuple(String, String, UInt32, Int64, Int64))) AS k)
    )
"""
_QUOTIENTS = "arrayJoin(if(bucket < 0, [bucket, bucket + 1], [bucket]))"

# All versions of a point are read, where FINAL would pick one: the tables keep the highest seq anyhow.
_POINTS = f"""{_WANTED}
    SELECT w.number, p.step, p.seq, p.value
    FROM (
        SELECT run, metric, rank, step, seq, value FROM {DATABASE}.stored_points
        WHERE (run, metric, rank, intDiv(step, {1 << LEVELS[0]}))
            IN (SELECT run, metric, rank, {_QUOTIENTS} FROM wanted)
    ) AS p
    INNER JOIN wanted AS w
        ON p.run = w.run AND p.metric = w.metric AND p.rank = w.rank AND bitShiftRight(p.step, {LEVELS[0]}) = w.bucket
"""  # noqa: S608 -- constants

# Quoted: a bare nan is the number.
_NAMES = [f"`{name}`" for name in BUCKET.names or () if name not in {"series", "position", "seq"}]
_BUCKETS = f"""{_WANTED}
    SELECT w.number, p.bucket, p.seq, {", ".join(f"ifNull(p.{name}, 0)" for name in _NAMES)}
    FROM (
        SELECT run, metric, rank, bucket, seq, {", ".join(_NAMES)} FROM {DATABASE}.stored_rollups FINAL
        WHERE (run, metric, rank, level, intDiv(bucket, %(width)s))
            IN (SELECT run, metric, rank, %(level)s, {_QUOTIENTS} FROM wanted)
    ) AS p
    INNER JOIN wanted AS w
        ON p.run = w.run AND p.metric = w.metric AND p.rank = w.rank AND bitShiftRight(p.bucket, %(shift)s) = w.bucket
"""  # noqa: S608 -- constants

_TAILS = f"""{_WANTED}
    SELECT w.number, p.last_step, p.last_ts, p.last, p.seq
    FROM (
        SELECT * FROM {DATABASE}.stored_series FINAL
        WHERE (run, metric, rank) IN (SELECT run, metric, rank FROM wanted)
    ) AS p
    INNER JOIN wanted AS w ON p.run = w.run AND p.metric = w.metric AND p.rank = w.rank
"""  # noqa: S608 -- constants


class Recall:
    """Reads back through a session what `runwire_storage.writer.Writer` wrote."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def tails(self, names: Sequence[Series]) -> Rows:
        """Return the TAIL of each series that has one; ``series`` is its place in ``names``."""
        places = np.arange(len(names))
        return self._select(_TAILS, names, places, np.zeros(len(names), np.int64), TAIL)

    def points(self, names: Sequence[Series], number: Ints, bucket: Ints) -> Rows:
        """Return the POINTs in buckets of the lowest level: bucket ``bucket[i]`` of series ``names[number[i]]``.

        A point that was replaced may come too, with its lower seq.
        """
        return self._select(_POINTS, names, number, bucket, POINT)

    def buckets(self, level: int, names: Sequence[Series], number: Ints, bucket: Ints) -> Rows:
        """Return the BUCKETs of ``level`` that lie in buckets of the level above, given like those of `points`."""
        shift = LEVELS[LEVELS.index(level) + 1] - level
        return self._select(_BUCKETS, names, number, bucket, BUCKET, level=level, shift=shift, width=1 << shift)

    def _select(
        self, sql: str, names: Sequence[Series], number: Ints, bucket: Ints, dtype: np.dtype[np.void], **more: int
    ) -> Rows:
        pairs = zip(number.tolist(), bucket.tolist(), strict=True)
        keys = [(*names[place], position, place) for place, position in pairs]
        parts = [
            self._session.select(sql, {"keys": keys[start : start + _KEYS_MAX], **more}, dtype)
            for start in range(0, len(keys), _KEYS_MAX)
        ]
        return np.concatenate(parts) if parts else np.zeros(0, dtype)
