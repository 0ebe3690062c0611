"""One batch's way from messages to rows that are in the store."""

from __future__ import annotations

from collections.abc import Sequence

from runwire_faust.message import Message
from runwire_storage.artifacts import Collections
from runwire_storage.reader import Reader
from runwire_storage.rollup import latest
from runwire_storage.session import Session
from runwire_storage.writer import Writer
from runwire_stream.artifacts import fold
from runwire_stream.decode import gather
from runwire_stream.headers import Headers
from runwire_stream.state import State


class Ingest:
    """Stores batches, one at a time and in order.

    A batch's points are in before its rollups, and these before the totals, by which readers know what is rolled up.
    It may be interrupted anywhere, and stored again, see `runwire_stream.state`.
    """

    def __init__(self, session: Session) -> None:
        self._writer = Writer(session)
        self._collections = Collections(session)
        self._headers = Headers()
        self._state = State(Reader(session.ask))
        self._stale = False

    def forget(self) -> None:
        """Forget the series before the next batch: others may have written to them. Any thread may call it."""
        self._stale = True

    def store(self, messages: Sequence[Message]) -> list[tuple[Message, str]]:
        """Store what messages hold, and return those that hold nothing readable, each with the reason.

        Waits for as long as the store is away.

        Raises:
            StorageError: the store refuses; nothing may be acknowledged.
        """
        if self._stale:
            self._stale = False  # before, not after: what is said meanwhile is for the next batch
            self._state.forget()
        batch = gather(messages, self._headers)
        if len(batch.points):
            numbers = self._state.resolve(batch.names, batch.attempts)
            batch.points["series"] = numbers.take(batch.points["series"])
            rows = latest(batch.points)
            names = self._state.names
            self._writer.points(names, rows)
            self._writer.buckets(names, self._state.advance(rows))
            self._writer.totals(names, self._state.totals())
        self._writer.facts(batch.facts)
        self._writer.alerts(batch.alerts)
        self._writer.tables(batch.tables)
        self._writer.media(batch.media)
        if batch.artifacts:
            self._writer.artifacts(fold(self._collections.known(batch.artifacts), batch.artifacts))
        self._writer.console(batch.console)
        return batch.refused
