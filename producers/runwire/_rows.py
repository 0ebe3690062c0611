"""What a run logs that is not a row as one before it: it is read, cut, and told; and what such rows need is learned."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any, Literal

from runwire import _values
from runwire._definitions import Definitions, Synced
from runwire._recorder import Recorder
from runwire._table import Table
from runwire._values import Logged, Warn
from runwire.spool.format import KEYS_BYTES_MAX, KEYS_MAX

_INT_EXACT = 2**53
_SHAPES_MAX = 1000


class Rows:
    """Takes rows of new keys, nested, of other types, or wrong in places, and tables and media.

    Args:
        run: the run's id.
        rank: of this process in it.
        recorder: writes them.
        warn: is told of what is wrong.

    Attributes:
        shapes: the keys of rows that need not come here any more, since nothing was wrong with them, each with what
            they need besides being written, mostly nothing. Cleared where each row is to be looked at again.
    """

    def __init__(self, run: str, rank: int, recorder: Recorder, warn: Warn) -> None:
        self._run, self._rank, self._recorder, self._warn = run, rank, recorder, warn
        self._definitions = Definitions()
        self._last_steps: dict[str, float] = {}
        self.shapes: dict[tuple[str, ...], Synced | Literal[False]] = {}

    def define(self, name: str, *, overwrite: bool, **given: Any) -> None:
        """Say what is defined of a metric, as `runwire.Run.define_metric` takes it.

        Raises:
            UsageError: an argument is not what it must be.
        """
        new = self._definitions.define(name, overwrite=overwrite, **given)
        self.shapes.clear()
        if new:
            self._recorder.event("metric", new)

    def log(self, data: Any, step: int | None, ts: int, *, more: bool) -> None:
        """Log whatever it is, as far as it can be.

        Args:
            data: as `runwire.Run.log` takes it.
            step: int64; None for the step after the last.
            ts: microseconds since the epoch.
            more: whether more of the same step follows.
        """
        if not isinstance(data, Mapping):
            self._warn("log", "data", f"log() takes a dict of numbers by name, not {data!r:.80}: nothing logged")
            return
        try:
            found, others = _values.loggable(data, self._warn)
        except Exception as error:  # noqa: BLE001 -- a foreign mapping may raise anything; the training goes on
            self._warn("log", "data", f"log() cannot read a {type(data).__name__}: {error!r:.200}: nothing logged")
            return
        synced = self._learn(found)
        if synced:
            keys, values = synced.complete(tuple(found), found.values())
            parts = list(_parts(dict(zip(keys, values, strict=True))))
        else:
            parts = list(_parts(found))
        for index, part in enumerate(parts):
            self._recorder.row(
                tuple(part), step, ts, part.values(), more=more or bool(others) or index + 1 < len(parts)
            )
        if others or not data:  # a row of nothing is one, too: it closes a step that was left open
            step = self._recorder.take_step(step, more=more)
            for name, logged in others.items():
                self._log_others(name, logged, step, ts)
        if len(parts) == 1 and len(found) == len(data):
            if len(self.shapes) >= _SHAPES_MAX:
                self.shapes.clear()
            self.shapes[tuple(found)] = synced

    def step(self, step: Any) -> int | None:
        """Return the int64 that a step is; None for what is none, which is said."""
        chosen = _values.step_number(step)
        if chosen is None:
            self._warn(
                "step",
                type(step).__name__,
                f"step {step!r:.60} is a {type(step).__name__}, not an int64: the values are logged at the next step",
            )
        return chosen

    def _learn(self, found: dict[str, float]) -> Synced | Literal[False]:
        """Tell what is defined of metrics that are new, and return what their rows need."""
        if not self._definitions:
            self._definitions.seen(found)
            return False
        new = self._definitions.new(found)
        if new:
            self._recorder.event("metric", new)
        return Synced.find(self._definitions, tuple(found), self._last_steps) or False

    def _log_others(self, key: str, logged: list[Logged], step: int, ts: int) -> None:
        """Log a table, or media."""
        if len(logged) == 1 and isinstance(logged[0], Table):
            self._log_table(key, logged[0], step, ts)
            return
        from runwire.media.record import record  # noqa: PLC0415 -- who logs numbers alone need not load it

        tables = record(key, logged, step, self._recorder, self._warn)
        for name, table in tables.items():
            self._log_table(name, table, step, ts)

    def _log_table(self, key: str, table: Table, step: int, ts: int) -> None:
        columns, total = list(table.columns), len(table)
        if not columns:
            self._warn(key, "columns", f"the table {key!r:.80} has no columns: not logged")
            return
        from runwire.wire.tables import TableRows  # noqa: PLC0415 -- who logs numbers alone need not load it

        number: int | None = None
        for first, rows in table.parts(self._warn):

            def message(seq: int, first: int = first, rows: list[list[Any]] = rows) -> bytes:
                nonlocal number
                number = seq if number is None else number
                return TableRows(
                    self._run, self._rank, seq, ts, step, key, number, columns, total, first, rows
                ).encode()

            self._recorder.part(message)


def floats(values: Collection[Any]) -> list[float] | None:
    """Return floats, integers and booleans as floats; None if one of them is not exactly a float64."""
    found = []
    for value in values:
        if type(value) is int and not -_INT_EXACT <= value <= _INT_EXACT:
            return None
        found.append(float(value))
    return found


def _parts(found: dict[str, float]) -> Iterator[dict[str, float]]:
    """Yield the values in parts that each fit a record."""
    part: dict[str, float] = {}
    size = 0
    for key, value in found.items():
        size += len(key.encode()) + 3
        if part and (len(part) >= KEYS_MAX or size > KEYS_BYTES_MAX):
            yield part
            part, size = {}, len(key.encode()) + 3
        part[key] = value
    if part:
        yield part
