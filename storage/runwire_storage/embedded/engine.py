"""chDB: the engine in this process. Each request has its own session, which costs 0.1 ms and leaves nothing behind.

A chDB connection is such a session: its settings, its current database and its temporary tables end with it. Calls on
one connection are serial; those on several run at once, without Python's lock.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from runwire_storage.embedded import config, guard
from runwire_storage.embedded.errors import (
    BAD_ARGUMENTS,
    READONLY,
    SHUTTING_DOWN,
    TOO_MANY_QUERIES,
    EngineError,
    StartError,
)
from runwire_storage.embedded.settings import EmbeddedSettings
from runwire_storage.embedded.statement import Statement

_NAME = re.compile(r"[A-Za-z_]\w*\Z", re.ASCII)


@dataclass(frozen=True)
class Query:
    """What one request asks of the engine.

    Attributes:
        statement: the statement.
        data: the data of an INSERT as it comes, behind what ``statement`` already holds of them.
        format: of the result, unless the statement names one.
        database: the current database.
        settings, parameters: by name, as text.
        readonly: 0 may write, 1 may only read, 2 may read and choose settings.
    """

    statement: Statement
    data: Iterable[bytes] = ()
    format: str = "TabSeparated"
    database: str = "default"
    settings: dict[str, str] = field(default_factory=dict)
    parameters: dict[str, str] = field(default_factory=dict)
    readonly: int = 0


@dataclass(frozen=True)
class Result:
    """What the engine answers: the body, in the format asked for, and what it took."""

    body: memoryview
    seconds: float
    read_rows: int
    read_bytes: int
    written_rows: int
    written_bytes: int


class Engine:
    """The engine over one data folder. Safe to use from many threads.

    Raises:
        StartError: chDB is not installed, or cannot open the folder.
    """

    def __init__(self, path: Path, settings: EmbeddedSettings) -> None:
        self._path = str(path)
        self._settings = settings
        self._turns = threading.Semaphore(settings.queries_max)
        self._idle = threading.Condition()
        self._running = 0
        self._closing = False
        if "?" in self._path:
            raise StartError(f"{path}: the path holds a question mark, which chDB cannot open: choose another folder")
        try:
            from chdb import _chdb  # noqa: PLC0415 - starts an engine when imported; `serve` first checks the rest
        except ImportError as error:
            raise StartError(f"chDB is not installed ({error}): pip install 'runwire[local]'") from error
        self._connect: Any = _chdb.connect  # type: ignore[attr-defined]  # its stubs leave it out
        try:
            # Kept open for as long as the engine is to stay in this process.
            self._base = self._connect(f"{path}?config-file={config.write(path, settings)}")
            self.version, self.timezone = str(
                self._base.query("SELECT version(), timezone()", "TabSeparated").bytes().decode()
            ).split()
        except (RuntimeError, OSError) as error:
            raise StartError(f"{path}: the engine cannot open this folder: {error}") from error

    def run(self, query: Query) -> Result:
        """Run one query to its end.

        Raises:
            EngineError: it failed, was refused, or found no turn in time.
        """
        started = time.perf_counter()
        with self._turn(), self._session(query) as session:
            answer = self._insert(session, query) if query.statement.data is not None else self._select(session, query)
            return Result(
                body=memoryview(answer.bytes()),
                seconds=time.perf_counter() - started,
                read_rows=answer.storage_rows_read(),
                read_bytes=answer.storage_bytes_read(),
                written_rows=answer.rows_written(),
                written_bytes=answer.bytes_written(),
            )

    def close(self) -> bool:
        """Take no more queries, end those that only read, give inserts half of the time to finish; then close.

        Returns:
            Whether all of it ended. Acknowledged inserts are stored in either case.
        """
        patience = self._settings.stop_seconds_max / 2
        with self._idle:
            self._closing = True
        if not self._ended("query_kind = 'Select'", patience) and not self._ended("1", patience / 2):
            return False
        closing = threading.Thread(target=self._base.close, daemon=True)
        closing.start()
        closing.join(patience / 2)
        return not closing.is_alive()

    def _ended(self, which: str, seconds: float) -> bool:
        """Kill some of the running queries and wait for all of them; return whether none is left."""
        with self._idle:
            if self._running:
                with suppress(RuntimeError):
                    self._base.query(f"KILL QUERY WHERE {which} ASYNC", "Null")
            return self._idle.wait_for(lambda: not self._running, seconds)

    @contextmanager
    def _turn(self) -> Iterator[None]:
        if not self._turns.acquire(timeout=self._settings.queue_seconds_max):
            raise EngineError.of(
                TOO_MANY_QUERIES,
                "TOO_MANY_SIMULTANEOUS_QUERIES",
                f"{self._settings.queries_max} queries run already and none ended within "
                f"{self._settings.queue_seconds_max:g} s: try again later",
            )
        try:
            with self._idle:
                if self._closing:
                    raise EngineError.of(
                        SHUTTING_DOWN, "ABORTED", "the embedded ClickHouse is stopping: try again later"
                    )
                self._running += 1
            try:
                yield
            finally:
                with self._idle:
                    self._running -= 1
                    self._idle.notify_all()
        finally:
            self._turns.release()

    @contextmanager
    def _session(self, query: Query) -> Iterator[Any]:
        session = self._connect(self._path)
        try:
            if query.database != "default":
                session.query(f"USE {_quoted(query.database, '`')}", "Null")
            if assignments := list(self._assignments(query)):
                session.query(f"SET {', '.join(assignments)}", "Null")
            yield session
        except RuntimeError as error:
            raise EngineError.from_engine(str(error)) from None
        finally:
            session.close()

    def _assignments(self, query: Query) -> Iterator[str]:
        settings = dict(query.settings)
        if query.readonly:
            settings.setdefault("max_execution_time", f"{self._settings.readonly_seconds_max:g}")
            settings["readonly"] = str(query.readonly)
        # An INSERT with data cannot be given parameters in any other way; elsewhere they may be longer than a SET.
        bound = query.parameters if query.statement.data is not None else {}
        parameters = {f"param_{name}": value for name, value in bound.items()}
        for name, value in {**settings, **parameters}.items():
            if not _NAME.match(name):
                raise EngineError.of(BAD_ARGUMENTS, "BAD_ARGUMENTS", f"{name!r:.80} is no name of a setting")
            yield f"{name} = {_quoted(value)}"

    def _select(self, session: Any, query: Query) -> Any:
        text = query.statement.text
        kind = guard.check(session, text)
        if query.readonly:
            guard.check_readonly(
                kind,
                text,
                query.parameters,
                lambda sql: session.query(sql, "TabSeparated", params=query.parameters).bytes().decode(),
            )
        return session.query(text, query.format, params=query.parameters)

    def _insert(self, session: Any, query: Query) -> Any:
        if query.readonly:
            raise EngineError.of(READONLY, "READONLY", "Cannot execute query in readonly mode: INSERT")
        guard.check(session, f"{query.statement.text} FORMAT {query.statement.format}")
        handle = session.send_insert(query.statement.text, query.statement.format)
        try:
            if query.statement.data:
                session.insert_append(handle, query.statement.data)
            for chunk in query.data:
                session.insert_append(handle, chunk)
        except BaseException:
            session.insert_cancel(handle)
            raise
        return session.insert_done(handle)


def _quoted(text: str, quote: str = "'") -> str:
    return quote + text.replace("\\", "\\\\").replace(quote, "\\" + quote) + quote
