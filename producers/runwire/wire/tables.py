"""Rows of a Table: a few hundred a message, each a list of cells, as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from runwire.errors import WireError
from runwire.wire.json import dumps
from runwire.wire.messages import VERSION, _record
from runwire.wire.names import check_metric, check_rank, check_run

#: A table has at most so many columns.
COLUMNS_MAX = 1000
_INT64, _UINT64 = 2**63, 2**64


@dataclass(frozen=True)
class TableRows:
    """Some of the rows of a table that was logged.

    Attributes:
        seq: the place of these rows in the run's order.
        ts: when the table was logged, microseconds since the epoch.
        step: at which step.
        key: under which name; of two tables of a name and step the later counts.
        table: the seq of the table's first message: what tells it from an earlier table of this name and step.
        columns: the names of its columns, each once; a name is what one of a metric may be.
        total: how many rows it has in all.
        first: the place of the first of these rows.
        rows: each a list of cells, as many as columns: plain data.
    """

    run: str
    rank: int
    seq: int
    ts: int
    step: int
    key: str
    table: int
    columns: Sequence[str]
    total: int
    first: int
    rows: Sequence[Sequence[Any]]

    def encode(self) -> bytes:
        """Return the message's value.

        Raises:
            WireError: a cell is not plain data.
        """
        return dumps({"v": VERSION, **vars(self)})  # not `asdict`, which would copy every cell

    @classmethod
    def parse(cls, value: bytes) -> TableRows:
        """Read a message's value.

        Raises:
            WireError: it holds no rows of a table.
        """
        record = _record(value)
        columns, rows = record.get("columns"), record.get("rows")
        if not isinstance(columns, list) or not 0 < len(columns) <= COLUMNS_MAX:
            raise WireError(f"columns is {columns!r:.80}, expected a list of 1 to {COLUMNS_MAX} names")
        if len(set(map(check_metric, columns))) < len(columns):
            raise WireError(f"columns is {columns!r:.80}, expected each name once")
        if not isinstance(rows, list) or not all(isinstance(row, list) and len(row) == len(columns) for row in rows):
            raise WireError(f"rows is {rows!r:.80}, expected lists of {len(columns)} cells")
        first, total = _integer(record, "first", 0, _UINT64), _integer(record, "total", 0, _UINT64)
        if first + len(rows) > total:
            raise WireError(f"rows up to {first + len(rows)} of a table of {total}")
        return cls(
            run=check_run(record.get("run")),
            rank=check_rank(record.get("rank")),
            seq=_integer(record, "seq", 0, _UINT64),
            ts=_integer(record, "ts", -_INT64, _INT64),
            step=_integer(record, "step", -_INT64, _INT64),
            key=check_metric(record.get("key")),
            table=_integer(record, "table", 0, _UINT64),
            columns=columns,
            total=total,
            first=first,
            rows=rows,
        )


def _integer(record: dict[str, Any], key: str, least: int, end: int) -> int:
    value = record.get(key)
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value < end:
        raise WireError(f"{key} is {value!r:.80}, expected an integer from {least} to {end - 1}")
    return value
