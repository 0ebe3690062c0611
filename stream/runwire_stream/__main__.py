"""``python -m runwire_stream``: the stream worker by itself."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from runwire.errors import RunwireError
from runwire_stream import worker

_EXAMPLES = """example:
  python -m runwire_stream --kafka 127.0.0.1:9092 --clickhouse http://127.0.0.1:8123

Run as many as the topics have partitions; each takes its share.
"""


def main(arguments: list[str] | None = None) -> int:
    """Run the worker until it is told to stop; return the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m runwire_stream",
        description="Store in ClickHouse what comes through Kafka.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    env = os.environ.get
    home = Path(env("RUNWIRE_HOME") or Path.home() / ".runwire")
    parser.add_argument("--kafka", default=env("RUNWIRE_KAFKA"), help="host:port (default: RUNWIRE_KAFKA)")
    parser.add_argument("--clickhouse", default=env("RUNWIRE_CLICKHOUSE"), help="URL (default: RUNWIRE_CLICKHOUSE)")
    parser.add_argument("--home", type=Path, default=home, help="default: RUNWIRE_HOME, else ~/.runwire")
    parser.add_argument("--metrics-host", default="127.0.0.1", help="where /metrics is told (default: %(default)s)")
    parser.add_argument("--metrics-port", type=int, help="... and on which port (default: not at all)")
    given = parser.parse_args(arguments)
    if not given.kafka:
        parser.error("where is Kafka? Give --kafka HOST:PORT or set RUNWIRE_KAFKA")
    if not given.clickhouse:
        parser.error("where is ClickHouse? Give --clickhouse URL or set RUNWIRE_CLICKHOUSE")
    try:
        return worker.run(
            given.kafka,
            given.clickhouse,
            given.home / "stream",
            metrics_host=given.metrics_host,
            metrics_port=given.metrics_port,
        )
    except RunwireError as error:
        sys.stderr.write(f"error: {error}\n")
        return 2


if __name__ == "__main__":
    sys.exit(main())
