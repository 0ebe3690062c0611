"""Workers of the tests' own, what they are fed, and what they should have made of it."""

from __future__ import annotations

import contextlib
import random
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import brute
import numpy as np
from clickhouse_connect.driver.client import Client
from kafka import KafkaProducer
from parts import ready, until

from runwire.wire import METRICS, Frame, encode
from runwire_server.local import ports
from runwire_storage.client import connect
from runwire_storage.rows import COUNTS, EXTREMES
from runwire_storage.schema import TIME

_PATIENCE = 120


@dataclass
class Worker:
    """A running ``python -m runwire_stream``, which has its partitions."""

    process: subprocess.Popen[bytes]
    log: Path

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def stop(self) -> int:
        self.process.terminate()
        return self.process.wait(_PATIENCE)


@contextlib.contextmanager
def running(
    kafka: str, clickhouse: str, home: Path, log: Path, *flags: str, env: dict[str, str] | None = None
) -> Iterator[Worker]:
    """A worker, ready; killed afterwards."""
    argv = [sys.executable, "-m", "runwire_stream", "--kafka", kafka, "--clickhouse", clickhouse, "--home", str(home)]
    with ready([*argv, *flags], log, env) as process:
        yield Worker(process, log)


class Engine:
    """A ClickHouse of the test's own, which may be killed."""

    def __init__(self, path: Path) -> None:
        self.path, self.port = path, ports.free()
        self.url = f"http://{ports.HOST}:{self.port}"
        self.start()

    def start(self) -> None:
        argv = [sys.executable, "-m", "runwire_storage.embedded", "--path", str(self.path), "--port", str(self.port)]
        with self.path.with_suffix(".log").open("ab") as log:
            self.process = subprocess.Popen(argv, stderr=log)
        until(lambda: not ports.is_free(self.port), "clickhouse listens")

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


@dataclass
class Log:
    """What one run and rank logs, and sends as the shipper does."""

    run: str
    kafka: str
    rank: int = 0
    seq: int = 0
    rows: list[tuple[tuple[str, str, int], int, float, int]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.random = random.Random(self.run)
        self._producer = KafkaProducer(bootstrap_servers=self.kafka, acks="all", linger_ms=2)

    def send(
        self, steps: Sequence[int], keys: Sequence[str] = ("loss", "lr", "acc"), partition: int | None = None
    ) -> None:
        """Send one record of a row a step, into the partition that the key names, unless another one is given."""
        key, value = self.message(steps, keys)
        self._producer.send(METRICS, key=key, value=value, partition=partition)

    def message(self, steps: Sequence[int], keys: Sequence[str] = ("loss", "lr", "acc")) -> tuple[bytes, bytes]:
        """Log a row a step, with values that rollups are likely to get wrong. Return the message that tells of it."""
        count = len(steps)
        seq = np.arange(self.seq + 1, self.seq + 1 + count, dtype=np.uint64)
        self.seq += count
        values = [[self._value() for _ in steps] for _ in keys]
        step = np.array(steps, np.int64)
        planes = [seq, step, step * 1000 + 1_700_000_000_000_000, *(np.array(row) for row in values)]
        for key, row in zip(keys, values, strict=True):
            columns = zip(steps, row, seq.tolist(), strict=True)
            self.rows += [((self.run, key, self.rank), at, number, its) for at, number, its in columns]
        frame = Frame(list(keys), count, [plane.tobytes() for plane in planes])
        return f"{self.run}/{self.rank}".encode(), encode(self.run, self.rank, [frame])

    def renew(self) -> None:
        """Send by a new producer from here on, which knows what partitions there are now."""
        self.close()
        self._producer = KafkaProducer(bootstrap_servers=self.kafka, acks="all", linger_ms=2)

    def flush(self) -> None:
        """Wait until Kafka has all of it."""
        self._producer.flush()

    def close(self) -> None:
        """Flush, and end."""
        self.flush()
        self._producer.close()

    def _value(self) -> float:
        odd = (float("nan"), float("inf"), -float("inf"), 0.0, -0.0, 5e-324, 1e308)
        return (
            self.random.choice(odd)
            if self.random.random() < 0.1
            else self.random.gauss(0, 1) * 10.0 ** self.random.randint(-9, 9)
        )


class Store:
    """Looks at ClickHouse from aside, past our own reading code."""

    def __init__(self, url: str) -> None:
        self.client: Client = connect(url)

    def points(self, run: str) -> dict[tuple[Any, int], bytes]:
        sql = "SELECT metric, rank, step, reinterpretAsUInt64(value) FROM runwire.points WHERE run = {run:String}"
        rows = self.client.query(sql, {"run": run}).result_rows
        out = {((run, metric, rank), step): value.to_bytes(8, "little") for metric, rank, step, value in rows}
        assert len(out) == len(rows), "a point stands in the view twice"
        return out

    def rollups(self, run: str) -> dict[tuple[Any, int, int], tuple[Any, ...]]:
        names = sorted(
            [*COUNTS, "version", "first_nonfinite_step", *EXTREMES, *(f"{name}_step" for name in EXTREMES), "sum"]
        )
        columns = ", ".join(f"`{name}`" for name in names)
        where = f"FROM runwire.stored_rollups FINAL WHERE run = {{run:String}} AND metric != '{TIME}'"
        sql = f"SELECT metric, rank, level, bucket, {columns} {where}"
        rows = self.client.query(sql, {"run": run}).result_rows
        out = {
            ((run, metric, rank), level, bucket): brute.bits(dict(zip(names, row, strict=True)))
            for metric, rank, level, bucket, *row in rows
        }
        assert len(out) == len(rows), "a bucket stands in the table twice"
        return out

    def totals(self, run: str) -> dict[tuple[str, str, int], tuple[Any, ...]]:
        """Return what is known of each whole series, as `brute.totals` does."""
        extremes = ("min", "min_step", "max", "max_step")
        names = sorted([*COUNTS, "version", "first_nonfinite_step", "first_step", "last_step", "last", *extremes])
        columns = ", ".join(f"`{name}`" for name in names)
        where = f"FROM runwire.stored_series FINAL WHERE run = {{run:String}} AND metric != '{TIME}'"
        rows = self.client.query(f"SELECT metric, rank, {columns} {where}", {"run": run}).result_rows
        return {(run, metric, rank): brute.bits(dict(zip(names, row, strict=True))) for metric, rank, *row in rows}

    def caught_up(self, log: Log) -> bool:
        """Whether every point that was sent is in the totals, which are written last: a version adds up the seqs."""
        wanted: dict[Any, int] = {}
        for (series, _), (_, seq) in brute.final(log.rows).items():
            wanted[series] = wanted.get(series, 0) + seq
        sql = "SELECT metric, rank, version FROM runwire.stored_series FINAL WHERE run = {run:String}"
        found = self.client.query(sql, {"run": log.run}).result_rows
        return wanted.items() <= {(log.run, metric, rank): version for metric, rank, version in found}.items()

    def check(self, *logs: Log) -> None:
        """Wait until all of it is stored; then points and rollups must be what was logged, to the bit."""
        for log in logs:
            until(partial(self.caught_up, log), f"{log.run} stored")
            wanted = {key: np.float64(value).tobytes() for key, (value, _) in brute.final(log.rows).items()}
            assert self.points(log.run) == wanted
            assert self.rollups(log.run) == brute.rollups(log.rows)
