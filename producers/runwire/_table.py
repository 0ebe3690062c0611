"""Tables: rows of cells that are logged as one thing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from runwire._values import TEXT_MAX, Logged, Warn, listed, plain
from runwire.errors import UsageError, WireError
from runwire.wire.json import dumps
from runwire.wire.names import check_metric

#: What JSON holds as it is.
_PLAIN = {float, bool, type(None)}
#: Rows are looked at so many at once, and written in parts of so many bytes at most; none may take more by itself.
_ROWS_AT_ONCE, _PART_BYTES_MAX = 500, 1 << 18


class Table(Logged):
    """A table: rows of cells, which are numbers, texts, booleans, None, and lists and dicts of these.

    It is stored a row each, so that ``runwire sql`` can group and join what it holds, and shown by ``runwire show`` and
    on the page. A cell of any other kind is stored as its text.

    ::

        table = runwire.Table(columns=["input", "prediction", "label"])
        table.add_data("3 + 4", 7, "7")
        runwire.log({"predictions": table})
        runwire.log({"scores": runwire.Table(dataframe=frame)})

    Args:
        columns: names of the columns; None for those of the data.
        data: rows, each as many cells as there are columns; or a pandas or polars frame; or columns by name; or an
            array (numpy, torch, jax) of shape (rows, columns). Rows and columns may be arrays, too.
        dataframe: a pandas or polars frame.

    Attributes:
        columns: the names of the columns.
        data: the rows, as lists.

    Raises:
        UsageError: a name is none or there twice, or a row has another number of cells.
    """

    def __init__(self, columns: Sequence[Any] | None = None, data: Any = None, *, dataframe: Any = None) -> None:
        names, rows = _read(dataframe if dataframe is not None else data)
        chosen = names if columns is None else list(columns)
        if not chosen:
            chosen = [f"column_{number}" for number in range(1, 1 + (len(rows[0]) if rows else 0))]
        self.columns: list[str] = []
        self.data: list[list[Any]] = []
        for name in map(str, chosen):
            self._check_column(name)
            self.columns.append(name)
        for row in rows:
            self.add_data(*row)

    def add_data(self, *cells: Any) -> None:
        """Add a row.

        Args:
            cells: one for each column.

        Raises:
            UsageError: there are more or fewer of them.
        """
        if len(cells) != len(self.columns):
            raise UsageError(
                f"the row {cells!r:.80} has {len(cells)} cells, and the table {len(self.columns)} columns: "
                f"{', '.join(self.columns) or 'none'}"
            )
        self.data.append(list(cells))

    def add_column(self, name: str, data: Iterable[Any]) -> None:
        """Add a column.

        Args:
            name: what to call it.
            data: one cell for each row.

        Raises:
            UsageError: there are more or fewer of them, or there is such a column.
        """
        self._check_column(name)
        cells = _cells(data)
        if self.columns and len(cells) != len(self.data):
            raise UsageError(f"the column {name!r:.80} has {len(cells)} cells, and the table {len(self.data)} rows")
        if not self.columns:
            self.data = [[] for _ in cells]
        self.columns.append(name)
        for row, cell in zip(self.data, cells, strict=True):
            row.append(cell)

    def get_column(self, name: str) -> list[Any]:
        """Return the cells of a column.

        Args:
            name: of the column.

        Raises:
            UsageError: there is none of that name.
        """
        if name not in self.columns:
            raise UsageError(f"there is no column {name!r:.80}; there is: {', '.join(self.columns) or 'none'}")
        place = self.columns.index(name)
        return [row[place] for row in self.data]

    def iterrows(self) -> Iterator[tuple[int, list[Any]]]:
        """Yield each row with its place."""
        yield from enumerate(self.data)

    def __len__(self) -> int:
        return len(self.data)

    def __repr__(self) -> str:
        return f"<Table {len(self.data)} rows of {', '.join(self.columns) or 'no columns'}>"

    def parts(self, warn: Warn) -> Iterator[tuple[int, list[list[Any]]]]:
        """Yield the rows as plain data, in parts that each fit a message, each part with the place of its first row.

        Args:
            warn: is told of what is not stored as it is.
        """
        if not self.data:
            yield 0, []
        first, rows = 0, iter(self.data)
        while some := list(islice(rows, _ROWS_AT_ONCE)):
            for part in _cut([row if _is_plain(row) else _plain(row, warn) for row in some], warn):
                yield first, part
                first += len(part)

    def _check_column(self, name: str) -> None:
        try:
            check_metric(name)
        except WireError as error:
            raise UsageError(f"a column: {str(error).replace('metric name', 'name')}") from None
        if name in self.columns:
            raise UsageError(f"there are two columns {name!r:.80}")
        from runwire.wire.tables import COLUMNS_MAX  # noqa: PLC0415 -- who logs numbers alone need not load it

        if len(self.columns) >= COLUMNS_MAX:
            raise UsageError(f"a table has at most {COLUMNS_MAX} columns")


def _cut(rows: list[list[Any]], warn: Warn) -> Iterator[list[list[Any]]]:
    """Yield rows in parts that are not too large."""
    size = len(dumps(rows))
    if size <= _PART_BYTES_MAX:
        yield rows
    elif len(rows) > 1:
        half = len(rows) // 2
        yield from _cut(rows[:half], warn)
        yield from _cut(rows[half:], warn)
    else:
        most = _PART_BYTES_MAX >> 10
        warn("table", "row", f"a table's row takes {size >> 10} kB, {most} are the most: its cells are left out")
        yield [[None] * len(rows[0])]


def _is_plain(row: list[Any]) -> bool:
    """Return whether a row is stored as it is: most are, and to look at a cell takes less than to copy it."""
    for cell in row:
        kind = type(cell)
        if kind is str:
            if len(cell) > TEXT_MAX or not cell.isascii():
                return False
        elif kind is int:
            if not -(2**63) <= cell < 2**64:
                return False
        elif kind not in _PLAIN:
            return False
    return True


def _plain(row: list[Any], warn: Warn) -> list[Any]:
    """Return a row as plain data."""
    told = [plain(cell) for cell in row]
    if any(isinstance(cell, str) and len(cell) > TEXT_MAX for cell in told):
        warn("table", "text", f"a table's texts are cut at {TEXT_MAX >> 10} KiB: log longer ones as files")
    return told


def _read(data: Any) -> tuple[list[Any], Sequence[Sequence[Any]]]:
    """Return the columns' names, as far as the data has some, and its rows."""
    if data is None:
        return [], []
    columns = getattr(data, "columns", None)
    if isinstance(data, Mapping):
        return list(data), list(zip(*map(_cells, data.values()), strict=True))
    if columns is not None and callable(getattr(data, "iter_rows", None)):  # polars
        return list(columns), list(data.iter_rows())
    if columns is not None and callable(getattr(data, "itertuples", None)):  # pandas
        return list(columns), list(data.itertuples(index=False, name=None))
    if not isinstance(data, Iterable) or isinstance(data, (str, bytes)):
        raise UsageError(f"data is a {type(data).__name__}: pass a list of rows, a pandas or polars frame, or an array")
    rows = [listed(row) for row in _cells(data)]
    for row in rows:
        if not isinstance(row, (list, tuple)):
            raise UsageError(f"the row {row!r:.80} is a {type(row).__name__}: pass a list of cells a row")
    return [], rows


def _cells(data: Iterable[Any]) -> list[Any]:
    """Return what an array or another iterable holds."""
    return list(listed(data))
